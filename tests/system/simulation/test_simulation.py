"""Seasons of ten thousand orders: whatever people do, the books agree with the bank, and with themselves."""

from collections.abc import Iterator
from itertools import product

import pytest

from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from infra import audit
from tests.figures import Show
from tests.stack import client
from tests.system.simulation.season import Season
from tests.system.webhooks.conftest import till
from tests.system.webhooks.till import Till, balance
from tests.system.world import World, poured

__all__ = ["till"]

SEEDS = range(10)
OVER = {Status.COMPLETED, Status.REFUNDED, Status.EXPIRED, Status.CANCELLED}


@pytest.fixture
def world(secret: str) -> Iterator[World]:
    """One for each season, which leaves codes, rules and taxes."""
    with poured(secret) as world:
        yield world


@pytest.mark.parametrize("seed", SEEDS)
def test_the_books_of_a_season_agree(till: Till, figure: Show, full: bool, seed: int):
    if seed and not full:
        pytest.skip("one season is enough for every run of the tests")
    days, orders_a_day = (20, 50) if full else (9, 3)
    at_bank, in_books = held(till), booked(till)
    season = Season(till, seed)

    season.open()
    season.run(days, orders_a_day)

    report = audit.look("thepixstock-test", client("dynamodb"))
    placed = [orders.get(till.organization, order) for order in season.orders]
    difference = (held(till) - at_bank) - (booked(till) - in_books)
    figure(
        "simulation",
        "whatever people do, the books agree with the bank and with themselves",
        "{orders} orders, {parts} in parts, {refunds} refunds, {disputes} disputes, {deposits} deposits, {cases} "
        "cases, {payouts} payouts: {entries} entries, {wrong} differences, {satang} satang off the bank",
        orders=len(placed),
        parts=sum(bool(order.instalments) for order in placed),
        refunds=sum(n for what, n in season.happened.items() if what.startswith("refunds")),
        disputes=len(till.world.bank.disputed),
        deposits=sum(n for what, n in season.happened.items() if what.startswith("deposits")),
        cases=sum(n for what, n in season.happened.items() if what.startswith("cases")),
        payouts=sum(n for what, n in season.happened.items() if what.startswith("payouts")),
        entries=report.looked_at["entries"],
        wrong=len(report.differences),
        satang=abs(difference),
    )
    assert report.differences == []
    assert difference == 0
    assert {order.status for order in placed} <= OVER
    assert len(placed) == days * orders_a_day


def booked(till: Till) -> int:
    """What the books of both shops have at the gateways: what one season lets fall due may be the other shop's."""
    shops = (till.world.a.organization, till.world.b.organization)
    return sum(balance(f"gateway:{name}", shop) for name, shop in product(("paynoi", "stripe"), shops))


def held(till: Till) -> int:
    """What the gateway holds for everybody, in satang: what came less what it gave back, and what banks took."""
    taken = sum(each.withdrawn + (each.fee or 0) for each in till.world.bank.disputed.values())
    return till.received() - sum(amount for _, amount in till.world.bank.returned.values()) - taken
