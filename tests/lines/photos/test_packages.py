"""The organization's packages, those of an event, and the one that a buyer selects."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.carts import schemas
from chalicelib.carts import service as carts
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.events.model import EventStatus
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import service
from chalicelib.lines.photos.pricing import Licence, Package, default_packages
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from tests.events.people import ADMIN, OTHER, caller, opened, planned
from tests.lines.photos.pictures import jpeg

USUAL = default_packages("THB")
BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")
BUNDLE = Package("bundle", "Bundle of 3", 3, 150_00, extra=20_00)
PRESS = Package("press", "Press", 1, 900_00, licence=Licence.COMMERCIAL)
OWN = (Package("one", "One", 1, 50_00),)


@pytest.fixture
def on_sale(world):
    """Four approved photos of one event."""
    photos = world.upload(*(jpeg(seed=number) for number in range(4)))
    return [service.approve_photo(ADMIN, photo.id).photo.id for photo in photos]


def codes(prices):
    return [package.code for package in prices.packages]


def select(*photos, package="bundle", event):
    return carts.select(BUYER, kind="photos", subject=event.slug, package=package, refs=photos)


# --- the organization's -------------------------------------------------------------------------------------


def test_templates_begin_with_the_default_ones_and_hold_for_events_without_their_own(world):
    service.add_package(ADMIN, BUNDLE)
    cheaper = replace(BUNDLE, price=120_00)
    changed = service.change_package(ADMIN, cheaper, 1)
    service.drop_package(ADMIN, "twenty")

    prices = service.list_packages(DEFAULT)
    assert (changed.version, prices.version) == (2, 3)
    assert prices.packages == (*USUAL[:3], USUAL[4], cheaper)
    inherited = service.packages_of(DEFAULT, world.event.id)
    assert (inherited.packages, inherited.version) == (prices.packages, 0)
    service.set_packages(ADMIN, world.event.id, OWN, 0)
    assert service.packages_of(DEFAULT, world.event.id).packages == OWN
    assert service.packages_of(organizations.create("Another").id, world.event.id).packages == USUAL


def test_what_changes_prices_is_audited(world):
    service.add_package(ADMIN, BUNDLE)
    service.change_package(ADMIN, replace(BUNDLE, price=120_00), 1)

    newest, first = audit.find(DEFAULT, Search(("packages", DEFAULT)), PageRequest()).items
    assert (newest.actor, list(newest.before), newest.before["bundle"]["price"]) == (ADMIN.user, ["bundle"], 150_00)
    assert newest.after["bundle"]["price"] == 120_00
    assert list(first.after) == ["bundle"]


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda: service.add_package(ADMIN, replace(BUNDLE, code="ten")), Conflict, "package_code_taken"),
        (lambda: service.change_package(ADMIN, BUNDLE, 0), NotFound, "package_not_found"),
        (lambda: service.change_package(ADMIN, replace(BUNDLE, code="ten"), 1), Conflict, "version_conflict"),
        (lambda: service.drop_package(ADMIN, "bundle"), NotFound, "package_not_found"),
        (lambda: service.drop_package(ADMIN, "single"), Invalid, "single_price_missing"),
    ],
)
def test_a_change_that_can_not_be_is_refused(aws, change, error, code):
    with pytest.raises(error, match=code):
        change()

    assert service.list_packages(DEFAULT).packages == USUAL


def test_two_who_add_at_once_both_have_added(aws, monkeypatch):
    real = service.packages.transact

    def race(*writes):
        monkeypatch.setattr(service.packages, "transact", real)
        service.add_package(ADMIN, PRESS)
        real(*writes)

    monkeypatch.setattr(service.packages, "transact", race)
    service.add_package(ADMIN, BUNDLE)

    assert codes(service.list_packages(DEFAULT))[-2:] == ["press", "bundle"]


# --- a buyer's choice ---------------------------------------------------------------------------------------


def test_a_selected_package_fills_the_cart_and_never_costs_more_than_another(world, on_sale):
    service.add_package(ADMIN, BUNDLE)

    bundled = select(*on_sale, event=world.event)
    unlimited = select(*on_sale, package="all", event=world.event)

    assert [(item.ref, item.package) for item in unlimited.cart.items] == [(id, "all") for id in on_sale]
    assert bundled.quote.total == unlimited.quote.total == 170_00
    (line,) = unlimited.quote.lines
    assert "All my photos, which you selected, would cost 1,329.00 THB more" in line.because
    (explained,) = schemas.Summary.of(unlimited).lines
    assert explained.words[:2] == [
        "1 x Bundle of 3 at 150.00 THB: 150.00 THB.",
        "1 x Further photo with Bundle of 3 at 20.00 THB: 20.00 THB.",
    ]
    assert (explained.count, explained.saved) == (4, 146_00)


def test_what_no_package_can_take_stays_out_of_the_cart(world, on_sale):
    other = opened(name="Other")

    for wanted, error, code in (
        ({"package": "bundle", "event": world.event}, NotFound, "package_not_found"),
        ({"package": "single", "event": world.event}, Unprocessable, "package_too_small"),
        ({"package": "all", "event": other}, Unprocessable, "other_event"),
        ({"package": "all", "event": planned()}, NotFound, "event_not_found"),
        ({"package": "all", "event": opened(status=EventStatus.CLOSED)}, Conflict, "sale_closed"),
    ):
        with pytest.raises(error, match=code):
            select(*on_sale, **wanted)
    with pytest.raises(NotFound, match="event_not_found"):
        service.select_package(OTHER, world.event.id, "all", tuple(on_sale))

    assert carts.open_cart(BUYER).cart.items == ()


def test_an_early_bird_is_sold_until_it_flies(world, on_sale):
    early = Package("early", "Early bird", 4, 99_00, closes_at=clock.now() + timedelta(hours=1))
    service.add_package(ADMIN, early)
    opened_early = select(*on_sale, package="early", event=world.event)

    with clock.travel(timedelta(hours=1)):
        later = carts.open_cart(BUYER)
        with pytest.raises(Conflict, match="package_not_on_sale"):
            select(*on_sale, package="early", event=world.event)

    assert (opened_early.quote.total, later.quote.total) == (99_00, 299_00)


def test_licences_are_priced_apart_and_stay_on_the_order(world, on_sale):
    carts.add(BUYER, [Item("photos", id) for id in on_sale])
    with pytest.raises(Conflict, match="licence_not_sold"):
        carts.relicense(BUYER, on_sale[0], "commercial")
    service.add_package(ADMIN, PRESS)

    opened = carts.relicense(BUYER, on_sale[0], "commercial")
    order = orders.place_order(BUYER, "checkout-1", email="b@buyer.example", language="en", expected_total=None)

    assert len(opened.cart.items) == 4
    assert {line.licence: line.tax_class for line in opened.quote.lines} == {
        "commercial": "licences",
        "personal": "photos",
    }
    assert {line.licence: (len(line.refs), line.amount) for line in order.lines} == {
        "commercial": (1, 900_00),
        "personal": (3, 237_00),
    }
    assert [share.takings.gross for line in order.lines for share in line.shares] == [
        line.amount for line in order.lines
    ]
    with pytest.raises(NotFound, match="item_not_found"):
        carts.relicense(BUYER, "pho_00000000000000000000000009", "personal")


def test_only_its_own_organizers_change_packages(world):
    foreign = caller("admin", organization=organizations.create("Another").id)

    service.add_package(foreign, BUNDLE)

    assert "bundle" not in codes(service.list_packages(DEFAULT))
