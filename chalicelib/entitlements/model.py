"""What a buyer may download: one grant per file of an order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from chalicelib.core.errors import Forbidden

WINDOW = timedelta(minutes=5)
"""How long one download stays open: within it, asking again costs nothing, so a lost answer burns nothing."""


class Size(StrEnum):
    """In which a photo is handed out. All but the original are JPEGs that are made when somebody wants them."""

    ORIGINAL = "original"
    WEB = "web"
    SMALL = "small"

    @property
    def long_side(self) -> int | None:
        """Pixels at most; None for as it is."""
        return {Size.ORIGINAL: None, Size.WEB: 2048, Size.SMALL: 1024}[self]

    def key_of(self, original: str) -> str:
        """Where a file in this size is stored, by the key of the original."""
        return original if self is Size.ORIGINAL else f"sizes/{original}/{self}.jpg"


@dataclass(frozen=True, slots=True)
class File:
    """A file to hand out: `key` in the originals bucket, saved by the browser as `filename`.

    `subject` is what its line of sale counts it under; `price` is its share of what was paid (minor units).
    """

    resource: str
    title: str
    key: str
    filename: str
    content_type: str
    sha256: str | None = None
    subject: str | None = None
    price: int = 0


@dataclass(frozen=True, slots=True)
class Sale:
    """The purchase behind a grant: `code` is the order's; `buyer` an address, None once it was forgotten.

    `terms` names the class of licence that was bought.
    """

    code: str
    buyer: str | None
    currency: str
    payment: str
    paid_at: datetime
    terms: str = "personal"


@dataclass(frozen=True, slots=True)
class Grant:
    """`limit` downloads of one resource until `expires_at`; `remaining` are not begun yet.

    `window_until` is the end of the download begun last, and `received_until` of that which the buyer said has arrived.
    `owner` is None for a guest's order. `licence` is the signed document, None for what was granted without a sale or
    before there were any, and once its buyer was forgotten. `renewals` counts how often it was granted anew.
    `price` (minor units) is what it counts as sold for; earlier releases did not note it. `returned_at` is when it was
    given back and began to count no more. `handed` has what was handed out in the download begun last: sizes, and
    `licensed` for a copy with the licence in it, with the digest of each.
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
    subject: str | None = None
    licence: Mapping[str, Any] | None = None
    licensed_sha256: str | None = None
    received_until: datetime | None = None
    renewals: int | None = None
    renewed_at: datetime | None = None
    price: int | None = None
    returned_at: datetime | None = None
    handed: Mapping[str, str] | None = None

    @property
    def sold_for(self) -> int:
        """What it counts as sold for, in minor units."""
        if self.price is not None:
            return self.price
        return int(self.licence["price"]["amount"]) if self.licence is not None else 0

    @property
    def hours(self) -> int:
        """How long it was granted for."""
        return round((self.expires_at - (self.renewed_at or self.created_at)) / timedelta(hours=1))

    def filename_in(self, size: Size) -> str:
        return self.filename if size is Size.ORIGINAL else f"{PurePosixPath(self.filename).stem}-{size}.jpg"

    def type_in(self, size: Size) -> str:
        return self.content_type if size is Size.ORIGINAL else "image/jpeg"

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


RENEWALS = 1
"""How often an order's downloads are granted anew for the asking; staff may allow more."""


@dataclass(frozen=True, slots=True)
class Renewals:
    """`used` of `cap` renewals of an order."""

    organization: str
    order: str
    used: int = 0
    cap: int = RENEWALS
    version: int = 0


@dataclass(frozen=True, slots=True)
class Sales:
    """What was granted of a subject and how often it was fetched: `orders` of `files` for `amount` (minor units)."""

    orders: int = 0
    files: int = 0
    amount: int = 0
    downloads: int = 0

    def __neg__(self) -> "Sales":
        return Sales(-self.orders, -self.files, -self.amount, -self.downloads)

    def __add__(self, other: "Sales") -> "Sales":
        return Sales(
            self.orders + other.orders,
            self.files + other.files,
            self.amount + other.amount,
            self.downloads + other.downloads,
        )


@dataclass(frozen=True, slots=True)
class Downloads:
    """All grants of one order, at least one, and how often they were renewed."""

    order: str
    files: Sequence[Grant]
    renewals: Renewals


@dataclass(frozen=True, slots=True)
class Download:
    """A file to fetch from `url`, which answers until `expires_at`."""

    url: str
    filename: str
    content_type: str
    sha256: str | None
    remaining: int
    expires_at: datetime
