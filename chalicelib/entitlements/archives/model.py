"""An archive and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.entitlements.model import WINDOW, Size

LASTS = timedelta(hours=24)
"""How long an archive can be fetched; storage forgets it a day later."""


class State(StrEnum):
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Packed:
    """A file in the archive as the directory at its end has it: its CRC-32, its size and where it begins, in bytes."""

    name: str
    crc: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Archive:
    """`resources` are to be packed in that order; of `packed` everything is in the `parts` that storage has.

    The photos are in `size_of_photos`, None meaning as they are. `upload` is storage's name of the unfinished file,
    `size` its bytes so far. `window_until` is the end of the address that was handed out last.
    """

    id: str
    organization: str
    order: str
    state: State
    resources: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    upload: str | None = None
    parts: tuple[str, ...] = ()
    packed: tuple[Packed, ...] = ()
    size: int = 0
    window_until: datetime | None = None
    size_of_photos: Size | None = None
    version: int = 0

    @property
    def key(self) -> str:
        return f"archives/{self.organization}/{self.order}/{self.id}.zip"

    @property
    def photo_size(self) -> Size:
        return self.size_of_photos or Size.ORIGINAL

    @property
    def filename(self) -> str:
        return f"photos-{self.order[-8:].lower()}.zip"

    @property
    def waiting(self) -> tuple[str, ...]:
        """What is not packed yet."""
        return self.resources[len(self.packed) :]

    def is_current(self, at: datetime, size: Size) -> bool:
        """Whether another one in this size would be the same."""
        return self.photo_size is size and self.state is not State.FAILED and self.expires_at > at

    def next_window(self, at: datetime) -> datetime:
        return min(at + WINDOW, self.expires_at)

    def begun(self, upload: str) -> "Archive":
        """From the start: what an earlier upload had is gone."""
        return replace(self, upload=upload, parts=(), packed=(), size=0)

    def grown(self, part: str, packed: Sequence[Packed], size: int) -> "Archive":
        """With one more part in storage, that ends at `size`."""
        return replace(self, parts=(*self.parts, part), packed=tuple(packed), size=size)


@dataclass(frozen=True, slots=True)
class Progress:
    """An archive for its buyer; with an address once it is ready."""

    archive: Archive
    url: str | None = None
