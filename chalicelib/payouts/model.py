"""Batches of payouts and their items. Pure rules; amounts are minor units."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo

from chalicelib.core import ids
from chalicelib.core.errors import Conflict, Forbidden, Invalid
from chalicelib.organizations.model import Organization

TAKEN = "payout"
"""The kind of the entry that takes what is due out of a party's account. It is in no batch itself."""

LATEST = timedelta(hours=1)
"""A batch ends at least so long ago: by then every booking of before has been committed and is found."""


class State(StrEnum):
    COLLECTING = "collecting"
    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    SETTLED = "settled"
    FAILED = "failed"


_MOVES = {
    State.COLLECTING: {State.DRAFT},
    State.DRAFT: {State.APPROVED, State.FAILED},
    State.APPROVED: {State.SENT, State.FAILED},
    State.SENT: {State.SETTLED, State.FAILED},
    State.SETTLED: set(),
    State.FAILED: set(),
}


class ItemState(StrEnum):
    """`held` is not paid and nothing is booked: nobody knew where to. It is in the next batch again."""

    HELD = "held"
    DUE = "due"
    SETTLED = "settled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Payout:
    """Everything that was owed before `until` and is in no earlier batch. `amount` is known once it is collected.

    `parties` counts who is paid, `held` who is not for want of a bank account. `lost` is what of `amount` does not go
    out.
    """

    id: str
    organization: str
    until: datetime
    currency: str
    state: State
    made_by: str
    made_at: datetime
    amount: int = 0
    parties: int = 0
    held: int | None = None
    lost: int | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    version: int = 0

    def collected(self, items: Sequence["Item"]) -> Self:
        due = [item.amount for item in items if item.state is ItemState.DUE]
        held = sum(item.state is ItemState.HELD for item in items)
        return replace(self._moved(State.DRAFT), amount=sum(due), parties=len(due), held=held)

    def approved(self, by: str, at: datetime) -> Self:
        """Raises Forbidden for who made it, Conflict `payout_state`."""
        moved = self._moved(State.APPROVED)
        if by == self.made_by:
            raise Forbidden("second_person_needed", "Somebody else than its maker approves a payout.")
        return replace(moved, approved_by=by, approved_at=at)

    def sent(self, at: datetime) -> Self:
        return replace(self._moved(State.SENT), sent_at=at)

    def ended(self, state: State, at: datetime, reason: str | None) -> Self:
        lost = self.amount if state is State.FAILED else self.lost
        return replace(self._moved(state), ended_at=at, reason=reason, lost=lost)

    def without(self, amount: int) -> Self:
        """So much of it does not go out."""
        return replace(self, lost=(self.lost or 0) + amount)

    def must_be(self, *states: State) -> None:
        if self.state not in states:
            raise Conflict("payout_state", f"This payout is {self.state}.")

    def _moved(self, to: State) -> Self:
        if to not in _MOVES[self.state]:
            raise Conflict("payout_state", f"A payout that is {self.state} can not become {to}.")
        return replace(self, state=to)


@dataclass(frozen=True, slots=True)
class Item:
    """What one party gets: its bookings after `since` up to `through`, places in its account's order.

    `party` is the ledger's account, `photographer:usr_...` or `organizer:org_...`; `reference` is what the bank tells.
    `account` is where the money goes, as it was when the item was made and as `organizations.seal_account` keeps it.
    """

    payout: str
    organization: str
    party: str
    reference: str
    amount: int
    currency: str
    since: str
    through: str
    state: ItemState
    at: datetime
    reason: str | None = None
    account: str | None = field(default=None, repr=False)
    version: int = 0

    @property
    def whose(self) -> str:
        """The id of the party: a user's or the organization's."""
        return self.party.partition(":")[2]

    @property
    def earner(self) -> str | None:
        """The photographer whose it is; None for the organization's own."""
        return self.whose if ids.is_id("usr", self.whose) else None

    def ended(self, state: ItemState, reason: str | None) -> Self:
        return replace(self, state=state, reason=reason)

    def without_account(self) -> Self:
        return replace(self, account=None)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the bookings of a party are in batches: `through` is the last one's place, `0` before the first."""

    organization: str
    party: str
    through: str = "0"
    version: int = 0


def account_of(whose: str) -> str:
    """The ledger's account of somebody by their id."""
    return f"photographer:{whose}" if ids.is_id("usr", whose) else f"organizer:{whose}"


def must_be_over(until: datetime, at: datetime) -> None:
    """Raises Invalid for a period whose bookings may still come in."""
    if until > at - LATEST:
        raise Invalid(
            "period_not_over", "A payout is for what was earned until an hour ago at the latest.", field="until"
        )


# --- statements ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the organization's time zone, `last` being one of them."""

    first: date
    last: date

    @classmethod
    def of(cls, first: date | None, last: date | None, today: date) -> Self:
        """Without `last` until the end of last month, without `first` from the beginning of the last day's month."""
        last = last or today.replace(day=1) - timedelta(days=1)
        return cls(first or last.replace(day=1), last)

    def moments(self, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
        """Its first one and the one after its last. Raises Invalid (`period_not_over`, `period_ends_first`)."""
        if self.last < self.first:
            raise Invalid("period_ends_first", "The last day is before the first one.", field="lastDay")
        days = self.first, self.last + timedelta(days=1)
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in days)
        if end > now - LATEST:
            raise Invalid("period_not_over", "A statement is for days that ended an hour ago.", field="lastDay")
        return start, end


@dataclass(frozen=True, slots=True)
class Line:
    """`reference` is the order or the payout; `balance` is what was owed then."""

    day: date
    kind: str
    reference: str
    event: str | None
    event_name: str | None
    amount: int
    balance: int


@dataclass(frozen=True)
class Statement:
    """`name` is None for who was forgotten."""

    organization: Organization
    whose: str
    name: str | None
    period: Period
    opening: int
    lines: tuple[Line, ...]

    @property
    def closing(self) -> int:
        return self.lines[-1].balance if self.lines else self.opening

    @cached_property
    def sums(self) -> dict[str, int]:
        """What each kind of posting comes to."""
        found: dict[str, int] = {}
        for line in self.lines:
            found[line.kind] = found.get(line.kind, 0) + line.amount
        return found
