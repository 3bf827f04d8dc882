"""An album, and a location, which is an album of a place."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """A photo is in one of each kind at most; its field of that name says in which."""

    ALBUM = "album"
    LOCATION = "location"

    @property
    def prefix(self) -> str:
        """What ids of this kind begin with."""
        return {Kind.ALBUM: "alb", Kind.LOCATION: "loc"}[self]


@dataclass(frozen=True, slots=True)
class Album:
    """`name` is what people gave it; of a location, too: no coordinate is in it."""

    id: str
    organization: str
    event: str
    kind: Kind
    name: str
    created_at: datetime
    version: int = 1

    @property
    def called(self) -> str:
        """The name as it is compared: an event has each once."""
        return " ".join(unicodedata.normalize("NFKC", self.name).casefold().split())

    def renamed(self, name: str) -> "Album":
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a photo that was to be put into an album or taken out: the code of the refusal, if any."""

    photo: str
    error: str | None = None
