"""A document of account: what was agreed when it was issued, as it was then. Amounts are minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from chalicelib.lines.contract import LineTax, Part, TaxSum, tax_sums
from chalicelib.orders.model import Line, Order
from chalicelib.organizations.model import Organization
from chalicelib.payments.model import Payment
from chalicelib.payments.refunds.model import Refund


class Kind(StrEnum):
    """RECEIPT: an order was paid; where its seller charges tax, a tax invoice, too. CREDIT_NOTE: money went back."""

    RECEIPT = "receipt"
    CREDIT_NOTE = "credit_note"


NUMBERS: Mapping[Kind, str] = {Kind.RECEIPT: "R-{year}-{count:06d}", Kind.CREDIT_NOTE: "C-{year}-{count:06d}"}
"""How a number is written: the `count`th of its kind in a year of the organization's time zone."""


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one kind and year: the `last` that was given, and when. Version 0 is one without any."""

    organization: str
    kind: Kind
    year: int
    last: int
    at: datetime
    version: int = 0

    def following(self, at: datetime) -> "Series":
        """With one number more, given at `at` or, by a clock that is behind, with the last one."""
        return replace(self, last=self.last + 1, at=max(self.at, at))

    @property
    def number(self) -> str:
        """The last one as it is written."""
        return NUMBERS[self.kind].format(year=self.year, count=self.last)


@dataclass(frozen=True, slots=True)
class Billing:
    """In whose name an order's receipt is to be. `tax_number` is as `service.billing` seals it.

    `erased` says that its buyer was forgotten. Version 0 is one that was never stored.
    """

    organization: str
    order: str
    name: str | None = None
    address: str | None = None
    tax_number: str | None = field(default=None, repr=False)
    erased: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class Seller:
    name: str
    tax_number: str | None
    address: str | None

    @classmethod
    def of(cls, home: Organization) -> "Seller":
        if home.tax is None:
            return cls(home.name, None, None)
        return cls(home.tax.name, home.tax.number, home.tax.address or None)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Nothing of it is left once they have been forgotten. `tax_number` is sealed."""

    email: str | None = None
    name: str | None = None
    address: str | None = None
    tax_number: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Position:
    """A line of the order, or what went back of it; `tax` is part of the amount."""

    line: str
    title: str
    amount: int
    parts: tuple[Part, ...] = ()
    discount: int = 0
    tax: LineTax | None = None

    @classmethod
    def sold(cls, line: Line) -> "Position":
        return cls(line.id, line.title, line.amount, line.parts, line.discount, line.tax)

    @classmethod
    def returned(cls, line: Line, amount: int, tax: int) -> "Position":
        return cls(line.id, line.title, amount, tax=replace(line.tax, amount=tax) if line.tax else None)


@dataclass(frozen=True, slots=True)
class PaidBy:
    """One of several payments of an order: its gateway, and what it brought."""

    method: str
    amount: int


@dataclass(frozen=True, slots=True)
class Document:
    """`day` is that of issuing in the organization's zone. `tail` is what was paid beyond the positions, or went back.

    A credit note names the `refund`, and by its number the receipt that it `corrects`. `method` is the gateway, where
    one is known, or the way back; of what was paid in parts it is None, and `paid_by` says how.
    """

    organization: str
    order: str
    kind: Kind
    number: str
    code: str
    language: str
    issued_at: datetime
    day: date
    seller: Seller
    buyer: Buyer
    positions: tuple[Position, ...]
    currency: str
    tail: int
    method: str | None
    refund: str | None = None
    corrects: str | None = None
    paid_by: tuple[PaidBy, ...] = ()
    version: int = 0

    @classmethod
    def receipt(
        cls, order: Order, payments: Sequence[Payment], home: Organization, billing: Billing, given: Series
    ) -> "Document":
        """For a paid order, under the last number of a series."""
        return cls(
            organization=order.organization,
            order=order.id,
            kind=Kind.RECEIPT,
            number=given.number,
            code=order.code,
            language=order.language,
            issued_at=given.at,
            day=day_of(given.at, home),
            seller=Seller.of(home),
            buyer=Buyer(None if billing.erased else order.buyer, billing.name, billing.address, billing.tax_number),
            positions=tuple(Position.sold(line) for line in order.lines),
            currency=order.currency,
            tail=sum(each.difference for each in payments),
            method=payments[0].gateway if len(payments) == 1 else None,
            paid_by=tuple(PaidBy(each.gateway, each.received or 0) for each in payments) if len(payments) > 1 else (),
        )

    def credit_note(self, order: Order, refund: Refund, home: Organization, given: Series) -> "Document":
        """Of this receipt, for what a refund gave back of the order's lines."""
        return replace(
            self,
            kind=Kind.CREDIT_NOTE,
            number=given.number,
            issued_at=given.at,
            day=day_of(given.at, home),
            positions=tuple(Position.returned(order.line(part.line), part.amount, part.tax) for part in refund.parts),
            tail=refund.tail,
            method=refund.way or self.method,
            refund=refund.id,
            corrects=self.number,
            paid_by=(),
            version=0,
        )

    def without_buyer(self) -> "Document":
        """What accounting needs."""
        return replace(self, buyer=Buyer())

    @property
    def taxes(self) -> tuple[TaxSum, ...]:
        return tax_sums((position.amount, position.tax) for position in self.positions)

    @property
    def total(self) -> int:
        return sum(position.amount for position in self.positions)

    @property
    def paid(self) -> int:
        """What moved: the total with the tail."""
        return self.total + self.tail


def day_of(at: datetime, home: Organization) -> date:
    return at.astimezone(ZoneInfo(home.timezone)).date()
