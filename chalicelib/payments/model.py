"""A payment: one attempt to pay one order through one gateway. Its rank only rises."""

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from chalicelib.core.errors import Conflict
from chalicelib.payments.gateways.contract import Charge, HostedFields, Picture, Redirect, Transfer

_FIRST_CHECK = timedelta(seconds=30)
_LONGEST_PAUSE_OF_FAILURES = timedelta(minutes=5)
_WATCHED_AFTER_EXPIRY = timedelta(hours=24)


class State(StrEnum):
    """CREATED: written down, the gateway not asked yet. REVIEW: money came, but not as agreed; a person decides.

    RETURNED: it goes back: a person decided so, or it was a part of a price of which the rest never came.
    """

    CREATED = "created"
    PENDING = "pending"
    EXPIRED = "expired"
    FAILED = "failed"
    CAPTURED = "captured"
    REVIEW = "review"
    RETURNED = "returned"


RANK = {
    State.CREATED: 0,
    State.PENDING: 1,
    State.EXPIRED: 2,
    State.FAILED: 2,
    State.REVIEW: 3,
    State.CAPTURED: 4,
    State.RETURNED: 4,
}


@dataclass(frozen=True, slots=True)
class Payment:
    """`amount` is what the order costs, `payable` what the gateway asks for, both in minor units: it may add a tail.

    `next_check_at` is when the sweep asks the gateway again; None once nothing more can come. `correlation` is that of
    the request that opened it: what a sweep finds out is logged under it.

    How it is paid stands in one of `qr_png` (Base64; `qr_text` is what it says), `redirect_url`, `hosted_fields` (whose
    secret is sealed where it is stored) and `transfer_to`. `fee` is what the gateway kept of what was received,
    `ask_every` as of its charge. The buyer agreed that what it is paid with is kept where it `keeps`.

    `kept` is what of the received money pays the order where that is not all of it; `suspended` is what belongs to no
    order and waits for a person, `refundable` what is left of everything that came and was not given back.
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
    kept: int | None = None
    suspended: int | None = None
    refundable: int | None = None
    other_currency: str | None = None
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None
    redirect_url: str | None = None
    hosted_fields: HostedFields | None = None
    transfer_to: Transfer | None = None
    fee: int | None = None
    qr_text: str | None = None
    ask_every: int | None = None
    keeps: bool | None = None
    version: int = 0

    @property
    def is_final(self) -> bool:
        return RANK[self.state] >= RANK[State.REVIEW]

    @property
    def difference(self) -> int:
        """What pays the order beyond its price: the gateway's tail, or less than nothing where staff took less."""
        return (self.received or 0) - self.amount if self.kept is None else self.kept - self.amount

    @property
    def waiting(self) -> int:
        """What a person must decide about, in minor units. Payments from before this was noted wait with all of it."""
        if self.suspended is None and self.state is State.REVIEW:
            return self.received or 0
        return self.suspended or 0

    @property
    def left(self) -> int:
        """What can still be given back."""
        return (self.received or 0) if self.refundable is None else self.refundable

    @property
    def refunded(self) -> int:
        """What of the order's money was given back or is on its way."""
        if self.state is State.REVIEW:
            return 0
        paid = (self.received or 0) if self.kept is None else self.kept
        return paid - (self.left - self.waiting)

    def is_open(self, at: datetime) -> bool:
        """Whether the buyer can still pay this attempt."""
        return self.state is State.PENDING and self.expires_at is not None and at < self.expires_at

    @classmethod
    def held(cls, *, at: datetime, **known: Any) -> Self:
        """An attempt that nobody has to pay any more: what it takes is set aside already."""
        return cls(state=State.PENDING, created_at=at, next_check_at=at + _FIRST_CHECK, **known)

    def charged(self, charge: Charge, at: datetime) -> "Payment":
        opened = replace(
            self,
            state=State.PENDING,
            transaction=charge.transaction_id,
            payable=charge.payable,
            expires_at=charge.expires_at,
            ask_every=charge.ask_every,
            next_check_at=at + _FIRST_CHECK,
        )
        match charge.means:
            case Picture(png, text, link):
                return replace(opened, qr_png=base64.b64encode(png).decode(), qr_text=text, redirect_url=link)
            case Redirect(url):
                return replace(opened, redirect_url=url)
            case HostedFields() as fields:
                return replace(opened, hosted_fields=fields)
            case Transfer() as transfer:
                code = charge.code
                drawn = base64.b64encode(code.png).decode() if code else None
                return replace(opened, transfer_to=transfer, qr_png=drawn, qr_text=code.text if code else None)

    def closed(self, state: State, at: datetime) -> "Payment":
        """Expired or failed at the gateway; asked for a while longer, because money may come late."""
        if RANK[state] < RANK[self.state]:
            return self.checked(at)
        return replace(self, state=state).checked(at)

    def captured(self, received: int, at: datetime, fee: int | None = None) -> "Payment":
        return replace(
            self,
            state=State.CAPTURED,
            received=received,
            fee=fee,
            refundable=received,
            captured_at=at,
            checked_at=at,
            next_check_at=None,
        )

    def for_review(self, reason: str, received: int, currency: str, at: datetime, fee: int | None = None) -> "Payment":
        """Settled, but not as agreed."""
        return replace(
            self,
            state=State.REVIEW,
            review_reason=reason,
            received=received,
            fee=fee,
            refundable=received + self.left,
            suspended=received + self.waiting,
            other_currency=None if currency == self.currency else currency,
            captured_at=at,
            checked_at=at,
            next_check_at=None,
            reviewed_at=None,
        )

    def flagged(self, reason: str, received: int, currency: str) -> "Payment":
        """As open on its own as it was, with money about it for a person to look at."""
        return replace(
            self,
            review_reason=reason,
            refundable=self.left + received,
            suspended=self.waiting + received,
            other_currency=None if currency == self.currency else currency,
            reviewed_at=None,
        )

    def accepted(self, by: str | None, at: datetime) -> "Payment":
        """It pays its order after all; what is above its price still waits."""
        received = self.received or 0
        kept = min(received, self.payable or self.amount, self.waiting)
        return replace(self, state=State.CAPTURED, kept=kept, suspended=self.waiting - kept)._looked_at(by, at)

    def returned(self, by: str | None, at: datetime) -> "Payment":
        """What waits goes back. One that pays its order still does."""
        state = State.RETURNED if self.state is State.REVIEW else self.state
        return replace(self, state=state)._looked_at(by, at)

    def lapsed(self, at: datetime) -> "Payment":
        """A captured part that pays nothing any more: all of it goes back, and nobody need look at it."""
        named = replace(self, state=State.RETURNED, review_reason="lapsed", suspended=self.left)
        return named._looked_at(None, at)

    def _looked_at(self, by: str | None, at: datetime) -> "Payment":
        return replace(self, reviewed_by=by, reviewed_at=at)

    def reserved(self, amount: int, excess: int) -> "Payment":
        """With so much on its way back, of which `excess` is what waited. Raises Conflict for more than is left."""
        if amount > self.left or excess > self.waiting:
            raise Conflict("more_than_left", "That is more than is left of this payment.")
        return replace(self, refundable=self.left - amount, suspended=self.waiting - excess)

    def restored(self, amount: int, excess: int) -> "Payment":
        """A refund failed. What waited for a person waits again."""
        back = replace(self, refundable=self.left + amount, suspended=self.waiting + excess)
        return replace(back, reviewed_at=None) if excess else back

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
