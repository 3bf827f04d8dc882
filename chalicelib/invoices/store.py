"""Documents of account, in the table of orders.

| access                                  | key                                                          |
|-----------------------------------------|--------------------------------------------------------------|
| an order's documents                    | pk T#{org}#PAPERS#{order} / sk DOC#receipt, DOC#{refund}     |
| in whose name its receipt is to be      | pk T#{org}#PAPERS#{order} / sk BILLING                       |
| documents of a kind, the newest first   | by_list T#{org}#DOCUMENTS#{kind} / issued_at#number          |
| the document of a number                | pk T#{org}#NUMBER#{number} / sk -                            |
| the last number of a kind and year      | pk T#{org}#SERIES#{kind}#{year} / sk -                       |

A number, its document and the series that moves by one are one transaction: no number is given twice or left out.
"""

from datetime import date, datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import Conflict
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
    index,
    page,
    replace,
    table,
)
from chalicelib.invoices.model import Billing, Buyer, Document, Kind, PaidBy, Position, Seller, Series

_DOCUMENT = "DOC#"
_RECEIPT = "DOC#receipt"
_BILLING = "BILLING"


class InvoiceRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PAPERS#{}", "DOC#{}")
    model = Document

    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    kind = Choice(Kind)
    number = UnicodeAttribute()
    code = UnicodeAttribute()
    language = UnicodeAttribute()
    issued_at = Moment()
    day = Typed[date](date)
    seller = Typed[Seller](Seller)
    buyer = Typed[Buyer](Buyer)
    positions = Typed[tuple[Position, ...]](tuple[Position, ...])
    currency = UnicodeAttribute()
    tail = NumberAttribute()
    method = UnicodeAttribute(null=True)
    refund = UnicodeAttribute(null=True)
    corrects = UnicodeAttribute(null=True)
    paid_by = Several(PaidBy)
    list_pk = UnicodeAttribute()
    list_sk = UnicodeAttribute()
    by_list = index("by_list")


class BillingRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#PAPERS#{}", _BILLING)
    model = Billing

    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    name = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)
    tax_number = UnicodeAttribute(null=True)
    erased = BooleanAttribute()


class SeriesRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#SERIES#{}#{}", "-")
    model = Series

    organization = UnicodeAttribute()
    kind = Choice(Kind)
    year = NumberAttribute()
    last = NumberAttribute()
    at = Moment()


class NumberRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#NUMBER#{}", "-")

    order = UnicodeAttribute()
    document = UnicodeAttribute()


def of_order(organization: str, order: str) -> list[Document]:
    """The receipt first, credit notes as they were issued."""
    found = InvoiceRecord.query(_pk(organization, order), InvoiceRecord.sk.startswith(_DOCUMENT), consistent_read=True)
    return sorted(
        (record.value() for record in found), key=lambda each: (each.kind is not Kind.RECEIPT, each.issued_at)
    )


def find(organization: str, order: str, refund: str | None = None) -> Document | None:
    """The credit note of a refund, or the order's receipt."""
    return _find(organization, order, f"{_DOCUMENT}{refund}" if refund else _RECEIPT)


def of_number(organization: str, number: str) -> Document | None:
    named = NumberRecord.fetch(_number_pk(organization, number), "-")
    return _find(organization, named.order, named.document) if named else None


def listed(
    organization: str, kind: Kind, since: datetime | None, until: datetime | None, wanted: PageRequest
) -> Page[Document]:
    """The newest first; those issued from `since` to before `until`."""
    between = InvoiceRecord.list_sk.between(clock.stamp(since) if since else "0", clock.stamp(until) if until else "9")
    pk = f"T#{organization}#DOCUMENTS#{kind}"
    found = page(InvoiceRecord, InvoiceRecord.by_list, pk, wanted, newest_first=True, range_condition=between)
    return found.map(lambda record: record.value())


def series(organization: str, kind: Kind, year: int) -> Series | None:
    record = SeriesRecord.fetch(_series_pk(organization, kind, year), "-")
    found: Series | None = record.value() if record else None
    return found


def add(document: Document, given: Series) -> tuple[Write, ...]:
    """The document under the last number of a series. They hold while the series is as it was before that number.

    So is the fact's document missing, and the number free.
    """
    number = NumberRecord(
        _number_pk(document.organization, document.number), "-", order=document.order, document=_sk(document)
    )
    record = SeriesRecord.of(given, pk=_series_pk(given.organization, given.kind, given.year), sk="-")
    return create(_record(document)), _put(record, given.version), create(number)


def save(document: Document, *, was: Document) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_record(document), was.version)


def same(document: Document) -> Write:
    """Holds while the document is as it was read."""
    record = InvoiceRecord(_pk(document.organization, document.order), _sk(document))
    return check(record, InvoiceRecord.version == document.version, _changed())


def billing(organization: str, order: str) -> Billing:
    """As it is stored, or an empty one of version 0."""
    record = BillingRecord.fetch(_pk(organization, order), _BILLING)
    return record.value() if record else Billing(organization, order)


def save_billing(billing: Billing, *, was: Billing) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    return _put(BillingRecord.of(billing, pk=_pk(billing.organization, billing.order), sk=_BILLING), was.version)


def same_billing(billing: Billing) -> Write:
    """Holds while nobody told another."""
    record = BillingRecord(_pk(billing.organization, billing.order), _BILLING)
    same = BillingRecord.version == billing.version if billing.version else BillingRecord.pk.does_not_exist()
    return check(record, same, _changed())


def no_receipt(organization: str, order: str) -> Write:
    """Holds while the order has no receipt."""
    refused = Conflict("receipt_issued", "The receipt was issued, and can not be changed any more.")
    return check(InvoiceRecord(_pk(organization, order), _RECEIPT), InvoiceRecord.pk.does_not_exist(), refused)


def _find(organization: str, order: str, sk: str) -> Document | None:
    record = InvoiceRecord.fetch(_pk(organization, order), sk)
    found: Document | None = record.value() if record else None
    return found


def _record(document: Document) -> InvoiceRecord:
    return InvoiceRecord.of(
        document,
        pk=_pk(document.organization, document.order),
        sk=_sk(document),
        list_pk=f"T#{document.organization}#DOCUMENTS#{document.kind}",
        list_sk=f"{clock.stamp(document.issued_at)}#{document.number}",
    )


def _changed() -> Conflict:
    return Conflict("changed_meanwhile", "Somebody changed this at the same moment.")


def _put(record: Record, version: int) -> Write:
    return replace(record, version) if version else create(record)


def _sk(document: Document) -> str:
    return f"{_DOCUMENT}{document.refund}" if document.refund else _RECEIPT


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#PAPERS#{order}"


def _number_pk(organization: str, number: str) -> str:
    return f"T#{organization}#NUMBER#{number}"


def _series_pk(organization: str, kind: Kind, year: int) -> str:
    return f"T#{organization}#SERIES#{kind}#{year}"
