"""An order and its states. Prices are frozen when it is placed."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core.errors import Conflict
from chalicelib.lines.contract import Part, QuoteLine, Sold
from chalicelib.revenue.model import Share

PAYABLE_FOR = timedelta(hours=24)
ERASED = "erased"
"""What stands where the buyer's address was, once the buyer has been forgotten."""

MOST_LINES = 50
"""Each line adds a write to the transaction of the payment, which takes a hundred."""


class Status(StrEnum):
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    COMPLETED = "completed"
    EXPIRED = "expired"
    PAID_LATE = "paid_late"


class LineStatus(StrEnum):
    HELD = "held"
    FULFILLED = "fulfilled"


_MOVES = {
    Status.AWAITING_PAYMENT: {Status.PAID, Status.EXPIRED},
    Status.EXPIRED: {Status.PAID_LATE},
    Status.PAID_LATE: {Status.PAID},
    Status.PAID: {Status.COMPLETED},
    Status.COMPLETED: set(),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of sale's part of an order; `id` is unique within the order. Amounts are minor units.

    `shares` say to whom the amount belongs once it is paid, by the rules of when the order was placed.
    """

    id: str
    kind: str
    subject: str
    title: str
    refs: tuple[str, ...]
    parts: tuple[Part, ...]
    amount: int
    list_amount: int
    because: str
    status: LineStatus = LineStatus.HELD
    shares: tuple[Share, ...] = ()
    licence: str = "personal"

    @classmethod
    def of(cls, number: int, quoted: QuoteLine, shares: tuple[Share, ...]) -> "Line":
        return cls(
            id=f"line-{number}",
            kind=quoted.kind,
            subject=quoted.subject,
            title=quoted.title,
            refs=quoted.refs,
            parts=quoted.parts,
            amount=quoted.amount,
            list_amount=quoted.list_amount,
            because=quoted.because,
            shares=shares,
            licence=quoted.licence,
        )

    def quoted(self) -> QuoteLine:
        """The line as it was quoted, to hold its stock again."""
        names = ("kind", "subject", "title", "refs", "parts", "amount", "list_amount", "because", "licence")
        return QuoteLine(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of an order's history."""

    status: Status
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """`code` is what people read out; `owner` is None for a guest, who opens the order with its token.

    `correlation` is that of the request that placed it: its expiry is logged under it.
    """

    id: str
    organization: str
    code: str
    owner: str | None
    cart: str
    email: str
    language: str
    status: Status
    lines: tuple[Line, ...]
    total: int
    currency: str
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None = None
    payment: str | None = None
    history: tuple[Step, ...] = field(default=())
    correlation: str | None = None
    version: int = 0

    @property
    def list_total(self) -> int:
        return sum(line.list_amount for line in self.lines)

    @property
    def buyer(self) -> str | None:
        """The buyer's e-mail address; None once they have been forgotten."""
        return None if self.email == ERASED else self.email

    def move(self, to: Status, at: datetime, why: str) -> "Order":
        """Raises Conflict for a move the state machine does not know."""
        if to not in _MOVES[self.status]:
            raise Conflict("order_status", f"An order that is {self.status} can not become {to}.")
        return replace(self, status=to, history=(*self.history, Step(to, at, why)))

    def paid(self, payment: str, at: datetime) -> "Order":
        """The order once the money is there: PAID, or PAID_LATE when it had expired."""
        late = self.status is Status.EXPIRED
        moved = self.move(Status.PAID_LATE if late else Status.PAID, at, f"captured by {payment}")
        return replace(moved, payment=payment, paid_at=at)

    def fulfilled(self, line_id: str, at: datetime) -> "Order":
        """The order with one more line handed over; COMPLETED with the last one."""
        lines = tuple(replace(line, status=LineStatus.FULFILLED) if line.id == line_id else line for line in self.lines)
        order = replace(self, lines=lines)
        if all(line.status is LineStatus.FULFILLED for line in lines):
            return order.move(Status.COMPLETED, at, "everything handed over")
        return order

    def sold(self, line: Line) -> Sold:
        """A line as its line of sale delivers it, once the order is paid."""
        assert self.paid_at is not None
        assert self.payment is not None
        return Sold(
            organization=self.organization,
            order=self.id,
            line=line.id,
            owner=self.owner,
            subject=line.subject,
            refs=line.refs,
            code=self.code,
            buyer=self.buyer,
            amount=line.amount,
            currency=self.currency,
            payment=self.payment,
            paid_at=self.paid_at,
            licence=line.licence,
        )

    def without_buyer(self) -> "Order":
        """What accounting needs, and nothing that tells who bought."""
        return replace(self, owner=None, email=ERASED, cart=ERASED, correlation=None)

    def refuse_payment(self, at: datetime) -> None:
        """Raises Conflict, and says why, unless the order can be paid now."""
        if self.status in {Status.PAID, Status.PAID_LATE, Status.COMPLETED}:
            raise Conflict("order_already_paid", "This order is paid.")
        if self.status is Status.EXPIRED or self.expires_at <= at:
            raise Conflict("order_expired", "This order has expired. Place it again from the cart.")
