"""Disputes, beside the payments of their order.

| access                              | key                                                    |
|-------------------------------------|--------------------------------------------------------|
| an order's disputes                 | pk T#{org}#ORD#{order} / sk DISPUTE#{dispute}          |
| an organization's, newest first     | by_list T#{org}#DISPUTES / created_at#dispute          |
| disputes to ask the gateway about   | due G#DUE#dispute#{0-3} / next_check_at#dispute        |
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
    Write,
    create,
    index,
    page,
    replace,
    table,
)
from chalicelib.payments.disputes.model import Dispute, State
from chalicelib.payments.refunds.model import Returned

_SHARDS = 4


class DisputeRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#ORD#{}", "DISPUTE#{}")
    model = Dispute

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    payment = UnicodeAttribute()
    reference = UnicodeAttribute()
    state = Choice(State)
    reason = UnicodeAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    created_at = Moment()
    due_at = Moment(null=True)
    withdrawn = NumberAttribute()
    fee = NumberAttribute()
    movements = NumberAttribute()
    refund = UnicodeAttribute(null=True)
    held = Several(Returned)
    ended_at = Moment(null=True)
    next_check_at = Moment(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    list_pk = UnicodeAttribute()
    list_sk = UnicodeAttribute()
    due = index("due")
    by_list = index("by_list")


def find(organization: str, order: str, dispute: str) -> Dispute | None:
    record = DisputeRecord.fetch(_pk(organization, order), _sk(dispute))
    found: Dispute | None = record.value() if record else None
    return found


def get(organization: str, order: str, dispute: str) -> Dispute:
    """Raises NotFound."""
    found = find(organization, order, dispute)
    if found is None:
        raise NotFound("dispute_not_found", "There is no such dispute.")
    return found


def of_order(organization: str, order: str) -> list[Dispute]:
    starts = DisputeRecord.sk.startswith(_sk(""))
    return [record.value() for record in DisputeRecord.query(_pk(organization, order), starts, consistent_read=True)]


def save(dispute: Dispute, *, was: Dispute | None) -> Write:
    """A write that holds only while what is stored is `was`: nothing, or that version of it."""
    record = _record(dispute)
    return create(record) if was is None else replace(record, was.version)


def listed(organization: str, request: PageRequest) -> Page[Dispute]:
    found = page(DisputeRecord, DisputeRecord.by_list, f"T#{organization}#DISPUTES", request, newest_first=True)
    return found.map(lambda record: record.value())


def due(at: datetime, at_most: int) -> Iterator[Dispute]:
    for shard in range(_SHARDS):
        before = DisputeRecord.due_sk < clock.stamp(at)
        for record in list(DisputeRecord.due.query(f"G#DUE#dispute#{shard}", before, limit=at_most)):
            yield record.value()


def _record(dispute: Dispute) -> DisputeRecord:
    keys = {
        "list_pk": f"T#{dispute.organization}#DISPUTES",
        "list_sk": f"{clock.stamp(dispute.created_at)}#{dispute.id}",
    }
    if dispute.next_check_at is not None:
        keys["due_pk"] = f"G#DUE#dispute#{ids.shard_of(dispute.id, _SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(dispute.next_check_at)}#{dispute.id}"
    return DisputeRecord.of(dispute, pk=_pk(dispute.organization, dispute.order), sk=_sk(dispute.id), **keys)


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"


def _sk(dispute: str) -> str:
    return f"DISPUTE#{dispute}"
