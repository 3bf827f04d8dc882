from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import lines
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid
from chalicelib.core.table import transact
from chalicelib.entitlements import service as entitlements
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.lines.contract import Item, Sold
from chalicelib.lines.photos import service
from chalicelib.lines.photos.holds import store as holds
from chalicelib.lines.photos.line import LINE
from chalicelib.organizations.service import DEFAULT
from tests.events.people import ADMIN, opened
from tests.lines.photos.pictures import jpeg

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")


def items(*photos):
    return [Item("photos", photo.id) for photo in photos]


@pytest.fixture
def on_sale(world):
    """Four approved photos of one event."""
    photos = world.upload(*(jpeg(seed=number) for number in range(4)))
    return [service.approve_photo(ADMIN, photo.id).photo for photo in photos]


def quote(*photos):
    return LINE.quote(DEFAULT, items(*photos), clock.now())


def sold(world, *photos, order="ord_1"):
    return Sold(
        organization=DEFAULT,
        order=order,
        line="line-1",
        owner=BUYER.user,
        subject=world.event.id,
        refs=tuple(photo.id for photo in photos),
        code="ABCD2345",
        buyer="anna@shop.example",
        amount=100_00,
        currency="THB",
        payment="pay_1",
        paid_at=clock.now(),
    )


def test_photos_are_found_as_a_line_of_sale():
    assert lines.of_kind("photos") is LINE
    assert lines.discover().keys() == {"credits", "photos", "prints", "tickets"}


def test_an_unknown_line_of_sale_is_refused():
    with pytest.raises(Invalid, match="unknown_kind"):
        lines.of_kind("rockets")


def test_photos_of_an_event_are_quoted_together(world, on_sale):
    (line,) = quote(*on_sale).lines

    assert (line.kind, line.subject, line.title) == ("photos", world.event.id, world.event.name)
    assert (line.amount, line.list_amount) == (299_00, 316_00)
    assert set(line.refs) == {photo.id for photo in on_sale}
    assert "lowest price for 4 photos" in line.because


def test_the_same_photo_twice_costs_once(on_sale):
    assert quote(on_sale[0], on_sale[0]).total == 79_00


def test_each_event_is_a_line_of_its_own(world, on_sale):
    other = events.assign(ADMIN, opened(name="Other", status=EventStatus.LIVE).id, world.photographer.known_user)
    (there,) = replace(world, event=other).upload(jpeg(seed=9))
    there = service.approve_photo(ADMIN, there.id).photo

    found = quote(on_sale[0], there)

    assert sorted(line.subject for line in found.lines) == sorted([world.event.id, other.id])
    assert found.total == 158_00


@pytest.mark.parametrize("ref", ["pho_01J00000000000000000000001", "evt_01J00000000000000000000001", "nonsense"])
def test_a_photo_that_is_not_there_is_a_problem_and_no_price(on_sale, ref):
    found = LINE.quote(DEFAULT, [*items(on_sale[0]), Item("photos", ref)], clock.now())

    assert [(problem.ref, problem.code) for problem in found.problems] == [(ref, "photo_not_found")]
    assert found.total == 79_00


def test_another_tenants_photo_is_not_there(on_sale):
    found = LINE.quote("org_01J00000000000000000000009", items(on_sale[0]), clock.now())

    assert [problem.code for problem in found.problems] == ["photo_not_found"]


def test_a_photo_waiting_for_approval_is_a_problem(world):
    (photo,) = world.upload(jpeg(seed=5))

    assert [problem.code for problem in quote(photo).problems] == ["photo_not_for_sale"]


def test_a_closed_event_sells_nothing(world, on_sale):
    current = events.get(DEFAULT, world.event.id)
    events.move_event(ADMIN, world.event.id, EventStatus.CLOSED, current.version)

    found = quote(*on_sale)

    assert found.lines == ()
    assert {problem.code for problem in found.problems} == {"sale_closed"}


def test_photos_are_held_for_an_order_until_they_are_released(world, on_sale):
    (line,) = quote(*on_sale).lines
    until = clock.now() + timedelta(hours=1)

    for _ in range(2):
        transact(*LINE.hold(DEFAULT, line, "ord_1", until))
    assert all(holds.is_held(DEFAULT, world.event.id, photo.id) for photo in on_sale)

    for _ in range(2):
        transact(*LINE.release(DEFAULT, line.subject, line.refs, "ord_1"))
    assert not any(holds.is_held(DEFAULT, world.event.id, photo.id) for photo in on_sale)


def test_handing_over_grants_each_photo_and_marks_the_event_sold(world, on_sale):
    LINE.fulfil(sold(world, *on_sale))

    grants = entitlements.list_grants(BUYER, "ord_1")
    assert {grant.resource for grant in grants} == {photo.id for photo in on_sale}
    assert {(grant.limit, grant.remaining, grant.hours) for grant in grants} == {(3, 3, 72)}
    assert {grant.key for grant in grants} == {photo.delivery_key for photo in on_sale}
    assert events.get(DEFAULT, world.event.id).sold_at is not None


@pytest.mark.parametrize("licence", ["personal", "commercial"])
def test_the_licence_is_of_the_class_that_was_bought(world, on_sale, licence):
    LINE.fulfil(replace(sold(world, on_sale[0]), licence=licence))

    (grant,) = entitlements.list_grants(BUYER, "ord_1")
    assert grant.licence["terms"]["class"] == licence


def test_handing_over_twice_grants_once(world, on_sale):
    LINE.fulfil(sold(world, *on_sale))
    entitlements.download(BUYER, "ord_1", on_sale[0].id)

    LINE.fulfil(sold(world, *on_sale))

    assert sorted(grant.remaining for grant in entitlements.list_grants(BUYER, "ord_1")) == [2, 3, 3, 3]


def test_an_event_may_grant_more_downloads_for_longer(world, on_sale):
    generous = opened(status=EventStatus.LIVE, download_limit=7, download_hours=24)

    LINE.fulfil(replace(sold(world, on_sale[0]), subject=generous.id))

    (grant,) = entitlements.list_grants(BUYER, "ord_1")
    assert (grant.limit, grant.hours) == (7, 24)


def test_an_event_deleted_before_the_money_came_is_handed_over_all_the_same(world, on_sale):
    events.delete_event(ADMIN, world.event.id)

    LINE.fulfil(sold(world, on_sale[0]))

    assert [grant.resource for grant in entitlements.list_grants(BUYER, "ord_1")] == [on_sale[0].id]


def test_what_was_bought_is_handed_over_even_when_it_went_off_sale(world, on_sale):
    service.reject_photo(ADMIN, on_sale[0].id, "The runner asked for it.")

    LINE.fulfil(sold(world, on_sale[0]))

    assert [grant.resource for grant in entitlements.list_grants(BUYER, "ord_1")] == [on_sale[0].id]
