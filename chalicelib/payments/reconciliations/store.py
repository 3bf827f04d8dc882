"""Reconciliations.

| access                                | key                                                   |
|---------------------------------------|-------------------------------------------------------|
| one reconciliation                    | pk T#{org}#STATEMENT#{id} / sk -                      |
| its differences, by number            | pk T#{org}#STATEMENT#{id} / sk DIFF#{number}          |
| an organization's, newest first       | by_list T#{org}#STATEMENTS / made_at#id               |
"""

from collections.abc import Iterator

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    create,
    index,
    page,
    replace,
    table,
)
from chalicelib.payments.reconciliations.model import Difference, Kind, Reconciliation, State, Totals
from chalicelib.payments.reconciliations.statements import Format


class ReconciliationRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#STATEMENT#{}", "-")
    model = Reconciliation

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    gateway = UnicodeAttribute()
    format = Typed[Format](Format)
    sha256 = UnicodeAttribute()
    size = NumberAttribute()
    since = Moment()
    until = Moment()
    state = Choice(State)
    made_by = UnicodeAttribute(null=True)
    made_at = Moment()
    rows = NumberAttribute()
    row = NumberAttribute()
    after = UnicodeAttribute()
    counts = Typed[dict[str, int]](dict[str, int])
    totals = Typed[dict[str, Totals]](dict[str, Totals])
    reason = UnicodeAttribute(null=True)
    ended_at = Moment(null=True)
    list_pk = UnicodeAttribute()
    list_sk = UnicodeAttribute()
    by_list = index("by_list")


class DifferenceRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#STATEMENT#{}", "DIFF#{}")
    model = Difference

    number = NumberAttribute()
    kind = Choice(Kind)
    key = UnicodeAttribute()
    payment = UnicodeAttribute(null=True)
    theirs = NumberAttribute(null=True)
    ours = NumberAttribute(null=True)
    currency = UnicodeAttribute(null=True)


def find(organization: str, id: str) -> Reconciliation | None:
    record = ReconciliationRecord.fetch(_pk(organization, id), "-") if ids.is_id("rec", id) else None
    found: Reconciliation | None = record.value() if record else None
    return found


def get(organization: str, id: str) -> Reconciliation:
    """Raises NotFound, for a foreign one too."""
    found = find(organization, id)
    if found is None:
        raise NotFound("reconciliation_not_found", "There is no such reconciliation.")
    return found


def save(held: Reconciliation, *, was: Reconciliation | None) -> Write:
    """A write that holds only while what is stored is `was`: nothing, or that version of it."""
    record = ReconciliationRecord.of(
        held,
        pk=_pk(held.organization, held.id),
        sk="-",
        list_pk=f"T#{held.organization}#STATEMENTS",
        list_sk=f"{clock.stamp(held.made_at)}#{held.id}",
    )
    return create(record) if was is None else replace(record, was.version)


def add_difference(held: Reconciliation, difference: Difference) -> Write:
    sk = f"DIFF#{difference.number:07d}"
    return create(DifferenceRecord.of(difference, pk=_pk(held.organization, held.id), sk=sk))


def listed(organization: str, request: PageRequest) -> Page[Reconciliation]:
    pk = f"T#{organization}#STATEMENTS"
    found = page(ReconciliationRecord, ReconciliationRecord.by_list, pk, request, newest_first=True)
    return found.map(lambda record: record.value())


def page_of_differences(held: Reconciliation, request: PageRequest) -> Page[Difference]:
    pk = _pk(held.organization, held.id)
    starts = DifferenceRecord.sk.startswith("DIFF#")
    found = page(DifferenceRecord, DifferenceRecord, pk, request, range_condition=starts)
    return found.map(lambda record: record.value())


def differences(held: Reconciliation, at_most: int) -> Iterator[Difference]:
    starts = DifferenceRecord.sk.startswith("DIFF#")
    for record in DifferenceRecord.query(_pk(held.organization, held.id), starts, limit=at_most):
        yield record.value()


def _pk(organization: str, id: str) -> str:
    return f"T#{organization}#STATEMENT#{id}"
