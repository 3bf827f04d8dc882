"""Events and their rules: which status follows which, who may see and fill one, when it sells."""

import unicodedata
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from re import sub
from typing import Any

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.events.assignments.model import Role

MOST_PHOTOGRAPHERS = 40
LONGEST_SLUG = 80


class EventStatus(StrEnum):
    PLANNING = "planning"
    SHOOTING = "shooting"
    UPLOADING = "uploading"
    PROCESSING = "processing"
    REVIEWING = "reviewing"
    LIVE = "live"
    CLOSED = "closed"


# Forward by any number of steps; back where more photos or another look are needed.
MOVES: Mapping[EventStatus, frozenset[EventStatus]] = {
    EventStatus.PLANNING: frozenset(
        {
            EventStatus.SHOOTING,
            EventStatus.UPLOADING,
            EventStatus.PROCESSING,
            EventStatus.REVIEWING,
            EventStatus.LIVE,
        }
    ),
    EventStatus.SHOOTING: frozenset(
        {EventStatus.UPLOADING, EventStatus.PROCESSING, EventStatus.REVIEWING, EventStatus.LIVE}
    ),
    EventStatus.UPLOADING: frozenset({EventStatus.PROCESSING, EventStatus.REVIEWING, EventStatus.LIVE}),
    EventStatus.PROCESSING: frozenset({EventStatus.UPLOADING, EventStatus.REVIEWING, EventStatus.LIVE}),
    EventStatus.REVIEWING: frozenset({EventStatus.UPLOADING, EventStatus.LIVE}),
    EventStatus.LIVE: frozenset({EventStatus.REVIEWING, EventStatus.CLOSED}),
    EventStatus.CLOSED: frozenset({EventStatus.LIVE}),
}

PUBLIC_STATUSES = frozenset({EventStatus.LIVE, EventStatus.CLOSED})
"""What visitors see: a closed event still shows its photos, it only sells none."""


class Access(StrEnum):
    """Who sees the photos of a public event: anybody, or who knows its code; of a private one nobody else knows."""

    PUBLIC = "public"
    CODE = "code"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Location:
    """Degrees, north and east positive."""

    lat: float
    lon: float
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What an organizer writes about an event. Raises Invalid for an unknown zone, a window that ends first.

    `timezone` is an IANA name; `download_limit` (per photo) and `download_hours` override the organization's.
    """

    name: str
    date: date
    description: str = ""
    timezone: str = "Asia/Bangkok"
    venue: str = ""
    location: Location | None = None
    auto_approve: bool = False
    sale_opens_at: datetime | None = None
    sale_closes_at: datetime | None = None
    download_limit: int | None = None
    download_hours: int | None = None

    def __post_init__(self) -> None:
        if self.timezone not in _zones():
            raise Invalid("unknown_timezone", "Use an IANA zone such as Asia/Bangkok.", field="timezone")
        if self.sale_opens_at and self.sale_closes_at and self.sale_opens_at >= self.sale_closes_at:
            raise Invalid("sale_window", "Sales must open before they close.", field="saleClosesAt")

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Details.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Event:
    """`primary` is the one of its photographers who leads the others, if any."""

    id: str
    organization: str
    slug: str
    name: str
    date: date
    description: str
    timezone: str
    venue: str
    location: Location | None
    auto_approve: bool
    sale_opens_at: datetime | None
    sale_closes_at: datetime | None
    download_limit: int | None
    download_hours: int | None
    created_at: datetime
    updated_at: datetime
    status: EventStatus = EventStatus.PLANNING
    photographers: tuple[str, ...] = ()
    primary: str | None = None
    sold_at: datetime | None = None
    live_at: datetime | None = None
    access: Access | None = None
    entry_code: str | None = field(default=None, repr=False)
    deleted_at: datetime | None = None
    version: int = 1

    @property
    def details(self) -> Details:
        return Details(**{name: getattr(self, name) for name in Details.__dataclass_fields__})

    @property
    def is_public(self) -> bool:
        return self.status in PUBLIC_STATUSES

    def edited(self, details: Details, slug: str | None, at: datetime) -> "Event":
        return replace(self, **details.fields(), slug=slug or self.slug, updated_at=at)

    def moved(self, to: EventStatus, at: datetime) -> "Event":
        if to not in MOVES[self.status]:
            raise Conflict("status_not_allowed", f"An event can not go from {self.status} to {to}.", field="status")
        live_at = at if to is EventStatus.LIVE and self.live_at is None else self.live_at
        return replace(self, status=to, live_at=live_at, updated_at=at)

    def assigned(self, photographer: str, at: datetime, role: Role | None = None) -> "Event":
        """With somebody among its photographers, in a role unless that stays. Raises Conflict `primary_taken`."""
        if photographer not in self.photographers and len(self.photographers) >= MOST_PHOTOGRAPHERS:
            raise Conflict("too_many_photographers", f"{MOST_PHOTOGRAPHERS} photographers an event.")
        if role is Role.PRIMARY and self.primary not in (None, photographer):
            raise Conflict("primary_taken", "Another photographer is the primary one of this event.", field="role")
        photographers = tuple(dict.fromkeys((*self.photographers, photographer)))
        primary = self.primary
        if role is not None:
            primary = photographer if role is Role.PRIMARY else self._primary_but(photographer)
        if (photographers, primary) == (self.photographers, self.primary):
            return self
        return replace(self, photographers=photographers, primary=primary, updated_at=at)

    def unassigned(self, photographer: str, at: datetime) -> "Event":
        if photographer not in self.photographers:
            return self
        kept = tuple(held for held in self.photographers if held != photographer)
        return replace(self, photographers=kept, primary=self._primary_but(photographer), updated_at=at)

    def _primary_but(self, photographer: str) -> str | None:
        return None if self.primary == photographer else self.primary

    def sold(self, at: datetime) -> "Event":
        return self if self.sold_at else replace(self, sold_at=at)

    def deleted(self, at: datetime) -> "Event":
        if self.sold_at:
            raise Conflict("event_sold", "Photos of this event were sold; close it instead.")
        return replace(self, deleted_at=at, updated_at=at)

    def restricted(self, access: Access, entry_code: str | None, at: datetime) -> "Event":
        """`entry_code` is a digest; a public event has none. Raises Invalid where one is needed."""
        if access is not Access.PUBLIC and entry_code is None:
            raise Invalid("code_missing", "Choose a code that opens the event.", field="code")
        kept = None if access is Access.PUBLIC else entry_code
        return replace(self, access=access, entry_code=kept, updated_at=at)

    def must_take_uploads(self) -> None:
        if self.status is EventStatus.CLOSED:
            raise Conflict("event_closed", "This event is closed and takes no more photos.")

    def must_sell(self, at: datetime) -> None:
        """Raises Conflict outside the live status and the sale window."""
        opened = self.sale_opens_at is None or self.sale_opens_at <= at
        closed = self.sale_closes_at is not None and self.sale_closes_at <= at
        if self.status is not EventStatus.LIVE or not opened or closed:
            raise Conflict("sale_closed", "Photos of this event are not on sale now.")

    def for_visitors(self) -> "Event":
        """Without what is the staff's business only."""
        return replace(self, photographers=(), primary=None, sold_at=None, live_at=None, entry_code=None)


def slug_of(name: str, suffix: str) -> str:
    """An address from a name: its Latin letters and digits. A name without letters takes `suffix` along."""
    latin = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = sub(r"[^a-z0-9]+", "-", latin).strip("-")[: LONGEST_SLUG - len(suffix) - 7].strip("-")
    if any(letter.isalpha() for letter in words):
        return words
    return "-".join(part for part in ("event", words, suffix) if part)


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
