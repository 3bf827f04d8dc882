"""Transfers, beside the payments of their order.

| access                          | key                                                    |
|---------------------------------|--------------------------------------------------------|
| the transfer of a payment       | pk T#{org}#ORD#{order} / sk TRANSFER#{attempt}         |
| transfers that staff looks at   | by_review T#{org}#TRANSFERS / created_at#payment       |
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
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
from chalicelib.payments.model import Payment
from chalicelib.payments.transfers.model import WAITING, Slip, State, Transfer


class TransferRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#ORD#{}", "TRANSFER#{}")
    model = Transfer

    payment = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    attempt = NumberAttribute()
    state = Choice(State)
    created_at = Moment()
    slip = Typed[Slip](Slip, null=True)
    submitted_at = Moment(null=True)
    received = NumberAttribute(null=True)
    reference = UnicodeAttribute(null=True)
    proposed_by = UnicodeAttribute(null=True)
    proposed_at = Moment(null=True)
    decided_by = UnicodeAttribute(null=True)
    decided_at = Moment(null=True)
    reason = UnicodeAttribute(null=True)
    review_pk = UnicodeAttribute(null=True)
    review_sk = UnicodeAttribute(null=True)
    by_review = index("by_review")


def find(payment: Payment) -> Transfer | None:
    record = TransferRecord.fetch(_pk(payment.organization, payment.order), _sk(payment.attempt))
    found: Transfer | None = record.value() if record else None
    return found


def of_order(organization: str, order: str) -> list[Transfer]:
    """The first one first."""
    starts = TransferRecord.sk.startswith("TRANSFER#")
    return [record.value() for record in TransferRecord.query(_pk(organization, order), starts, consistent_read=True)]


def waiting(organization: str, request: PageRequest) -> Page[Transfer]:
    """The first that was begun first."""
    found = page(TransferRecord, TransferRecord.by_review, f"T#{organization}#TRANSFERS", request)
    return found.map(lambda record: record.value())


def save(transfer: Transfer, *, was: Transfer | None) -> Write:
    """A write that holds only while what is stored is `was`: nothing, or that version of it."""
    record = _record(transfer)
    return create(record) if was is None else replace(record, was.version)


def _record(transfer: Transfer) -> TransferRecord:
    keys: dict[str, str] = {}
    if transfer.state in WAITING:
        keys["review_pk"] = f"T#{transfer.organization}#TRANSFERS"
        keys["review_sk"] = f"{clock.stamp(transfer.created_at)}#{transfer.payment}"
    pk, sk = _pk(transfer.organization, transfer.order), _sk(transfer.attempt)
    return TransferRecord.of(transfer, pk=pk, sk=sk, **keys)


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"


def _sk(attempt: int) -> str:
    return f"TRANSFER#{attempt:04d}"
