"""What is known of a transfer beside its payment: the buyer's slip, and what staff say came."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core.errors import Conflict, Forbidden

LARGEST = 10 * 1024 * 1024
"""Bytes of a slip."""


class State(StrEnum):
    """AWAITED: the slip has not arrived. SUBMITTED: staff is to look. PROPOSED: one person says that money came."""

    AWAITED = "awaited"
    SUBMITTED = "submitted"
    PROPOSED = "proposed"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"


WAITING = frozenset({State.SUBMITTED, State.PROPOSED})
"""What staff is to look at."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A picture or PDF of the buyer's bank. `size` in bytes, `sha256` in hex."""

    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """`received` is what one person found in the bank's statement, in minor units; another one has to find the same.

    `reference` is what the bank calls the transfer there.
    """

    payment: str
    organization: str
    order: str
    attempt: int
    state: State
    created_at: datetime
    slip: Slip | None = None
    submitted_at: datetime | None = None
    received: int | None = None
    reference: str | None = None
    proposed_by: str | None = None
    proposed_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    version: int = 0

    @property
    def key(self) -> str | None:
        """Where the slip is, in the bucket of documents."""
        return f"{folder_of(self.organization, self.order)}{self.payment}/{self.slip.sha256}" if self.slip else None

    def announced(self, slip: Slip) -> "Transfer":
        """With another slip to come. Raises Conflict while staff decides, and for one that was rejected."""
        if self.state is State.PROPOSED:
            raise Conflict("transfer_under_way", "This transfer is being confirmed.")
        if self.state is State.REJECTED and self.slip == slip:
            raise Conflict("slip_rejected", "This slip was rejected. Send another one.")
        return replace(self, state=State.AWAITED, slip=slip, submitted_at=None)

    def submitted(self, at: datetime) -> "Transfer":
        return replace(self, state=State.SUBMITTED, submitted_at=at)

    def proposed(self, by: str, received: int, reference: str | None, at: datetime) -> "Transfer":
        """One person's word. Raises Forbidden where it only repeats their own."""
        if self.state is State.PROPOSED and (self.proposed_by, self.received) == (by, received):
            raise Forbidden("second_person", "Somebody else has to confirm it.")
        return replace(
            self, state=State.PROPOSED, proposed_by=by, proposed_at=at, received=received, reference=reference
        )

    def is_agreed(self, by: str, received: int) -> bool:
        """Whether this is the word of a second person, and the same."""
        return self.state is State.PROPOSED and self.proposed_by != by and self.received == received

    def confirmed(self, by: str, at: datetime) -> "Transfer":
        return replace(self, state=State.CONFIRMED, decided_by=by, decided_at=at)

    def rejected(self, by: str, reason: str, at: datetime) -> "Transfer":
        """Raises Conflict unless staff is to look at it. What was proposed is forgotten."""
        if self.state not in WAITING:
            raise Conflict("transfer_status", f"A transfer that is {self.state} can not be rejected.")
        bare = replace(self, received=None, reference=None, proposed_by=None, proposed_at=None)
        return replace(bare, state=State.REJECTED, decided_by=by, decided_at=at, reason=reason)


def folder_of(organization: str, order: str) -> str:
    return f"slips/{organization}/{order}/"
