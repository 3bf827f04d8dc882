"""Photos go, unless somebody bought them or is about to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.carts import service as carts
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.entitlements.service import Sales
from chalicelib.events.assignments import service as assignments
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import jobs, service
from chalicelib.lines.photos.holds import store as holds
from chalicelib.lines.photos.line import LINE
from chalicelib.lines.photos.model import Counts, Processing, Wanted
from chalicelib.lines.photos.pricing import Licence, Package
from chalicelib.lines.photos.service import ingest, removal
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.events.people import ADMIN, OTHER, VISITOR, caller
from tests.lines.photos.conftest import ORIGINALS, PREVIEWS, keys
from tests.lines.photos.pictures import broken, jpeg

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")
PAGE = PageRequest(20)


@pytest.fixture
def on_sale(world):
    made = world.upload(jpeg(1), jpeg(2))
    return [service.approve_photo(ADMIN, photo.id).photo for photo in made]


def order(*photos, key="checkout-1"):
    carts.add(BUYER, [Item("photos", photo.id) for photo in photos])
    return orders.place_order(BUYER, key, email="anna@shop.example", language="en", expected_total=None)


def pay(placed):
    transact(*orders.pay(placed, "pay_1"))
    deliver.all()


def is_there(photo):
    return photo.id in service.find(DEFAULT, [photo.id])


def stored(photo):
    return [key for bucket in (ORIGINALS, PREVIEWS) for key in keys(bucket) if photo.id in key]


# --- what goes ----------------------------------------------------------------------------------------------


def test_a_removed_photo_is_gone_at_once_and_its_files_follow(world, on_sale):
    first, second = on_sale
    service.note_bibs(DEFAULT, first.id, ("417",))
    used = organizations.usage_of(DEFAULT).used[Resource.STORAGE]

    service.remove_photo(ADMIN, first.id)

    with pytest.raises(NotFound, match="photo_not_found"):
        service.show_photo(ADMIN, first.id)
    shown = service.event_photos(VISITOR, world.event.id, PAGE)
    assert ([each.photo.id for each in shown.items], shown.total) == ([second.id], 1)
    assert service.event_photos(VISITOR, world.event.id, PAGE, Wanted(bib="417")).items == []
    assert [each.photo.id for each in service.my_photos(world.photographer, world.event.id, PAGE).items] == [second.id]
    assert service.counts_of(ADMIN, world.event.id) == Counts(approved=1)
    assert organizations.usage_of(DEFAULT).used[Resource.STORAGE] == used - first.size
    assert assignments.of(world.event, world.photographer.known_user).used == 1
    (entry,) = audit.find(DEFAULT, Search(("photo", first.id)), PAGE).items
    assert (entry.action, entry.before["event"]) == ("photo.removed", world.event.id)

    deliver.all()
    assert (stored(first), len(stored(second))) == ([], 6)
    with pytest.raises(NotFound, match="photo_not_found"):
        service.remove_photo(ADMIN, first.id)


def test_the_same_file_may_be_offered_anew(world):
    (photo,) = world.upload(jpeg(1))
    service.remove_photo(world.photographer, photo.id)
    with pytest.raises(Conflict, match="already_exists"):
        world.offer(jpeg(1))
    deliver.all()

    (again,) = world.upload(jpeg(1))
    deliver.all()

    assert (again.id, again.processing, len(stored(again))) == (photo.id, Processing.READY, 6)


def test_photographers_remove_their_own_until_it_was_approved(world, photographers):
    first, second = world.upload(jpeg(1), broken())
    for other in (photographers("ann"), caller("customer"), caller("admin", organization=OTHER)):
        with pytest.raises(NotFound, match="photo_not_found"):
            service.remove_photo(other, first.id)
    service.approve_photo(ADMIN, first.id)
    service.reject_photo(ADMIN, first.id, "blurred")

    with pytest.raises(Forbidden, match="photo_approved"):
        service.remove_photo(world.photographer, first.id)
    service.remove_photo(world.photographer, second.id)

    assert (is_there(first), is_there(second)) == (True, False)


def test_a_file_that_arrives_too_late_goes_too(world):
    (file,) = world.offer(jpeg(1)).files
    service.remove_photo(world.photographer, file.photo)
    deliver.all()

    assert jobs.ingest(world.send(file.form, jpeg(1).content)) is Outcome.SKIPPED
    deliver.all()

    assert [key for key in keys(ORIGINALS) if file.photo in key] == []


def test_a_photo_removed_while_it_is_processed_leaves_no_files(world, monkeypatch):
    (file,) = world.offer(jpeg(1)).files
    make = ingest._make

    def made_too_late(*names):
        made = make(*names)
        service.remove_photo(world.photographer, file.photo)
        deliver.all()
        return made

    monkeypatch.setattr(ingest, "_make", made_too_late)
    assert jobs.ingest(world.send(file.form, jpeg(1).content)) is Outcome.SKIPPED
    monkeypatch.undo()
    deliver.all()

    assert [key for bucket in (ORIGINALS, PREVIEWS) for key in keys(bucket) if file.photo in key] == []


# --- what stays ---------------------------------------------------------------------------------------------


def test_what_is_ordered_stays_until_the_order_expires(world, on_sale):
    first, second = on_sale
    placed = order(first)

    with pytest.raises(Conflict, match="photo_held"):
        service.remove_photo(ADMIN, first.id)
    service.remove_photo(ADMIN, second.id)
    with clock.travel(timedelta(days=1, seconds=1)):
        assert orders.expire_due() == 1
        service.remove_photo(ADMIN, first.id)

    assert orders.get(DEFAULT, placed.id).status is Status.EXPIRED
    assert (is_there(first), is_there(second)) == (False, False)


def test_what_was_sold_stays_for_good(world, on_sale):
    placed = order(on_sale[0])
    pay(placed)

    with pytest.raises(Conflict, match="photo_sold"):
        service.remove_photo(ADMIN, on_sale[0].id)
    service.reject_photo(ADMIN, on_sale[0].id, "hidden")  # which hides it

    assert orders.get(DEFAULT, placed.id).status is Status.COMPLETED
    assert not holds.is_held(DEFAULT, world.event.id, on_sale[0].id)
    assert len(stored(on_sale[0])) == 6


def test_what_was_refunded_before_it_was_handed_over_may_go(world, on_sale):
    placed = order(*on_sale)
    transact(*orders.pay(placed, "pay_1"))
    with pytest.raises(Conflict, match="photo_held"):
        service.remove_photo(ADMIN, on_sale[0].id)

    paid = orders.get(DEFAULT, placed.id)
    transact(*orders.give_back(paid, {"line-1": (paid.total, True)}, "refunded", None))
    service.remove_photo(ADMIN, on_sale[0].id)
    deliver.all()

    assert (is_there(on_sale[0]), is_there(on_sale[1])) == (False, True)
    assert orders.get(DEFAULT, placed.id).status is Status.REFUNDED
    assert service.statistics(ADMIN, world.event.id).sales == Sales()


def test_what_was_given_back_is_no_sale(world, on_sale):
    """A part of it first, then all: what is left counts, and what a late message brings changes nothing."""
    placed = order(*on_sale)
    pay(placed)
    before = service.statistics(ADMIN, world.event.id).sales

    transact(*orders.give_back(orders.get(DEFAULT, placed.id), {"line-1": (1_01, False)}, "refunded", None))
    half = orders.get(DEFAULT, placed.id)
    for _ in range(2):
        orders.withdraw(half)
    less = service.statistics(ADMIN, world.event.id).sales
    transact(*orders.give_back(half, {"line-1": (half.total - 1_01, True)}, "refunded", None))
    for stale in (orders.get(DEFAULT, placed.id), half, orders.get(DEFAULT, placed.id)):
        orders.withdraw(stale)

    assert before == Sales(orders=1, files=2, amount=placed.total)
    assert less == replace(before, amount=placed.total - 1_01)
    assert service.statistics(ADMIN, world.event.id).sales == Sales()


def test_what_was_given_back_in_part_before_it_is_handed_over_counts_for_the_rest(world, on_sale):
    placed = order(*on_sale)
    transact(*orders.pay(placed, "pay_1"))
    transact(*orders.give_back(orders.get(DEFAULT, placed.id), {"line-1": (1_01, False)}, "refunded", None))
    deliver.all()

    assert service.statistics(ADMIN, world.event.id).sales == Sales(orders=1, files=2, amount=placed.total - 1_01)


def test_a_late_payment_of_a_removed_photo_waits_for_staff(world, on_sale):
    placed = order(on_sale[0])
    with clock.travel(timedelta(days=1, seconds=1)):
        orders.expire_due()
        service.remove_photo(ADMIN, on_sale[0].id)
        transact(*orders.pay(orders.get(DEFAULT, placed.id), "pay_1"))

        with pytest.raises(Conflict, match="photo_removed"):
            orders.settle_late(DEFAULT, placed.id)

    assert orders.get(DEFAULT, placed.id).status is Status.PAID_LATE


def test_photos_of_two_licences_are_held_by_one_order(world, on_sale):
    service.set_packages(ADMIN, world.event.id, _two_licences(), 0)
    carts.add(BUYER, [Item("photos", on_sale[0].id), Item("photos", on_sale[1].id, licence="commercial")])

    orders.place_order(BUYER, "checkout-1", email="a@shop.example", language="en", expected_total=None)

    for photo in on_sale:
        with pytest.raises(Conflict, match="photo_held"):
            service.remove_photo(ADMIN, photo.id)


def test_of_an_order_and_a_removal_at_once_one_is_refused_the_order(world, on_sale):
    """The photo goes after the order has looked at it."""
    (line,) = LINE.quote(DEFAULT, [Item("photos", on_sale[0].id)], clock.now()).lines
    writes = LINE.hold(DEFAULT, line, "ord_1", clock.now())
    service.remove_photo(ADMIN, on_sale[0].id)

    with pytest.raises(Conflict, match="photo_removed"):
        transact(*writes)
    with pytest.raises(Conflict, match="photo_removed"):
        LINE.hold(DEFAULT, line, "ord_2", clock.now())


def test_of_an_order_and_a_removal_at_once_one_is_refused_the_removal(world, on_sale, monkeypatch):
    """The order is placed after the removal has looked for one; it looks again."""
    look, placed = removal._must_be_free, []

    def look_then_order(photo):
        look(photo)
        if not placed:
            placed.append(order(on_sale[0]))

    monkeypatch.setattr(removal, "_must_be_free", look_then_order)

    with pytest.raises(Conflict, match="photo_held"):
        service.remove_photo(ADMIN, on_sale[0].id)
    assert is_there(on_sale[0])
    pay(placed[0])
    assert orders.get(DEFAULT, placed[0].id).status is Status.COMPLETED


def test_who_is_erased_while_somebody_buys_leaves_that_photo_without_a_name(world, on_sale):
    placed = order(on_sale[0])

    service.erase_person(DEFAULT, world.photographer.known_user)

    kept = service.find(DEFAULT, [photo.id for photo in on_sale])
    assert {photo.photographer for photo in kept.values()} == {"erased"}
    assert kept.keys() == {on_sale[0].id}
    pay(placed)
    assert orders.get(DEFAULT, placed.id).status is Status.COMPLETED


def _two_licences():
    return Package("one", "One", 1, 50_00), Package("press", "Press", 1, 500_00, licence=Licence.COMMERCIAL)
