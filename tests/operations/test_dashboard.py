"""The figures follow what happens, and what happened before there were any is counted by migrations."""

from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.carts import service as carts
from chalicelib.core import clock, migrations
from chalicelib.core.auth import Principal
from chalicelib.core.migrations import Pace
from chalicelib.core.table import transact
from chalicelib.lines.contract import Item
from chalicelib.lines.photos import service as photos
from chalicelib.operations import dashboard
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from infra import stages
from tests import deliver
from tests.events.people import ADMIN
from tests.lines.photos.conftest import photographers, world
from tests.lines.photos.pictures import broken, jpeg
from tests.stack import client

__all__ = ["photographers", "world"]

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")


def figures():
    found = dashboard.figures(DEFAULT)
    return {name: n for name, n in {**found.photos, **found.orders}.items() if n}


def order(photo, key):
    carts.add(BUYER, [Item("photos", photo.id)])
    return orders.place_order(BUYER, key, email="anna@shop.example", language="en", expected_total=None)


@pytest.fixture
def busy(world):
    """Of eight photos one of each kind, and one removed; of three orders one of each kind."""
    first, second, third, fourth, gone = world.upload(*(jpeg(seed) for seed in range(1, 6)))
    world.upload(broken())
    world.offer(jpeg(7))
    world.offer(jpeg(7))
    for photo in (first, second):
        photos.approve_photo(ADMIN, photo.id)
    photos.reject_photo(ADMIN, third.id, "blurred")
    photos.remove_photo(ADMIN, gone.id)
    expired = order(first, "checkout-1")
    with clock.travel(timedelta(days=1, seconds=1)):
        orders.expire_due()
    transact(*orders.pay(order(second, "checkout-2"), "pay_1"))
    deliver.all()
    order(first, "checkout-3")
    return expired, fourth


EXPECTED = {
    "approved": 2, "rejected": 1, "pending": 1, "failed": 1, "awaiting": 1,
    "expired": 1, "completed": 1, "awaiting_payment": 1,
}  # fmt: skip


def test_things_are_counted_where_they_are(busy):
    assert figures() == EXPECTED
    found = dashboard.figures(DEFAULT)
    assert (found.users, found.events, found.currency) == (1, 1, "THB")
    assert (found.revenue.sold, found.revenue.gross > 0, found.storage > 0) == (2, True, True)
    assert dashboard.figures(organizations.create("Other").id).photos == dict.fromkeys(found.photos, 0)


def test_a_photo_moves_from_count_to_count(busy):
    _, photo = busy
    photos.approve_photo(ADMIN, photo.id)
    photos.approve_photo(ADMIN, photo.id)

    without = {name: n for name, n in EXPECTED.items() if name != "pending"}
    assert figures() == without | {"approved": 3}
    photos.remove_photo(ADMIN, photo.id)
    assert figures() == without


def test_who_is_erased_counts_no_more(world):
    accounts.erase_person(DEFAULT, world.photographer.known_user)
    accounts.erase_person(DEFAULT, world.photographer.known_user)

    assert dashboard.figures(DEFAULT).users == 0


def test_what_an_earlier_release_left_is_counted_once_wherever_it_goes(busy):
    """Its photos, orders and users are in no count, until they move or a migration meets them."""
    stages.load_records()
    _forget_the_counts()
    _, pending = busy
    photos.approve_photo(ADMIN, pending.id)
    assert figures() == {"approved": 1}

    for _ in range(2):
        for name in ("tally-photos", "tally-orders", "tally-users"):
            migrations.run(name, pace=Pace(1e9))

    moved = {name: n for name, n in EXPECTED.items() if name != "pending"}
    assert figures() == moved | {"approved": 3}
    assert dashboard.figures(DEFAULT).users == 1


def test_buyers_of_an_earlier_release_find_what_they_bought_and_it_stays(busy, world):
    stages.load_records()
    for domain, found in (("entitlements", "#OWNED#"), ("photos", "sold")):
        _delete(domain, lambda item, found=found: found in item["pk"]["S"] or item["sk"]["S"] == found)

    for name in ("list-owned", "mark-sold"):
        assert (
            migrations.run(name, pace=Pace(1e9)).outcomes["changed"] == 2
        )  # the cart still held the photo of the first order
        assert migrations.run(name, pace=Pace(1e9)).outcomes["changed"] == 0


def _forget_the_counts():
    _delete("claims", lambda item: "#TALLY#" in item["pk"]["S"])
    _delete("accounts", lambda item: item["sk"]["S"] == "COUNTED")
    for domain in ("photos", "orders"):
        name = f"thepixstock-test-{domain}"
        for item in client("dynamodb").scan(TableName=name)["Items"]:
            item.pop("tallied", None)
            client("dynamodb").put_item(TableName=name, Item=item)


def _delete(domain, is_meant):
    name = f"thepixstock-test-{domain}"
    for item in client("dynamodb").scan(TableName=name)["Items"]:
        if is_meant(item):
            client("dynamodb").delete_item(TableName=name, Key={key: item[key] for key in ("pk", "sk")})
