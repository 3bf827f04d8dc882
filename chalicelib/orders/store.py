"""Orders.

| access                                   | key                                                 |
|------------------------------------------|-----------------------------------------------------|
| one order                                | pk T#{org}#ORD#{id} / sk -                          |
| the order behind a code                  | pk T#{org}#CODE#{code} / sk -                       |
| a user's orders, newest first            | by_buyer T#{org}#BUYER#{user} / created_at#id       |
| unpaid orders whose time is up           | due G#DUE#order#{0-3} / expires_at#org#id           |
"""

import dataclasses
from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids, tallies
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    check,
    create,
    each_gets,
    index,
    page,
    replace,
    table,
    update,
)
from chalicelib.orders.model import Line, Order, Status, Step

KIND = "orders"
_SHARDS = 4


class CodeTaken(Conflict):
    """Another order has this code; draw again."""

    def __init__(self) -> None:
        super().__init__("code_taken", "Another order has this code.")


class OrderRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#ORD#{}", "-")
    model = Order
    upgrades = (each_gets("lines", shares=[], licence="personal"),)

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    code = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    cart = UnicodeAttribute()
    email = UnicodeAttribute()
    language = UnicodeAttribute()
    status = Choice(Status)
    lines = Typed[tuple[Line, ...]](tuple[Line, ...])
    total = NumberAttribute()
    currency = UnicodeAttribute()
    created_at = Moment()
    expires_at = Moment()
    paid_at = Moment(null=True)
    payment = UnicodeAttribute(null=True)
    history = Typed[tuple[Step, ...]](tuple[Step, ...])
    correlation = UnicodeAttribute(null=True)
    tallied = BooleanAttribute(null=True)
    buyer_pk = UnicodeAttribute(null=True)
    buyer_sk = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    by_buyer = index("by_buyer")
    due = index("due")


class CodeRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#CODE#{}", "-")

    order = UnicodeAttribute()


def get(organization: str, order_id: str) -> Order:
    """Raises NotFound, for a foreign order too."""
    record = OrderRecord.fetch(_pk(organization, order_id), "-")
    if record is None:
        raise NotFound("order_not_found", "There is no such order.")
    order: Order = record.value()
    return order


def add(order: Order) -> tuple[Write, ...]:
    """The order and its code. Raises CodeTaken at commit when the code is not free."""
    code = CodeRecord(f"T#{order.organization}#CODE#{order.code}", "-", order=order.id)
    counted = tallies.moved(order.organization, KIND, order.id, was=None, now=order.status)
    return create(_record(order)).taking(counted), create(code, CodeTaken())


def save(order: Order, *, was: Order) -> Write:
    """A write that holds only while the stored version is `was.version`. The counts of orders by status go along."""
    counted_as = was.status if was.tallied else None
    counted = tallies.moved(order.organization, KIND, order.id, was=counted_as, now=order.status)
    return replace(_record(order), was.version).taking(counted)


def missing_in_tally(order: Order) -> list[Write]:
    """For an order of an earlier release, as long as it has not changed."""
    record = OrderRecord(_pk(order.organization, order.id), "-")
    same = (OrderRecord.version == order.version) & OrderRecord.tallied.does_not_exist()
    marked = update(record, OrderRecord.tallied.set(True), OrderRecord.version.add(1), condition=same)
    return [marked, *tallies.moved(order.organization, KIND, order.id, was=None, now=order.status)]


def still_payable(order: Order) -> Write:
    """Holds only while the order waits for payment."""
    record = OrderRecord(_pk(order.organization, order.id), "-")
    refused = Conflict("order_not_payable", "This order can not be paid any more.")
    return check(record, OrderRecord.status == Status.AWAITING_PAYMENT, refused)


def of_buyer(organization: str, user: str, request: PageRequest) -> Page[Order]:
    found = page(OrderRecord, OrderRecord.by_buyer, f"T#{organization}#BUYER#{user}", request, newest_first=True)
    return found.map(lambda record: record.value())


def overdue(at: datetime, at_most: int) -> Iterator[tuple[str, str, str | None]]:
    """(organization, order id, its correlation) of unpaid orders that expired before `at`."""
    for shard in range(_SHARDS):
        before = OrderRecord.due_sk < clock.stamp(at)
        for record in list(OrderRecord.due.query(f"G#DUE#order#{shard}", before, limit=at_most)):
            yield record.organization, record.id, record.correlation


def _record(order: Order) -> OrderRecord:
    keys: dict[str, str] = {}
    if order.owner is not None:
        keys["buyer_pk"] = f"T#{order.organization}#BUYER#{order.owner}"
        keys["buyer_sk"] = f"{clock.stamp(order.created_at)}#{order.id}"
    if order.status is Status.AWAITING_PAYMENT:
        keys["due_pk"] = f"G#DUE#order#{ids.shard_of(order.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(order.expires_at)}#{order.organization}#{order.id}"
    return OrderRecord.of(
        dataclasses.replace(order, tallied=True), pk=_pk(order.organization, order.id), sk="-", **keys
    )


def _pk(organization: str, order_id: str) -> str:
    return f"T#{organization}#ORD#{order_id}"
