"""A dispute of a payment. Its rank only rises; amounts are minor units."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.core import ids
from chalicelib.payments.gateways.contract import Disputed
from chalicelib.payments.model import Payment
from chalicelib.payments.refunds.model import Returned

_PAUSE = timedelta(hours=6)


class State(StrEnum):
    """INQUIRY: the bank only asks. OPEN: it has the money until it decides. CLOSED: it asked, and that was all."""

    INQUIRY = "inquiry"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


RANK = {State.INQUIRY: 0, State.OPEN: 1, State.WON: 2, State.LOST: 2, State.CLOSED: 2}


@dataclass(frozen=True, slots=True)
class Dispute:
    """`reference` is what the gateway calls it, `reason` the gateway's word. Until `due_at` we may speak against it.

    `withdrawn` and `fee` are booked as gone from the gateway, in `movements` entries. `refund` is what of the payment
    is set aside for it, None where nothing was left; `held` what of each share its party is not paid meanwhile.
    """

    id: str
    organization: str
    order: str
    payment: str
    reference: str
    state: State
    reason: str
    amount: int
    currency: str
    created_at: datetime
    due_at: datetime | None = None
    withdrawn: int = 0
    fee: int = 0
    movements: int = 0
    refund: str | None = None
    held: tuple[Returned, ...] = ()
    ended_at: datetime | None = None
    next_check_at: datetime | None = None
    version: int = 0

    @classmethod
    def begun(cls, payment: Payment, reference: str, told: Disputed, at: datetime) -> "Dispute":
        return cls(
            id=id_of(payment, reference),
            organization=payment.organization,
            order=payment.order,
            payment=payment.id,
            reference=reference,
            state=State.INQUIRY,
            reason=told.reason,
            amount=told.amount,
            currency=told.currency,
            created_at=at,
        )

    @property
    def entries(self) -> list[str]:
        """The names of what the ledger may have of its money."""
        return [*(f"dispute#{self.id}#{n}" for n in range(1, self.movements + 1)), f"dispute-lost#{self.id}"]

    @property
    def is_over(self) -> bool:
        return RANK[self.state] == RANK[State.LOST]

    def risen(self, told: Disputed) -> State:
        """The next state on the way to what the gateway says: what is decided was open, whether or not we heard of it.

        It is lost only once the money is known to be gone.
        """
        told_of = self.state if told.state == "unknown" else State(told.state)
        if told_of is State.LOST and not told.withdrawn:
            told_of = State.OPEN
        if told_of in (State.WON, State.LOST) and self.state is State.INQUIRY:
            told_of = State.OPEN
        return told_of if RANK[told_of] > RANK[self.state] else self.state

    def agrees_with(self, told: Disputed) -> bool:
        return self.risen(told) is self.state and self.moved(told) is self and self.due_at == told.due_at

    def moved(self, told: Disputed) -> "Dispute":
        """With what is gone now; a fee that the gateway does not tell of stays what it was."""
        fee = self.fee if told.fee is None else told.fee
        if (told.withdrawn, fee) == (self.withdrawn, self.fee):
            return self
        return replace(self, withdrawn=told.withdrawn, fee=fee, movements=self.movements + 1)

    def now(self, state: State, told: Disputed, at: datetime) -> "Dispute":
        """As it is known at `at`. It is asked about again until it is over and won money has come back."""
        noted = replace(self, state=state, due_at=told.due_at, reason=told.reason)
        waits = not noted.is_over or (state is State.WON and noted.withdrawn > 0)
        ended_at = noted.ended_at or (at if noted.is_over else None)
        return replace(noted, ended_at=ended_at, next_check_at=at + _PAUSE if waits else None)

    def postponed(self, at: datetime) -> "Dispute":
        return replace(self, next_check_at=at + _PAUSE)


def id_of(payment: Payment, reference: str) -> str:
    return ids.derived("dsp", payment.organization, payment.gateway, reference)
