"""What a buyer may download: one grant per file of an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.core.errors import Forbidden

WINDOW = timedelta(minutes=5)
"""How long one download stays open: within it, asking again costs nothing, so a lost answer burns nothing."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to hand out: `key` in the originals bucket, saved by the browser as `filename`."""

    resource: str
    title: str
    key: str
    filename: str
    content_type: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """`limit` downloads of one resource until `expires_at`; `remaining` are not begun yet.

    `window_until` is the end of the download begun last. `owner` is None for a guest's order.
    """

    id: str
    organization: str
    order: str
    owner: str | None
    resource: str
    title: str
    key: str
    filename: str
    content_type: str
    sha256: str | None
    limit: int
    remaining: int
    expires_at: datetime
    created_at: datetime
    window_until: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def hours(self) -> int:
        """How long it was granted for."""
        return round((self.expires_at - self.created_at) / timedelta(hours=1))

    @property
    def revoked(self) -> bool:
        return self.revoked_at is not None

    def is_open(self, at: datetime) -> bool:
        """Whether a download was begun that still runs."""
        return not self.revoked and self.window_until is not None and self.window_until > at

    def next_window(self, at: datetime) -> datetime:
        """The end of a download begun now: no link outlives the grant."""
        return min(at + WINDOW, self.expires_at)

    def is_available(self, at: datetime) -> bool:
        """Whether asking for the file now would be answered with a link."""
        return not self.revoked and self.expires_at > at and (self.remaining > 0 or self.is_open(at))

    def refusal(self, at: datetime) -> Forbidden:
        """Why a file that is not available is not."""
        if self.revoked:
            return Forbidden("download_revoked", "This download was withdrawn.")
        if self.expires_at <= at:
            return Forbidden("download_expired", "The time to download this photo is over.")
        return Forbidden("download_limit_reached", "This photo was downloaded as often as it may be.")


@dataclass(frozen=True, slots=True)
class Downloads:
    """All grants of one order, at least one."""

    order: str
    files: Sequence[Grant]


@dataclass(frozen=True, slots=True)
class Download:
    """A file to fetch from `url`, which answers until `expires_at`."""

    url: str
    filename: str
    content_type: str
    sha256: str | None
    remaining: int
    expires_at: datetime
