"""An event's photos as they are counted, wanted and shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from chalicelib.lines.photos.model.photo import Photo
from chalicelib.lines.photos.model.states import Processing


@dataclass(frozen=True, slots=True)
class Counts:
    """Photos of an event that were processed, by approval. Also a change of them."""

    pending: int = 0
    approved: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.approved + self.rejected

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.pending + other.pending, self.approved + other.approved, self.rejected + other.rejected)

    @classmethod
    def gone(cls, was: Photo) -> Self:
        """What changes when a photo goes."""
        left = -1 if was.processing is Processing.READY else 0
        return cls(**{was.approval.value: left})

    @classmethod
    def moved(cls, was: Photo, now: Photo) -> "Counts":
        """What a change of one photo changes."""
        steps = dict.fromkeys(("pending", "approved", "rejected"), 0)
        for photo, step in ((was, -1), (now, +1)):
            if photo.processing is Processing.READY:
                steps[photo.approval.value] += step
        return cls(**steps)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which photos on sale somebody wants: of a bib number, an album, a location, one photographer, from `since` to
    before `until`.
    """

    newest_first: bool = False
    bib: str | None = None
    photographer: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    album: str | None = None
    location: str | None = None

    @property
    def is_all(self) -> bool:
        return self in (Wanted(), Wanted(newest_first=True))

    def takes(self, photo: Photo) -> bool:
        """Whether it is one of them, of a list that may hold others."""
        mine = self.photographer in (None, photo.photographer)
        inside = self.album in (None, photo.album) and self.location in (None, photo.location)
        at = photo.shelved_at
        started = self.since is None or self.since <= at
        ended = self.until is not None and self.until <= at
        return photo.for_sale and mine and inside and started and not ended


ALL = Wanted()


@dataclass(frozen=True, slots=True)
class SignedImage:
    """`url` works for some minutes."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo with addresses of its sizes, by name."""

    photo: Photo
    sizes: Mapping[str, SignedImage] = field(default_factory=dict)
