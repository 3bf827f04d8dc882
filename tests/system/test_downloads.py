"""Files asked for by whoever may not have them, in all three ways there are to ask: not one is served."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from chalicelib.core import clock, ids
from chalicelib.entitlements import service as entitlements
from infra.local.gateway import Response
from tests.figures import Show
from tests.system.world import Stored, World, watched


@dataclass(frozen=True)
class Wanted:
    """A photo of an order, and the order's key as the asker has it."""

    order: str
    photo: str
    key: str


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


def ways(world: World, wanted: Wanted) -> Iterator[Response]:
    """As a signed-in buyer, as a guest with a key, and through the page of the mail."""
    path = f"/downloads/{wanted.order}/photos/{wanted.photo}"
    yield world.call("POST", path, headers=world.a.headers("customer"))
    yield world.call("POST", path, headers={"X-Order-Token": wanted.key})
    yield world.call("POST", f"/d/{wanted.order}/{wanted.key}/photos/{wanted.photo}")


def guests(world: World, **changes: str) -> Wanted:
    """The guest's own order, but for what is changed."""
    held = {"order": world.a.orders["guest"].id, "photo": world.a.photos["approved"]}
    return Wanted(**{**held, "key": world.a.order_token("guest"), **changes})


CASES = (
    *("unpaid", "another order", "another tenant", "another photo", "no order", "no key", "anothers key"),
    *("withdrawn", "late"),
)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_served_to_whoever_may_not_have_it(world: World, stored: Stored, figure: Show, case: str):
    a, b = world.a, world.b
    wanted = {
        "unpaid": guests(world, order=a.orders["walk-in"].id, key=a.order_token("walk-in")),
        "another order": guests(world, order=a.orders["unpaid"].id),
        "another tenant": Wanted(b.orders["guest"].id, b.photos["approved"], b.order_token("guest")),
        "another photo": guests(world, photo=a.photos["second"]),
        "no order": guests(world, order=ids.new("ord")),
        "no key": guests(world, key="x"),
        "anothers key": guests(world, key=a.order_token("paid")),
        "withdrawn": guests(world),
        "late": guests(world),
    }[case]

    with stored.kept():
        if case == "withdrawn":
            entitlements.revoke(a.organization, wanted.order)
        before = Stored()
        with clock.travel(timedelta(hours=73 if case == "late" else 0)), watched() as writes:
            answers = list(ways(world, wanted))
        changed = before.changed_by(writes)

    served = sum(answer.status < 400 for answer in answers)
    figure(
        "downloads", "not one is served without a right", "{asked} requests, {served} served", asked=3, served=served
    )
    assert {answer.status for answer in answers} <= {401, 403, 404}
    assert not any(b"X-Amz-Signature" in answer.body or answer.header("Location") for answer in answers)
    assert changed == []


def test_the_control_is_served(world: World, stored: Stored):
    with stored.kept():
        buyer, guest, page = ways(world, guests(world))

    assert (buyer.status, guest.status, page.status) == (404, 200, 303)
