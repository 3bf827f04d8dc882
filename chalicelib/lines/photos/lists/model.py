"""A shared list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.lines.photos.model import Shown

LASTS = timedelta(days=90)
MOST = 100


@dataclass(frozen=True, slots=True)
class PhotoList:
    """Photos of one event. `digest` is that of the slug in its address, which nobody keeps; nor whose list it is."""

    digest: str
    organization: str
    event: str
    photos: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """A list as it was made, with its slug."""

    slug: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A list as whoever has its address sees it: those of its photos that are on sale now."""

    event: str
    expires_at: datetime
    items: Sequence[Shown]
