"""Credit, grant by grant: what is spent first, what is held, what expires. Pure rules; amounts are minor units."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from chalicelib.core.errors import Conflict, NotFound

MOST_GRANTS = 50
KEPT_FREE = 10
"""Of those places so many are for what was paid for: a buyer is not refused because staff was generous."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class Source(StrEnum):
    """REFUND: it paid for something, and came back."""

    STAFF = "staff"
    BOUGHT = "bought"
    BONUS = "bonus"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit of one origin. `left` of its `amount` is neither spent nor held.

    A lower `priority` is spent first. With an `event` it pays for things of that event alone. `paid` is what its buyer
    gave for the whole of it.
    """

    id: str
    source: Source
    amount: int
    left: int
    granted_at: datetime
    priority: int = 100
    expires_at: datetime | None = None
    event: str | None = None
    paid: int = 0

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    def paid_part(self, amount: int) -> int:
        """What was paid for so much of it, rounded down."""
        return self.paid * amount // self.amount


@dataclass(frozen=True, slots=True)
class Hold:
    """Credit set aside for a payment: how much (minor units) of which grant."""

    id: str
    parts: tuple[tuple[str, int], ...]

    @property
    def amount(self) -> int:
        return sum(amount for _, amount in self.parts)


@dataclass(frozen=True, slots=True)
class Wallet:
    organization: str
    user: str
    grants: tuple[Grant, ...] = ()
    holds: tuple[Hold, ...] = ()
    version: int = 0

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds)

    @property
    def total(self) -> int:
        """What the ledger owes for it: expired credit, too, until that is booked back."""
        return sum(grant.left for grant in self.grants) + self.held

    @property
    def due_at(self) -> datetime | None:
        """When the next credit expires."""
        return min((grant.expires_at for grant in self.grants if grant.left and grant.expires_at), default=None)

    def spendable(self, at: datetime) -> list[Grant]:
        """What may be spent, the first one first."""
        living = [grant for grant in self.grants if grant.left and not grant.has_expired(at)]
        return sorted(living, key=lambda grant: (grant.priority, grant.expires_at or _NEVER, grant.id))

    def available(self, at: datetime) -> int:
        return sum(grant.left for grant in self.spendable(at))

    def find(self, grant_id: str) -> Grant:
        """Raises NotFound."""
        found = next((grant for grant in self.grants if grant.id == grant_id), None)
        if found is None:
            raise NotFound("credit_not_found", "There is no such credit.")
        return found

    def holds_for(self, hold_id: str) -> bool:
        return any(hold.id == hold_id for hold in self.holds)

    # --- changes --------------------------------------------------------------------------------------------

    def give(self, grant: Grant) -> Self:
        """Raises Conflict `too_many_credits`."""
        living = sum(not each.has_expired(grant.granted_at) for each in self.grants)
        if living >= MOST_GRANTS - (0 if grant.source is Source.BOUGHT else KEPT_FREE):
            raise Conflict("too_many_credits", "There are too many credits in this wallet. Some must be spent first.")
        return self._with((*self.grants, grant), self.holds)

    def give_back(self, grant_id: str, amount: int, at: datetime) -> Self:
        """What was spent returns, never to expire: all of it into one grant, which is there however many others are."""
        grant = next((each for each in self.grants if each.id == grant_id), None)
        if grant is None:
            return self._with((*self.grants, Grant(grant_id, Source.REFUND, amount, amount, at)), self.holds)
        grown = replace(grant, amount=grant.amount + amount, left=grant.left + amount)
        return self._with(tuple(grown if each.id == grant_id else each for each in self.grants), self.holds)

    def hold(self, id: str, charges: Mapping[str, int], at: datetime, amount: int | None = None) -> Self:
        """Set aside what `charges` come to, or so much of it: by event, or whatever else is sold from. Twice is once.

        Credit of an event pays for no more than that event's part. Taking as much as possible of each in turn finds
        a way to pay wherever there is one. Raises Conflict `not_enough_credit`.
        """
        if self.holds_for(id):
            return self
        open_at, parts = dict(charges), []
        due = sum(charges.values()) if amount is None else amount
        for grant in self.spendable(at):
            taken = min(grant.left, due, open_at.get(grant.event, 0) if grant.event else due)
            if taken:
                parts.append((grant.id, taken))
                due -= taken
                if grant.event:
                    open_at[grant.event] -= taken
        if due:
            raise Conflict("not_enough_credit", f"There is {due} less credit than this costs.")
        return self._with(_changed(self.grants, parts, -1), (*self.holds, Hold(id, tuple(parts))))

    def spend(self, hold_id: str) -> Self:
        """What was held is gone."""
        return self._with(self.grants, self._without(hold_id))

    def release(self, hold_id: str) -> Self:
        """What was held may be spent again, if it has not expired. Without such a hold nothing changes."""
        parts = [part for hold in self.holds if hold.id == hold_id for part in hold.parts]
        return self._with(_changed(self.grants, parts, +1), self._without(hold_id))

    def take(self, grant_id: str, amount: int) -> Self:
        """Take so much of a grant back. Raises NotFound, Conflict `not_enough_credit`."""
        if amount > self.find(grant_id).left:
            raise Conflict("not_enough_credit", "Less than that is left of this credit.")
        return self._with(_changed(self.grants, [(grant_id, amount)], -1), self.holds)

    def end(self, grant_id: str, at: datetime) -> Self:
        """Nothing of a grant may be spent any more, not even what a hold gives back later."""
        ended = (replace(grant, left=0, expires_at=at) if grant.id == grant_id else grant for grant in self.grants)
        return self._with(tuple(ended), self.holds)

    def without_expired(self, at: datetime) -> Self:
        kept = (replace(grant, left=0) if grant.has_expired(at) else grant for grant in self.grants)
        return self._with(tuple(kept), self.holds)

    def _without(self, hold_id: str) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.holds if hold.id != hold_id)

    def _with(self, grants: tuple[Grant, ...], holds: tuple[Hold, ...]) -> Self:
        held = {grant for hold in holds for grant, _ in hold.parts}
        kept = tuple(grant for grant in grants if grant.left or grant.id in held)
        return replace(self, grants=kept, holds=holds, version=self.version + 1)


def _changed(grants: Iterable[Grant], parts: Iterable[tuple[str, int]], sign: int) -> tuple[Grant, ...]:
    by_grant = dict(parts)
    return tuple(replace(grant, left=grant.left + sign * by_grant.get(grant.id, 0)) for grant in grants)
