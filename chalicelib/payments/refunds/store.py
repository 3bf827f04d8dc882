"""Refunds, beside the payments of their order.

| access                               | key                                                  |
|--------------------------------------|------------------------------------------------------|
| an order's refunds                   | pk T#{org}#ORD#{order} / sk REFUND#{number}          |
| refunds that wait for somebody       | by_review T#{org}#REFUNDS / created_at#refund        |
| refunds to ask the gateway about     | due G#DUE#refund#{0-3} / next_check_at#order#refund  |
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Typed,
    Write,
    create,
    each_gets,
    index,
    page,
    replace,
    table,
)
from chalicelib.payments.refunds.model import OPEN, Part, Refund, Returned, State, Way

_SHARDS = 4


class RefundRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#ORD#{}", "REFUND#{}")
    model = Refund
    upgrades = (each_gets("parts", tax=0),)

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    payment = UnicodeAttribute()
    number = NumberAttribute()
    state = Choice(State)
    reason = UnicodeAttribute()
    currency = UnicodeAttribute()
    created_at = Moment()
    parts = Typed[tuple[Part, ...]](tuple[Part, ...])
    tail = NumberAttribute()
    excess = NumberAttribute()
    way = Choice(Way, null=True)
    key = UnicodeAttribute(null=True)
    requested_by = UnicodeAttribute(null=True)
    decided_by = UnicodeAttribute(null=True)
    sent_by = UnicodeAttribute(null=True)
    ended_by = UnicodeAttribute(null=True)
    pay_to = UnicodeAttribute(null=True)
    reference = UnicodeAttribute(null=True)
    failure = UnicodeAttribute(null=True)
    submitted_at = Moment(null=True)
    ended_at = Moment(null=True)
    next_check_at = Moment(null=True)
    returned = Several(Returned)
    correlation = UnicodeAttribute(null=True)
    deposit = NumberAttribute(null=True)
    deposit_of = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    review_pk = UnicodeAttribute(null=True)
    review_sk = UnicodeAttribute(null=True)
    due = index("due")
    by_review = index("by_review")


def of_order(organization: str, order: str) -> list[Refund]:
    """The first one first."""
    starts = RefundRecord.sk.startswith("REFUND#")
    return [record.value() for record in RefundRecord.query(_pk(organization, order), starts, consistent_read=True)]


def get(organization: str, order: str, refund: str) -> Refund:
    """Raises NotFound."""
    for found in of_order(organization, order):
        if found.id == refund:
            return found
    raise NotFound("refund_not_found", "There is no such refund.")


def add(refund: Refund) -> Write:
    """Holds only while no other refund of the order has its number."""
    return create(_record(refund))


def save(refund: Refund, *, was: Refund) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(refund), was.version)


def waiting(organization: str, request: PageRequest) -> Page[Refund]:
    found = page(RefundRecord, RefundRecord.by_review, f"T#{organization}#REFUNDS", request)
    return found.map(lambda record: record.value())


def due(at: datetime, at_most: int) -> Iterator[tuple[str, str, str, str | None]]:
    """(organization, order, refund, correlation) of those to ask the gateway about by `at`."""
    for shard in range(_SHARDS):
        before = RefundRecord.due_sk < clock.stamp(at)
        for record in list(RefundRecord.due.query(f"G#DUE#refund#{shard}", before, limit=at_most)):
            yield record.organization, record.order, record.id, record.correlation


def _record(refund: Refund) -> RefundRecord:
    keys: dict[str, str] = {}
    if refund.next_check_at is not None:
        keys["due_pk"] = f"G#DUE#refund#{ids.shard_of(refund.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(refund.next_check_at)}#{refund.order}#{refund.id}"
    if refund.state in OPEN:
        keys["review_pk"] = f"T#{refund.organization}#REFUNDS"
        keys["review_sk"] = f"{clock.stamp(refund.created_at)}#{refund.id}"
    return RefundRecord.of(refund, pk=_pk(refund.organization, refund.order), sk=f"REFUND#{refund.number:04d}", **keys)


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"
