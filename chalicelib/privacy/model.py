"""Consents, exports and erasures."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from chalicelib.core.errors import Conflict

GRACE = timedelta(days=30)
"""How long somebody may think again before an erasure."""

TRIED_AGAIN_AFTER = timedelta(hours=1)
"""When an erasure that was begun and not finished is told again."""

EXPORT_LASTS = timedelta(days=7)

COPY_LASTS = timedelta(days=30)
"""How long somebody without a mailbox may fetch a receipt."""

MOST_BYTES = 400 * 1024 * 1024
"""Of a person's own files in one export; a Lambda function has 512 MB of disk."""


class ConsentKind(StrEnum):
    MARKETING = "marketing"
    ANALYTICS = "analytics"
    FACE_RECOGNITION = "face_recognition"
    DATA_PROCESSING = "data_processing"


@dataclass(frozen=True, slots=True)
class Consent:
    """An answer to one question. `wording` names the text that was shown, as the frontend versions it."""

    organization: str
    user: str
    kind: ConsentKind
    granted: bool
    wording: str
    at: datetime
    version: int = 1

    def is_same(self, other: Self | None) -> bool:
        return other is not None and (self.granted, self.wording) == (other.granted, other.wording)


class ExportState(StrEnum):
    ASKED = "asked"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Export:
    """A ZIP of everything that is kept of somebody. `size` in bytes, once it is made."""

    id: str
    organization: str
    user: str
    state: ExportState
    created_at: datetime
    expires_at: datetime
    size: int | None = None
    version: int = 1

    @property
    def key(self) -> str:
        return f"{export_key(self.organization, self.user, self.id)}.zip"

    @property
    def draft_key(self) -> str:
        """Of what was gathered so far."""
        return f"{export_key(self.organization, self.user, self.id)}.json"

    def ready(self, size: int, at: datetime) -> Self:
        return replace(self, state=ExportState.READY, size=size, expires_at=at + EXPORT_LASTS, version=self.version + 1)


def export_key(organization: str, user: str, export: str) -> str:
    """What the keys of its ZIP and of its draft begin with."""
    return f"exports/{organization}/{user}/{export}"


class Scope(StrEnum):
    """What is erased: the account with everything, face data alone, or the photos that somebody sent in."""

    ACCOUNT = "account"
    FACES = "faces"
    PHOTOS = "photos"


class ErasureState(StrEnum):
    PLANNED = "planned"
    ERASING = "erasing"
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A request to erase. `done` are the holdings that are erased already; `contact` is where the receipt goes, sealed.

    `wakes_at` is when the sweep looks at it next.
    """

    id: str
    organization: str
    user: str
    scope: Scope
    state: ErasureState
    asked_at: datetime
    due_at: datetime
    wakes_at: datetime | None
    done: tuple[str, ...] = ()
    contact: str | None = field(default=None, repr=False)
    language: str | None = None
    version: int = 1

    @property
    def is_open(self) -> bool:
        return self.state in (ErasureState.PLANNED, ErasureState.ERASING)

    def cancelled(self) -> Self:
        """Raises Conflict once it has begun."""
        if self.state is not ErasureState.PLANNED:
            raise Conflict("erasure_begun", "This can not be taken back any more.")
        return self._changed(state=ErasureState.CANCELLED, wakes_at=None)

    def begun(self, at: datetime) -> Self:
        return self._changed(state=ErasureState.ERASING, wakes_at=at + TRIED_AGAIN_AFTER)

    def for_contact(self, sealed: str, language: str) -> Self:
        return self._changed(contact=sealed, language=language)

    def with_done(self, holding: str) -> Self:
        return self._changed(done=(*self.done, holding))

    def finished(self) -> Self:
        return self._changed(state=ErasureState.DONE, wakes_at=None, contact=None)

    def _changed(self, **fields: object) -> Self:
        return replace(self, **fields, version=self.version + 1)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That something was erased. What tells whose it was is there only until it has been mailed."""

    id: str
    organization: str
    scope: Scope
    at: datetime
    digest: str
    signed: str | None = field(default=None, repr=False)
    contact: str | None = field(default=None, repr=False)
    language: str | None = None
