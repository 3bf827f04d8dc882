"""What a photographer tells of themselves, and the average of what buyers say. Pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.core.errors import Conflict

MOST_PHOTOS = 24
MOST_LINKS = 10
MOST_SPECIALITIES = 10


class Status(StrEnum):
    """`paused` photographers take no work at the moment; their page and their photos stay."""

    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Rating:
    """How many buyers gave how many stars in all."""

    count: int = 0
    total: int = 0

    @property
    def average(self) -> float | None:
        """To two places; None before the first."""
        return round(self.total / self.count, 2) if self.count else None


@dataclass(frozen=True, slots=True)
class Photographer:
    """`bank_account` and `tax_id` are kept as `core.sealing` makes them. `version` 0 is one that was never stored."""

    organization: str
    user: str
    bio: str = ""
    specialities: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    photos: tuple[str, ...] = ()
    status: Status = Status.ACTIVE
    bank_account: str | None = field(default=None, repr=False)
    tax_id: str | None = field(default=None, repr=False)
    changed_at: datetime | None = None
    version: int = 0

    def changed(self, version: int, told: Mapping[str, Any], at: datetime) -> "Photographer":
        """The version after `version`, with `told` (field -> value). Raises Conflict `version_conflict`."""
        if version != self.version:
            raise Conflict("version_conflict", "This was changed meanwhile. Load it again.", field="version")
        return replace(self, **told, changed_at=at, version=version + 1)
