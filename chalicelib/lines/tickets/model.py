"""Types of tickets to an event, and the tickets that were bought. Pure rules; amounts are minor units."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

from chalicelib.core.errors import Invalid
from chalicelib.events.model import Event, EventStatus
from chalicelib.stock.model import Pool

MOST_AN_ORDER = 50
"""Tickets of one type."""

MOST_TYPES = 40
"""Of one event."""

_REF = re.compile(r"(tty_[0-9A-Z]{26})-([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an organizer says of a type of ticket: `capacity` of them there are, an order takes up to `most`.

    They are on sale from `opens_at` to before `closes_at`, without which it is the end of the event's day. Raises
    Invalid for terms that cannot be meant.
    """

    name: str
    price: int
    capacity: int
    description: str = ""
    most: int = 10
    opens_at: datetime | None = None
    closes_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise Invalid("sale_window", "Sales must open before they close.", field="closesAt")

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Terms.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class TicketType:
    """The fields of `Terms`, and whose they are. Its units are the pool of its id. Withdrawn ones are sold no more."""

    id: str
    organization: str
    event: str
    name: str
    price: int
    capacity: int
    description: str
    most: int
    opens_at: datetime | None
    closes_at: datetime | None
    created_at: datetime
    withdrawn_at: datetime | None = None
    version: int = 1

    @property
    def terms(self) -> Terms:
        return Terms(**{name: getattr(self, name) for name in Terms.__dataclass_fields__})

    def changed(self, terms: Terms) -> Self:
        return replace(self, **terms.fields())

    def withdrawn(self, at: datetime) -> Self:
        return self if self.withdrawn_at else replace(self, withdrawn_at=at)

    @property
    def pool(self) -> Pool:
        """Where its units are."""
        return Pool(self.organization, self.event, self.id)

    def sells(self, event: Event, at: datetime) -> bool:
        """Whether it is on sale, be there some left or not. `event` is the type's."""
        opened = self.opens_at is None or at >= self.opens_at
        ends = self.closes_at or _day_after(event)
        return opened and at < ends and self.withdrawn_at is None and event.status is not EventStatus.CLOSED


class State(StrEnum):
    """A VOID ticket admits nobody: its money was given back."""

    VALID = "valid"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The admission of one person. `ref` is what of the order it was: no two of an order have the same.

    `owner` is the buyer's account, None for a guest. `event_name` and `type_name` are as they were when it was bought.
    """

    id: str
    organization: str
    order: str
    ref: str
    event: str
    event_name: str
    type: str
    type_name: str
    issued_at: datetime
    owner: str | None = None
    state: State = State.VALID
    version: int = 1

    def voided(self) -> Self:
        return replace(self, state=State.VOID)

    def forgotten(self) -> Self:
        return replace(self, owner=None)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told that tickets are there, in which language, and the order's code."""

    email: str
    language: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket with what its holder shows at the door: a text that the organization signed."""

    ticket: Ticket
    code: str


def ref_of(type_id: str, number: int) -> str:
    """How a cart names a ticket of a type: they count from 1."""
    return f"{type_id}-{number}"


def parsed(ref: str) -> tuple[str, int] | None:
    """The type and the number of a ticket in a cart; None for anything else."""
    match = _REF.fullmatch(ref)
    return (match[1], int(match[2])) if match else None


def _day_after(event: Event) -> datetime:
    return datetime.combine(event.date + timedelta(days=1), time.min, ZoneInfo(event.timezone))
