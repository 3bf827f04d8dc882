"""Levels of proof, and the documents that people send in for them."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self

from chalicelib.core.errors import Conflict, Invalid

LARGEST = 10 * 1024 * 1024
"""Bytes of one document."""

ABANDONED_AFTER = timedelta(days=1)
REJECTED_KEPT = timedelta(days=30)
"""How long a rejected document stays, so that its owner and staff can talk about it."""


class Level(StrEnum):
    """What is proven of somebody. Each level includes the ones before it."""

    UNVERIFIED = "unverified"
    EMAIL = "email"
    PHONE = "phone"
    IDENTITY = "identity"
    FULL = "full"


class Kind(StrEnum):
    PASSPORT = "passport"
    ID_CARD = "id_card"
    DRIVING_LICENCE = "driving_licence"
    PROOF_OF_ADDRESS = "proof_of_address"

    @property
    def proves(self) -> Level:
        return Level.FULL if self is Kind.PROOF_OF_ADDRESS else Level.IDENTITY


LASTS = {Level.IDENTITY: timedelta(days=5 * 365), Level.FULL: timedelta(days=365)}
"""How long an approval holds at the longest; a document that ends earlier ends its approval."""


class State(StrEnum):
    AWAITING = "awaiting"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Document:
    """One file. `size` in bytes, `sha256` in hex; `valid_until` is set with the approval."""

    id: str
    organization: str
    user: str
    kind: Kind
    content_type: str
    size: int
    sha256: str
    created_at: datetime
    state: State = State.AWAITING
    submitted_at: datetime | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    reason: str | None = None
    valid_until: datetime | None = None
    version: int = 1

    @property
    def key(self) -> str:
        """Where its file is, in the bucket of documents."""
        return key_of(self.organization, self.user, self.id)

    @property
    def due_at(self) -> datetime | None:
        """When the clock changes it: what was never sent goes, and so does what was rejected; an approval ends."""
        match self.state:
            case State.AWAITING:
                return self.created_at + ABANDONED_AFTER
            case State.APPROVED:
                return self.valid_until
            case State.REJECTED:
                assert self.reviewed_at is not None
                return self.reviewed_at + REJECTED_KEPT
            case _:
                return None

    def holds(self, at: datetime) -> bool:
        return self.state is State.APPROVED and self.valid_until is not None and at < self.valid_until

    def submitted(self, at: datetime) -> Self:
        """Raises Conflict unless its file was awaited."""
        if self.state is not State.AWAITING:
            raise Conflict("document_not_awaited", "This document was sent before.")
        return replace(self, state=State.SUBMITTED, submitted_at=at, version=self.version + 1)

    def approved(self, by: str, valid_until: date | None, at: datetime) -> Self:
        """Raises Conflict unless it waits for a review, Invalid for a document that has run out."""
        self._must_wait()
        ends = at + LASTS[self.kind.proves]
        if valid_until is not None:
            ends = min(ends, datetime.combine(valid_until, time(), UTC) + timedelta(days=1))
        if ends <= at:
            raise Invalid("document_expired", "This document has run out.", field="validUntil")
        return self._reviewed(State.APPROVED, by, at, valid_until=ends)

    def rejected(self, by: str, reason: str, at: datetime) -> Self:
        """Raises Conflict unless it waits for a review."""
        self._must_wait()
        return self._reviewed(State.REJECTED, by, at, reason=reason)

    def expired(self) -> Self:
        return replace(self, state=State.EXPIRED, version=self.version + 1)

    def _must_wait(self) -> None:
        if self.state is not State.SUBMITTED:
            raise Conflict("document_not_submitted", "This document does not wait for a review.")

    def _reviewed(self, state: State, by: str, at: datetime, **fields: object) -> Self:
        return replace(self, state=state, reviewed_by=by, reviewed_at=at, version=self.version + 1, **fields)  # type: ignore[arg-type]


def key_of(organization: str, user: str, document: str) -> str:
    return f"identity/{organization}/{user}/{document}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far somebody is. `missing` are the proofs that the next levels ask for, the nearest first."""

    level: Level
    missing: tuple[Level, ...]
    documents: tuple[Document, ...]


def standing(proven: frozenset[Level], documents: tuple[Document, ...], at: datetime) -> Standing:
    """`proven` says which of e-mail and phone are; a level counts once all before it do."""
    held = proven | {document.kind.proves for document in documents if document.holds(at)}
    level = Level.UNVERIFIED
    ladder = [each for each in Level if each is not Level.UNVERIFIED]
    for rung in ladder:
        if rung not in held:
            break
        level = rung
    return Standing(level, tuple(rung for rung in ladder if rung not in held), documents)
