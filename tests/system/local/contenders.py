"""What is raced inside the application.

The careless ones read, decide and write without a condition: they show that a race is one.
"""

from datetime import timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import lines
from chalicelib.accounts import service as accounts
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids, limits, once
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Record, create, table, transact, update
from chalicelib.invoices import service as invoices
from chalicelib.invoices import store as invoice_store
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders import store as order_store
from tests import selling

NEVER_ENDS = 10**9
"""Seconds of a window that no test lives to see the end of."""


class Stock(Record):
    Meta = table("claims")

    left = NumberAttribute(null=True)
    taken = NumberAttribute(null=True)


class Sale(Record):
    Meta = table("claims")

    buyer = UnicodeAttribute()


# --- a stock ------------------------------------------------------------------------------------------------


def sell(shop: str, buyer: str) -> str:
    """One unit for one buyer, as every line of sale does it: the condition stands in the write."""
    sold_out = Conflict("sold_out", "There are not enough left.")
    taking = update(
        Stock(shop, "-"), Stock.left.add(-1), Stock.taken.add(1), condition=Stock.left >= 1, refused=sold_out
    )
    transact(create(Sale(f"{shop}#{buyer}", "-", buyer=buyer)), taking)
    return "sold"


def sell_carelessly(shop: str, buyer: str) -> str:
    stock = Stock.get(shop, "-", consistent_read=True)
    if not stock.left:
        return "sold_out"
    Sale(f"{shop}#{buyer}", "-", buyer=buyer).save()
    stock.update(actions=[Stock.left.set(int(stock.left) - 1), Stock.taken.set(int(stock.taken or 0) + 1)])
    return "sold"


def order_thing(organization: str, buyer: str) -> str:
    """A whole checkout of a thing with limited stock, with the thing put into the cart twice."""
    lines.discover = lambda: {"things": selling.Things()}  # type: ignore[assignment]
    principal = Principal(organization, user=buyer)
    carts.add(principal, [Item("things", "medal"), Item("things", "medal")])
    order = orders.place_order(principal, f"key-{buyer}", email="buyer@example.com", language="en", expected_total=None)
    return order.id


def buy_thing(organization: str, buyer: str) -> str:
    """A thing that is paid and has its receipt; the number of it. Nobody is told: there is no line that delivers it."""
    placed = orders.get(organization, order_thing(organization, buyer))
    transact(order_store.save(placed.paid("pay_elsewhere", clock.now()), was=placed))
    invoices.issue_receipt(organization, placed.id)
    receipt = invoice_store.find(organization, placed.id)
    assert receipt is not None
    return receipt.number


# --- keys, limits, addresses --------------------------------------------------------------------------------


def claim(organization: str, key: str, result: str) -> str:
    transact(once.claim(organization, "race", key, result=result, keep=timedelta(hours=1)))
    return result


def claim_carelessly(organization: str, key: str, result: str) -> str:
    if Sale.fetch(f"{organization}#{key}", "-"):
        return "claimed_already"
    Sale(f"{organization}#{key}", "-", buyer=result).save()
    return result


def take(organization: str, subject: str, limit: int) -> str:
    limits.take(organization, "race", subject, limit=limit, seconds=NEVER_ENDS)
    return "passed"


def take_carelessly(organization: str, subject: str, limit: int) -> str:
    key = f"{organization}#{subject}"
    counter = Stock.fetch(key, "counter") or Stock(key, "counter", taken=0)
    if counter.taken >= limit:
        return "too_many_requests"
    counter.taken += 1
    counter.save()
    return "passed"


def create_user(organization: str, email: str) -> str:
    user = accounts.create_user(organization, email=email, password=ids.token(), name="Racer", roles=["customer"])
    return user.id
