"""An order and its states. Prices are frozen when it is placed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.lines.contract import Deposit, LineTax, Part, QuoteLine, Sold, TaxSum, tax_sums
from chalicelib.promotions.model import Redeemed
from chalicelib.revenue.model import Share

PAYABLE_FOR = timedelta(hours=24)
ERASED = "erased"
"""What stands where the buyer's address was, once the buyer has been forgotten."""

MOST_LINES = 27
"""Where an order is paid late each line adds three writes to a transaction, and each code four: it takes a hundred."""

MOST_NOTES = 50
"""Of one order."""


class Status(StrEnum):
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    COMPLETED = "completed"
    EXPIRED = "expired"
    PAID_LATE = "paid_late"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class LineStatus(StrEnum):
    """REVOKED: its money was given back, and what was handed over is withdrawn."""

    HELD = "held"
    FULFILLED = "fulfilled"
    REVOKED = "revoked"


_MOVES = {
    Status.AWAITING_PAYMENT: {Status.PAID, Status.EXPIRED, Status.CANCELLED},
    Status.EXPIRED: {Status.PAID_LATE},
    Status.CANCELLED: {Status.PAID_LATE},
    Status.PAID_LATE: {Status.PAID, Status.REFUNDED},
    Status.PAID: {Status.COMPLETED, Status.REFUNDED},
    Status.COMPLETED: {Status.REFUNDED},
    Status.REFUNDED: set(),
}

OPEN = frozenset({Status.AWAITING_PAYMENT, Status.PAID, Status.PAID_LATE})
"""Orders of which something is still to come."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of sale's part of an order; `id` is unique within the order. Amounts are minor units.

    `shares` say to whom the amount belongs once it is paid, by the rules of when the order was placed. `refunded` is
    what of the amount was given back. The parts come to the amount and the `discount` that codes took off, less what
    `tax` is put on top; the shares come to the amount less all of its tax. The `deposit` comes on top of all that.
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
    refunded: int = 0
    discount: int = 0
    tax: LineTax | None = None
    deposit: Deposit | None = None

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
            discount=quoted.discount,
            tax=quoted.tax,
            deposit=quoted.deposit,
        )

    def quoted(self) -> QuoteLine:
        """The line as it was quoted, to hold its stock again."""
        known = QuoteLine.__dataclass_fields__.keys() & Line.__dataclass_fields__.keys()
        return QuoteLine(**{name: getattr(self, name) for name in known})

    @property
    def left(self) -> int:
        """What of the amount was not given back."""
        return self.amount - self.refunded

    def given_back(self, amount: int, *, whole: bool) -> "Line":
        """With so much more of it given back; `whole` also withdraws it."""
        status = LineStatus.REVOKED if whole else self.status
        return replace(self, refunded=self.refunded + amount, status=status)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of an order's history. `by` is a user's id, or None where the house did it or a guest."""

    status: Status
    at: datetime
    why: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Instalment:
    """What a captured payment brought of an order's total, without its gateway's tail."""

    payment: str
    amount: int


@dataclass(frozen=True, slots=True)
class Note:
    """What staff wrote down about an order."""

    id: str
    organization: str
    order: str
    author: str | None
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """What orders staff look for; None does not matter. Times are those of placing, the end not included."""

    status: Status | None = None
    customer: str | None = None
    event: str | None = None
    code: str | None = None
    email: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, order: "Order") -> bool:
        return (
            self.status in (None, order.status)
            and self.customer in (None, order.owner)
            and self.code in (None, order.code)
            and self.email in (None, order.email)
            and (self.event is None or any(line.subject == self.event for line in order.lines))
            and (self.since is None or order.created_at >= self.since)
            and (self.until is None or order.created_at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Order:
    """`code` is what people read out; `owner` is None for a guest, who opens the order with its token.

    `correlation` is that of the request that placed it: its expiry is logged under it. `tallied` ones are in the
    organization's counts. `instalments` came one by one; it is paid once they reach the total, by the last `payment`.
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
    tallied: bool | None = None
    discounts: tuple[Redeemed, ...] = ()
    instalments: tuple[Instalment, ...] = ()
    version: int = 0

    @property
    def list_total(self) -> int:
        return sum(line.list_amount for line in self.lines)

    @property
    def due(self) -> int:
        """What of the total is still to be paid. What came for an order that is over goes back, and counts no more."""
        if self.payment is not None:
            return 0
        came = self.instalments if self.status is Status.AWAITING_PAYMENT else ()
        return self.total - sum(each.amount for each in came)

    @property
    def payments(self) -> tuple[str, ...]:
        """The payments that paid it, the first one first; none while it is not paid."""
        paid = tuple(each.payment for each in self.instalments)
        return paid if self.payment in paid else (self.payment,) if self.payment else ()

    @property
    def taxes(self) -> tuple[TaxSum, ...]:
        """What of the total is tax, as it was placed, by name and rate."""
        return tax_sums((line.amount, line.tax) for line in self.lines)

    @property
    def buyer(self) -> str | None:
        """The buyer's e-mail address; None once they have been forgotten."""
        return None if self.email == ERASED else self.email

    @property
    def is_delivered(self) -> bool:
        """Whether its lines were told to be handed over, and so to be shared out."""
        return self.status in {Status.PAID, Status.COMPLETED}

    @property
    def held_lines(self) -> tuple["Line", ...]:
        """Lines that wait to be handed over, whose stock is held. What was paid late holds none yet."""
        return tuple(line for line in self.lines if self.is_delivered and line.status is LineStatus.HELD)

    @property
    def refunded(self) -> int:
        return sum(line.refunded for line in self.lines)

    @property
    def deposit(self) -> int:
        """What of the total goes back to the buyer one day."""
        return sum(line.deposit.amount for line in self.lines if line.deposit)

    def line(self, line_id: str) -> Line:
        """Raises NotFound."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise NotFound("line_not_found", "The order has no such line.")

    def move(self, to: Status, at: datetime, why: str, by: str | None = None) -> "Order":
        """Raises Conflict for a move the state machine does not know."""
        if to not in _MOVES[self.status]:
            raise Conflict("order_status", f"An order that is {self.status} can not become {to}.")
        return replace(self, status=to, history=(*self.history, Step(to, at, why, by)))

    def given_back(self, parts: Mapping[str, tuple[int, bool]], at: datetime, why: str, by: str | None) -> "Order":
        """With money of its lines given back: line id -> (amount, whether the line is withdrawn).

        REFUNDED once no line is left, COMPLETED where those that are left have all been handed over.
        """
        lines = tuple(
            line.given_back(parts[line.id][0], whole=parts[line.id][1]) if line.id in parts else line
            for line in self.lines
        )
        order = replace(self, lines=lines)
        if all(line.status is LineStatus.REVOKED for line in lines):
            return order.move(Status.REFUNDED, at, why, by)
        noted = replace(order, history=(*order.history, Step(order.status, at, why, by)))
        return noted._settled(at)

    def paid(self, payment: str, at: datetime) -> "Order":
        """The order once the money is there: PAID, or PAID_LATE when it had expired or been cancelled."""
        late = self.status in {Status.EXPIRED, Status.CANCELLED}
        moved = self.move(Status.PAID_LATE if late else Status.PAID, at, f"captured by {payment}")
        return replace(moved, payment=payment, paid_at=at)

    def partly_paid(self, *more: Instalment, at: datetime) -> "Order":
        """With some of its price there. Raises Conflict unless it waits for that."""
        if self.status is not Status.AWAITING_PAYMENT:
            raise Conflict("order_status", f"An order that is {self.status} is not paid in parts.")
        steps = (Step(self.status, at, f"{each.amount} of it captured by {each.payment}") for each in more)
        return replace(self, instalments=(*self.instalments, *more), history=(*self.history, *steps))

    def fulfilled(self, line_id: str, at: datetime) -> "Order":
        """The order with one more line handed over; COMPLETED with the last one."""
        lines = tuple(replace(line, status=LineStatus.FULFILLED) if line.id == line_id else line for line in self.lines)
        return replace(self, lines=lines)._settled(at)

    def _settled(self, at: datetime) -> "Order":
        if self.status is Status.PAID and all(line.status is not LineStatus.HELD for line in self.lines):
            return self.move(Status.COMPLETED, at, "everything handed over")
        return self

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
            language=self.language,
        )

    def without_buyer(self) -> "Order":
        """What accounting needs, and nothing that tells who bought."""
        history = tuple(
            replace(step, by=None, why=ERASED) if self.owner and step.by == self.owner else step
            for step in self.history
        )
        discounts = tuple(replace(each, customers=()) for each in self.discounts)
        forgotten = replace(self, owner=None, email=ERASED, cart=ERASED, correlation=None)
        return replace(forgotten, history=history, discounts=discounts)

    def refuse_payment(self, at: datetime) -> None:
        """Raises Conflict, and says why, unless the order can be paid now."""
        if self.status in {Status.PAID, Status.PAID_LATE, Status.COMPLETED, Status.REFUNDED}:
            raise Conflict("order_already_paid", "This order is paid.")
        if self.status is Status.CANCELLED:
            raise Conflict("order_cancelled", "This order was cancelled. Place it again from the cart.")
        if self.status is Status.EXPIRED or self.expires_at <= at:
            raise Conflict("order_expired", "This order has expired. Place it again from the cart.")
