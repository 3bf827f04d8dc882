"""A payment: one attempt to pay one order through one gateway. Its rank only rises."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from chalicelib.payments.gateways.contract import Charge

_FIRST_CHECK = timedelta(seconds=30)
_LONGEST_PAUSE_OF_FAILURES = timedelta(minutes=5)
_WATCHED_AFTER_EXPIRY = timedelta(hours=24)


class State(StrEnum):
    """CREATED: written down, the gateway not asked yet. REVIEW: money came, but not as agreed; a person decides."""

    CREATED = "created"
    PENDING = "pending"
    EXPIRED = "expired"
    FAILED = "failed"
    CAPTURED = "captured"
    REVIEW = "review"


RANK = {
    State.CREATED: 0,
    State.PENDING: 1,
    State.EXPIRED: 2,
    State.FAILED: 2,
    State.CAPTURED: 3,
    State.REVIEW: 3,
}


@dataclass(frozen=True, slots=True)
class Payment:
    """`amount` is what the order costs, `payable` what the gateway asks for, both in minor units: it may add a tail.

    `next_check_at` is when the sweep asks the gateway again; None once nothing more can come. `correlation` is that of
    the request that opened it: what a sweep finds out is logged under it.
    """

    id: str
    organization: str
    order: str
    attempt: int
    gateway: str
    amount: int
    currency: str
    state: State
    created_at: datetime
    transaction: str | None = None
    payable: int | None = None
    received: int | None = None
    qr_png: str | None = None
    expires_at: datetime | None = None
    captured_at: datetime | None = None
    checked_at: datetime | None = None
    next_check_at: datetime | None = None
    review_reason: str | None = None
    correlation: str | None = None
    version: int = 0

    @property
    def is_final(self) -> bool:
        return RANK[self.state] == RANK[State.CAPTURED]

    def is_open(self, at: datetime) -> bool:
        """Whether the buyer can still pay this attempt."""
        return self.state is State.PENDING and self.expires_at is not None and at < self.expires_at

    @classmethod
    def held(cls, *, at: datetime, **known: Any) -> Self:
        """An attempt that nobody has to pay any more: what it takes is set aside already."""
        return cls(state=State.PENDING, created_at=at, next_check_at=at + _FIRST_CHECK, **known)

    def charged(self, charge: Charge, qr_png: str, at: datetime) -> "Payment":
        return replace(
            self,
            state=State.PENDING,
            transaction=charge.transaction_id,
            payable=charge.payable,
            qr_png=qr_png,
            expires_at=charge.expires_at,
            next_check_at=at + _FIRST_CHECK,
        )

    def closed(self, state: State, at: datetime) -> "Payment":
        """Expired or failed at the gateway; asked for a while longer, because money may come late."""
        if RANK[state] < RANK[self.state]:
            return self.checked(at)
        return replace(self, state=state).checked(at)

    def captured(self, received: int, at: datetime) -> "Payment":
        return replace(self, state=State.CAPTURED, received=received, captured_at=at, checked_at=at, next_check_at=None)

    def for_review(self, reason: str, received: int, at: datetime) -> "Payment":
        """Settled, but not as agreed."""
        return replace(
            self,
            state=State.REVIEW,
            review_reason=reason,
            received=received,
            captured_at=at,
            checked_at=at,
            next_check_at=None,
        )

    def flagged(self, reason: str) -> "Payment":
        """Still open on its own, with something about it for a person to look at."""
        return replace(self, review_reason=reason)

    def checked(self, at: datetime) -> "Payment":
        """Asked and not settled: ask again later, ever more rarely, until a day after it expired."""
        until = (self.expires_at or self.created_at) + _WATCHED_AFTER_EXPIRY
        following = at + self._pause(at)
        return replace(self, checked_at=at, next_check_at=following if following < until else None)

    def postponed(self, at: datetime) -> "Payment":
        """Asked in vain: asked again within minutes, however long that goes on."""
        return replace(self, next_check_at=at + min(self._pause(at), _LONGEST_PAUSE_OF_FAILURES))

    def _pause(self, at: datetime) -> timedelta:
        return max(_FIRST_CHECK, (at - self.created_at) / 2)
