"""A refund: some of one payment's money on its way back. Its rank only rises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core.errors import Conflict, Forbidden, Unprocessable
from chalicelib.core.money import allocate
from chalicelib.orders.model import LineStatus, Order, Status
from chalicelib.payments.model import Payment
from chalicelib.payments.model import State as PaymentState
from chalicelib.revenue.model import Return

ERASED = "erased"
MOST = 50
"""Refunds of one order, those that were declined or failed included."""

_PAID = frozenset({Status.PAID, Status.COMPLETED, Status.PAID_LATE})
_FIRST_LOOK = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)


class State(StrEnum):
    """REQUESTED: the buyer asked, nothing is set aside. SUBMITTED: set aside, on its way. DECLINED: staff said no."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    SETTLED = "settled"
    FAILED = "failed"
    DECLINED = "declined"


RANK = {State.REQUESTED: 0, State.SUBMITTED: 1, State.SETTLED: 2, State.FAILED: 2, State.DECLINED: 2}
OPEN = frozenset({State.REQUESTED, State.SUBMITTED})
CLAIMING = frozenset({State.SUBMITTED, State.SETTLED})
"""Refunds whose money is gone, or about to be."""


class Way(StrEnum):
    """TRANSFER: somebody of the staff sends it from the bank account, and somebody else confirms that.

    CREDIT: it goes into the buyer's wallet: what credit paid, and what is exchanged for something else.
    DISPUTE: the buyer's bank has it, and decides whether it keeps it.
    """

    GATEWAY = "gateway"
    TRANSFER = "transfer"
    CREDIT = "credit"
    DISPUTE = "dispute"


ON_THEIR_OWN = frozenset({Way.TRANSFER, Way.DISPUTE})
"""Ways on which no gateway is asked for the money."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line to refund; `amount` None is all that is left of it."""

    line: str
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What goes back of a line. `whole`: with this nothing of it is left, and what was handed over is withdrawn.

    Which of several refunds of a line that is, is sure once it is settled: the last one. `tax` is what of the amount is
    tax that was owed, known then, too.
    """

    line: str
    amount: int
    whole: bool
    tax: int = 0


@dataclass(frozen=True, slots=True)
class Returned:
    """What a settled refund takes back of the share `number` (from 1) of a line, thing by thing."""

    line: str
    number: int
    things: Return


@dataclass(frozen=True, slots=True)
class Refund:
    """`number` counts the refunds of an order. Amounts are minor units.

    `tail` is what the payment brought beyond the price, or less than nothing where it was short; it goes back with the
    last line. `excess` is what belonged to no order, `deposit` what goes back of the deposit `deposit_of`. `key` is the
    request's that began it, `pay_to` (sealed) where a transfer goes, gone once it went. A transfer is `sent_by` one
    person under `reference` and `ended_by` another.
    """

    id: str
    organization: str
    order: str
    payment: str
    number: int
    state: State
    reason: str
    currency: str
    created_at: datetime
    parts: tuple[Part, ...] = ()
    tail: int = 0
    excess: int = 0
    way: Way | None = None
    key: str | None = None
    requested_by: str | None = None
    decided_by: str | None = None
    sent_by: str | None = None
    ended_by: str | None = None
    pay_to: str | None = None
    reference: str | None = None
    failure: str | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    next_check_at: datetime | None = None
    returned: tuple[Returned, ...] = ()
    correlation: str | None = None
    deposit: int | None = None
    deposit_of: str | None = None
    version: int = 0

    @property
    def amount(self) -> int:
        return sum(part.amount for part in self.parts) + self.tail + self.excess + (self.deposit or 0)

    @property
    def by_line(self) -> Mapping[str, tuple[int, bool]]:
        """By line: its amount, and whether it is withdrawn."""
        return {part.line: (part.amount, part.whole) for part in self.parts}

    def submitted(self, way: Way, by: str | None, at: datetime) -> "Refund":
        due = None if way in ON_THEIR_OWN else at + _FIRST_LOOK
        moved = self._risen(State.SUBMITTED)
        return replace(moved, way=way, decided_by=by, submitted_at=at, next_check_at=due)

    def sent(self, reference: str, by: str | None) -> "Refund":
        """Somebody transferred it. May be said again, until it is confirmed."""
        if self.state is not State.SUBMITTED or self.way is not Way.TRANSFER:
            raise Conflict("refund_status", f"This refund is {self.state}, and not to be transferred.")
        return replace(self, reference=reference, sent_by=by)

    def confirmed(self, by: str | None) -> "Refund":
        """Raises Conflict where there is nothing to confirm, Forbidden for whoever sent it."""
        if self.state is not State.SUBMITTED or self.sent_by is None:
            raise Conflict("refund_status", "There is no transfer to confirm.")
        if by is None or by == self.sent_by:
            raise Forbidden("second_person", "Somebody else than who transferred it has to confirm it.")
        return replace(self, ended_by=by)

    def settled(self, reference: str, parts: Sequence[Part], returned: Sequence[Returned], at: datetime) -> "Refund":
        """`parts` are its own, with their tax."""
        moved = self._risen(State.SETTLED)
        done = replace(moved, reference=reference, parts=tuple(parts), returned=tuple(returned), ended_at=at)
        return replace(done, next_check_at=None, pay_to=None)

    def ended(self, state: State, why: str, by: str | None, at: datetime) -> "Refund":
        """Failed or declined."""
        moved = self._risen(state)
        return replace(moved, failure=why, ended_by=by, ended_at=at, next_check_at=None, pay_to=None)

    def waiting(self, at: datetime) -> "Refund":
        """Asked, and not over: asked again ever more rarely, but always again."""
        begun = self.submitted_at or self.created_at
        return replace(self, next_check_at=at + min(max(_FIRST_LOOK, (at - begun) / 2), _LONGEST_PAUSE))

    def without_buyer(self) -> "Refund":
        """What accounting needs. Where an open transfer goes stays until it went."""
        going = self.pay_to if self.state is State.SUBMITTED else None
        return replace(self, reason=ERASED, requested_by=None, pay_to=going, correlation=None)

    def _risen(self, to: State) -> "Refund":
        if RANK[to] <= RANK[self.state]:
            raise Conflict("refund_status", f"A refund that is {self.state} can not become {to}.")
        return replace(self, state=to)


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a refund goes back of one of the payments that paid an order."""

    payment: Payment
    parts: tuple[Part, ...]
    tail: int


def drawn_up(
    order: Order, payments: Sequence[Payment], earlier: Sequence[Refund], wanted: Sequence[Wanted] | None
) -> list[Piece]:
    """What goes back of each line and of tails, by payment; without `wanted` all that is left.

    Of several `payments` (the first one first) the newest gives back all it can, before the next one does.

    Raises NotFound for a line that is not there, Conflict `order_status`, `payment_disputed`, `nothing_to_refund`,
    `refund_all`, Unprocessable `more_than_left`.
    """
    if not payments or {each.id for each in payments} != set(order.payments) or order.status not in _PAID:
        raise Conflict("order_status", f"Of an order that is {order.status} there is nothing to give back.")
    refuse_disputed(earlier)
    left = _left(order, earlier)
    parts = []
    for want in [Wanted(line) for line in left] if wanted is None else wanted:
        line = order.line(want.line).id
        rest = left.get(line, 0)
        amount = rest if want.amount is None else want.amount
        if line not in left or amount > rest:
            raise Unprocessable("more_than_left", f"Of {line} {rest} is left.", field="lines")
        parts.append(Part(line, amount, amount == rest))
    is_last = left.keys() == {part.line for part in parts if part.whole}
    if order.status is Status.PAID_LATE and not is_last:
        raise Conflict("refund_all", "Nothing of this order was delivered: give all of it back.")
    tails = {each.id: _tail_left(each, earlier) for each in payments}
    tail = sum(tails.values()) if is_last else 0
    if sum(part.amount for part in parts) + tail <= 0:
        raise Conflict("nothing_to_refund", "There is nothing left to give back.")
    return _spread(parts, payments, tails, is_last=is_last)


def _spread(
    parts: Sequence[Part], payments: Sequence[Payment], tails: Mapping[str, int], *, is_last: bool
) -> list[Piece]:
    """The parts over payments, the newest first. A line is withdrawn by the piece that gives back the last of it."""
    if len(payments) == 1:
        return [Piece(payments[0], tuple(parts), tails[payments[0].id] if is_last else 0)]
    pieces, wanted = [], list(parts)
    for number, payment in enumerate(reversed(payments), start=1):
        room = payment.left - payment.waiting
        tail = min(room, tails[payment.id])
        room = room - tail if number < len(payments) else sum(part.amount for part in wanted)
        taken: list[Part] = []
        while wanted and (room or not wanted[0].amount):
            part = wanted.pop(0)
            some = min(room, part.amount)
            taken.append(Part(part.line, some, part.whole and some == part.amount))
            room -= some
            if some < part.amount:
                wanted.insert(0, Part(part.line, part.amount - some, part.whole))
        if taken or (is_last and tail):
            pieces.append(Piece(payment, tuple(taken), tail if is_last else 0))
    return pieces


def joined(pieces: Sequence[Piece]) -> tuple[Part, ...]:
    """By line, what all pieces give back of it."""
    found: dict[str, Part] = {}
    for part in (part for piece in pieces for part in piece.parts):
        before = found.get(part.line, Part(part.line, 0, False))
        found[part.line] = Part(part.line, before.amount + part.amount, part.whole)
    return tuple(found.values())


def refuse_disputed(earlier: Sequence[Refund]) -> None:
    """Raises Conflict `payment_disputed` while a bank has money of the order: who gave it back would pay twice."""
    if any(refund.way is Way.DISPUTE and refund.state is State.SUBMITTED for refund in earlier):
        raise Conflict("payment_disputed", "The buyer's bank holds money of this payment. Wait for its decision.")


def taken(order: Order, payment: Payment, earlier: Sequence[Refund], amount: int) -> tuple[tuple[Part, ...], int, int]:
    """What of each line, of the tail and of what waits for a person a bank's `amount` takes, as far as there is any."""
    amount = min(amount, payment.left)
    if payment.state is PaymentState.REVIEW:
        return (), 0, min(amount, payment.waiting)
    left = _left(order, earlier) if payment.id in order.payments and order.status in _PAID else {}
    if not left or amount <= 0:
        return (), 0, 0
    tail = _tail_left(payment, earlier)
    if amount >= sum(left.values()) + tail:
        return tuple(Part(line, rest, True) for line, rest in left.items()), tail, 0
    amounts = allocate(min(amount, sum(left.values())), list(left.values()))
    parts = (Part(line, part, part == left[line]) for line, part in zip(left, amounts, strict=True) if part)
    return tuple(parts), 0, 0


def _tail_left(payment: Payment, earlier: Sequence[Refund]) -> int:
    """What of a payment's tail no refund takes yet."""
    claimed = (refund.tail for refund in earlier if refund.payment == payment.id and refund.state in CLAIMING)
    return payment.difference - sum(claimed)


def _left(order: Order, earlier: Sequence[Refund]) -> dict[str, int]:
    """What is left of each line of which refunds do not take all that was. A free line is left until one names it."""
    claims = [part for refund in earlier if refund.state in CLAIMING for part in refund.parts]
    claimed = {part.line: sum(each.amount for each in claims if each.line == part.line) for part in claims}
    return {
        line.id: line.amount - claimed.get(line.id, 0)
        for line in order.lines
        if claimed.get(line.id) != line.amount and line.status is not LineStatus.REVOKED
    }
