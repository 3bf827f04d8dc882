"""Orders.

| access                                   | key                                                 |
|------------------------------------------|-----------------------------------------------------|
| one order                                | pk T#{org}#ORD#{id} / sk -                          |
| the order behind a code                  | pk T#{org}#CODE#{code} / sk -                       |
| a user's orders, newest first            | by_buyer T#{org}#BUYER#{user} / created_at#id       |
| unpaid orders whose time is up           | due G#DUE#order#{0-3} / expires_at#org#id           |
| orders in a state, newest first          | by_list T#{org}#ORDERS#status#{status} / created_at#id |
| all orders, newest first                 | by_list T#{org}#ORDERS#all / created_at#id          |
| orders with things of an event           | by_list T#{org}#ORDERS#event#{event} / created_at#id |
| orders of an address                     | by_list T#{org}#ORDERS#email#{its digest} / created_at#id |
| what staff wrote about an order          | pk T#{org}#ORD#{id} / sk NOTE#{note}                |

The order itself stands in the list of its state, which changes; the other lists hold rows beside it (sk LIST#{which}).
"""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.core import clock, ids, tallies
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Typed,
    Write,
    check,
    create,
    delete,
    each_gets,
    index,
    page,
    replace,
    table,
    update,
)
from chalicelib.orders.model import Instalment, Line, Note, Order, Search, Status, Step
from chalicelib.promotions.model import Redeemed

KIND = "orders"
_SHARDS = 4
_NOTE = "NOTE#"


class CodeTaken(Conflict):
    """Another order has this code; draw again."""

    def __init__(self) -> None:
        super().__init__("code_taken", "Another order has this code.")


class OrderRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#ORD#{}", "-")
    model = Order
    upgrades = (
        each_gets("lines", shares=[], licence="personal"),
        each_gets("lines", refunded=0),
        each_gets("history", by=None),
        each_gets("lines", discount=0),
        each_gets("lines", tax=None),
        each_gets("lines", deposit=None),
    )

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
    discounts = Several(Redeemed)
    instalments = Several(Instalment)
    buyer_pk = UnicodeAttribute(null=True)
    buyer_sk = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_buyer = index("by_buyer")
    by_list = index("by_list")
    due = index("due")


class ListRecord(Record):
    """An order's row in a list that it stays in."""

    Meta = table("orders")
    keys = ("T#{}#ORD#{}", "LIST#{*}")

    order = UnicodeAttribute()
    list_pk = UnicodeAttribute()
    list_sk = UnicodeAttribute()
    by_list = index("by_list")


class NoteRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#ORD#{}", "NOTE#{}")
    model = Note

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    author = UnicodeAttribute(null=True)
    text = UnicodeAttribute()
    created_at = Moment()


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
    """The order, its code and its rows in lists. Raises CodeTaken at commit when the code is not free."""
    code = CodeRecord(f"T#{order.organization}#CODE#{order.code}", "-", order=order.id)
    counted = tallies.moved(order.organization, KIND, order.id, was=None, now=order.status)
    rows = (create(_row(order, which)) for which in _lists(order))
    return create(_record(order)).taking(counted), create(code, CodeTaken()), *rows


def list_missing(order: Order) -> tuple[Write, ...]:
    """The rows in lists that an order from before there were any lacks."""
    kept = {row.sk for row in ListRecord.query(_pk(order.organization, order.id), ListRecord.sk.startswith("LIST#"))}
    return tuple(create(_row(order, which)) for which in _lists(order) if f"LIST#{which}" not in kept)


def unlist_address(order: Order) -> Write:
    """The order is not found by its buyer's address any more."""
    return delete(_row(order, _of_address(order.email)))


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
    """Holds only while the order waits for payment, for as much as when it was read."""
    record = OrderRecord(_pk(order.organization, order.id), "-")
    refused = Conflict("order_not_payable", "This order can not be paid any more.")
    waits = OrderRecord.status == Status.AWAITING_PAYMENT
    same = OrderRecord.version == order.version if order.instalments else OrderRecord.instalments.does_not_exist()
    return check(record, waits & same, refused)


def of_buyer(organization: str, user: str, request: PageRequest) -> Page[Order]:
    found = page(OrderRecord, OrderRecord.by_buyer, f"T#{organization}#BUYER#{user}", request, newest_first=True)
    return found.map(lambda record: record.value())


def find(organization: str, search: Search, request: PageRequest) -> Page[Order]:
    """A page of the list that fits best, newest first, without those that do not fit: it may hold fewer than asked."""
    between = _between(search.since, search.until)
    if search.code is not None:
        found = CodeRecord.fetch(f"T#{organization}#CODE#{search.code}", "-")
        page_of: Page[Order] = Page(_of_ids(organization, [found.order] if found else []), request.size)
    elif search.customer is not None:
        pk, between = f"T#{organization}#BUYER#{search.customer}", _between(search.since, search.until, "buyer_sk")
        page_of = page(OrderRecord, OrderRecord.by_buyer, pk, request, newest_first=True, range_condition=between).map(
            lambda record: record.value()
        )
    elif search.status is not None and search.event is None and search.email is None:
        pk = f"T#{organization}#ORDERS#status#{search.status}"
        page_of = page(OrderRecord, OrderRecord.by_list, pk, request, newest_first=True, range_condition=between).map(
            lambda record: record.value()
        )
    else:
        which = "all"
        if search.email is not None:
            which = _of_address(search.email)
        elif search.event is not None:
            which = f"event#{search.event}"
        pk = f"T#{organization}#ORDERS#{which}"
        rows = page(ListRecord, ListRecord.by_list, pk, request, newest_first=True, range_condition=between)
        orders = _of_ids(organization, [row.order for row in rows.items])
        page_of = Page(orders, rows.size, rows.cursor, number=rows.number)
    kept = [order for order in page_of.items if search.fits(order)]
    return Page(kept, page_of.size, page_of.cursor, number=page_of.number)


def add_note(note: Note) -> Write:
    return create(NoteRecord.of(note, pk=_pk(note.organization, note.order), sk=_NOTE + note.id))


def notes(organization: str, order: str, at_most: int) -> list[Note]:
    """The newest first."""
    starts = NoteRecord.sk.startswith(_NOTE)
    pk = _pk(organization, order)
    found = NoteRecord.query(pk, starts, consistent_read=True, scan_index_forward=False, limit=at_most)
    return [record.value() for record in found]


def forget_note(note: Note) -> Write:
    return delete(NoteRecord(_pk(note.organization, note.order), _NOTE + note.id))


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
    keys["list_pk"] = f"T#{order.organization}#ORDERS#status#{order.status}"
    keys["list_sk"] = f"{clock.stamp(order.created_at)}#{order.id}"
    counted = dataclasses.replace(order, tallied=True)
    return OrderRecord.of(counted, pk=_pk(order.organization, order.id), sk="-", **keys)


def _lists(order: Order) -> list[str]:
    events = dict.fromkeys(line.subject for line in order.lines)
    return ["all", _of_address(order.email), *(f"event#{event}" for event in events)]


def _of_address(email: str) -> str:
    return f"email#{ids.digest(email)}"


def _row(order: Order, which: str) -> ListRecord:
    return ListRecord(
        _pk(order.organization, order.id),
        f"LIST#{which}",
        order=order.id,
        list_pk=f"T#{order.organization}#ORDERS#{which}",
        list_sk=f"{clock.stamp(order.created_at)}#{order.id}",
    )


def _between(since: datetime | None, until: datetime | None, name: str = "list_sk") -> Condition | None:
    if since is None and until is None:
        return None
    stamp = getattr(OrderRecord, name)
    condition: Condition = stamp.between(clock.stamp(since) if since else "0", clock.stamp(until) if until else "9")
    return condition


def _of_ids(organization: str, orders: Sequence[str]) -> list[Order]:
    """In that order."""
    keys = [(_pk(organization, order), "-") for order in orders]
    found = {record.id: record.value() for record in OrderRecord.batch_get(keys, consistent_read=True)} if keys else {}
    return [found[order] for order in orders if order in found]


def _pk(organization: str, order_id: str) -> str:
    return f"T#{organization}#ORD#{order_id}"
