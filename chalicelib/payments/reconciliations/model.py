"""A reconciliation and the differences it found. Amounts are minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core import ids
from chalicelib.payments.model import Payment
from chalicelib.payments.reconciliations.statements import Format, Row


class State(StrEnum):
    """AWAITED: the file has not arrived. RUNNING: it is read, page by page. FAILED: it can not be."""

    AWAITED = "awaited"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Kind(StrEnum):
    """MISSING_HERE: only they know of it. MISSING_THERE: only we do. UNREADABLE: a row without a sound amount."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT = "amount"
    FEE = "fee"
    TWICE = "twice"
    UNREADABLE = "unreadable"


MATCHED, OTHER, FEES_BOOKED = "matched", "other", "fees_booked"
"""What is counted beside the kinds of difference."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What came in, what went back and what was kept as fees in one currency: as they say, and as we have it."""

    captured_theirs: int = 0
    captured_ours: int = 0
    refunded_theirs: int = 0
    refunded_ours: int = 0
    fees_theirs: int = 0
    fees_ours: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Difference:
    """`number` is the row's, and beyond all rows for what they do not know of. `key` is the statement's."""

    number: int
    kind: Kind
    key: str
    payment: str | None = None
    theirs: int | None = None
    ours: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a file of `sha256` says of `since` until `until`, compared as far as `row` (of `rows`), then as far as the
    ledger's place `after`. `counts` are by kind of difference and `matched`, `other`, `fees_booked`."""

    id: str
    organization: str
    gateway: str
    format: Format
    sha256: str
    size: int
    since: datetime
    until: datetime
    state: State
    made_by: str | None
    made_at: datetime
    rows: int = 0
    row: int = 0
    after: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, Totals] = field(default_factory=dict)
    reason: str | None = None
    ended_at: datetime | None = None
    version: int = 0

    @property
    def key(self) -> str:
        """Where the file is, in the bucket of documents, until it was read."""
        return f"statements/{self.organization}/{self.id}"

    def begun(self) -> "Reconciliation":
        return replace(self, state=State.RUNNING)

    def counted(self, counts: Mapping[str, int], totals: Mapping[str, Totals]) -> "Reconciliation":
        """With so many more of each."""
        all_counts = {name: self.counts.get(name, 0) + counts.get(name, 0) for name in {**self.counts, **counts}}
        currencies = {**self.totals, **totals}
        all_totals = {each: self.totals.get(each, Totals()) + totals.get(each, Totals()) for each in currencies}
        return replace(self, counts=all_counts, totals=all_totals)

    def ended(self, state: State, at: datetime, reason: str | None = None) -> "Reconciliation":
        return replace(self, state=state, ended_at=at, reason=reason)


def id_of(organization: str, gateway: str, sha256: str) -> str:
    """The same file is one reconciliation."""
    return ids.derived("rec", organization, gateway, sha256)


def compared(row: Row, payment: Payment) -> Difference | None:
    """How a row about captured money differs from its payment. A fee that only they know is no difference."""
    received = payment.received or 0
    if (row.paid, row.paid_currency) != (received, payment.other_currency or payment.currency):
        return Difference(row.number, Kind.AMOUNT, row.key, payment.id, row.paid, received, row.paid_currency)
    if _is_same_currency(row, payment) and None not in (row.fee, payment.fee) and row.fee != payment.fee:
        return Difference(row.number, Kind.FEE, row.key, payment.id, row.fee, payment.fee, row.currency)
    return None


def unknown_fee(row: Row, payment: Payment) -> int | None:
    """The fee that only they know of, where it was taken in the currency that was paid."""
    return row.fee if payment.fee is None and row.fee and _is_same_currency(row, payment) else None


def key_of(format: Format, payment: Payment, transaction: str | None) -> str:
    """What a statement calls the payment; `transaction` where it is of another charge than its own."""
    return payment.id if format.found_by == "payment" else str(transaction or payment.transaction)


def _is_same_currency(row: Row, payment: Payment) -> bool:
    return row.currency == payment.currency and payment.other_currency is None
