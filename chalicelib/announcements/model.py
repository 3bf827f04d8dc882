"""Somebody who hears of an event, and a message to all who do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self

from chalicelib.core import ids

Language = Literal["th", "en"]

KEPT_FOR = timedelta(days=180)
"""After the event, or after somebody asked or bought, whichever is later."""

ANNOUNCED_A_DAY = 3
BROADCAST_A_DAY = 10
FURTHEST = timedelta(days=90)
"""Into the future that a broadcast is planned."""

PAGE = 20
"""People that one message of the queue reaches: with a batch of ten such messages well within a function's time."""


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"


class Audience(StrEnum):
    """Of those who hear of an event: who asked for it, its buyers, both. Of those with an account: the others."""

    REGISTERED = "registered"
    BUYERS = "buyers"
    ALL = "all"
    EVERYBODY = "everybody"
    CUSTOMERS = "customers"
    PHOTOGRAPHERS = "photographers"

    def has(self, roles: frozenset[str]) -> bool:
        """Whether an account with these roles belongs to it."""
        return self is Audience.EVERYBODY or self.value.removesuffix("s") in roles


def follower_id(organization: str, event: str, address: str) -> str:
    """The same for the same address, of this event alone: nobody is recognized in two."""
    return ids.derived("fol", organization, event, address)


def address_owner(organization: str, address: str) -> str:
    """Whose an address is, as far as the address says: a digest."""
    return ids.derived("own", organization, address)


@dataclass(frozen=True, slots=True)
class Follower:
    """Who hears of an event at one address: `asked_at` it, `bought_at` it, or both. `address` is sealed.

    By a `watch` of their face they are told of photos that show them, and of nothing else.

    `owners` are the account and the digest of the address by which the person is found when they want to know or to be
    forgotten. Who left stays as a digest that keeps a later purchase from writing to them again.
    """

    id: str
    organization: str
    event: str
    channel: Channel
    language: str
    expires_at: datetime
    address: str | None = field(default=None, repr=False)
    owners: tuple[str, ...] = ()
    user: str | None = None
    asked_at: datetime | None = None
    bought_at: datetime | None = None
    left_at: datetime | None = None
    watch: str | None = None
    version: int = 0

    def asked(self, *, user: str | None, language: str, address: str, owners: tuple[str, ...], at: datetime) -> Self:
        """They confirmed that they want to hear, whatever they said before."""
        return replace(
            self,
            address=address,
            owners=tuple(dict.fromkeys((*self.owners, *owners))),
            user=user or self.user,
            language=language,
            asked_at=at,
            left_at=None,
        )

    def bought(self, *, user: str | None, address: str, owners: tuple[str, ...], at: datetime) -> Self:
        """Who left before does not hear again because they buy."""
        if self.left_at is not None:
            return self
        known = tuple(dict.fromkeys((*self.owners, *owners)))
        return replace(self, address=self.address or address, owners=known, user=user or self.user, bought_at=at)

    def watching(self, watch: str, *, user: str | None, language: str, address: str, owners: tuple[str, ...]) -> Self:
        """They want to be told of photos that show them, by this watch in place of an earlier one."""
        others = [owner for owner in self.owners if owner != self.watch]
        return replace(
            self,
            address=address,
            owners=tuple(dict.fromkeys((*others, *owners, watch))),
            user=user or self.user,
            language=language,
            left_at=None,
            watch=watch,
        )

    def without_watch(self) -> Self:
        """Of whom nothing else is to be told nothing stays but a digest."""
        if self.asked_at is None and self.bought_at is None:
            return replace(self, address=None, owners=(), user=None, watch=None)
        return replace(self, owners=tuple(owner for owner in self.owners if owner != self.watch), watch=None)

    def left(self, at: datetime) -> Self:
        return replace(self, address=None, owners=(), user=None, asked_at=None, bought_at=None, left_at=at, watch=None)

    def kept(self, until: datetime) -> Self:
        return replace(self, expires_at=max(self.expires_at, until))

    def hears(self, audience: Audience, at: datetime) -> bool:
        if self.address is None or self.left_at is not None or self.expires_at <= at:
            return False
        registered = self.asked_at is not None and audience is not Audience.BUYERS
        return registered or (self.bought_at is not None and audience is not Audience.REGISTERED)


class Kind(StrEnum):
    LIVE = "live"
    ANNOUNCEMENT = "announcement"
    BROADCAST = "broadcast"


class State(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to an `audience`, and how far it got: all up to `cursor` were told, or could not be.

    `texts` are by language; that an event is live is told in words of ours. `sent` and `failed` count messages. Those
    who hear of an event are its audience; without an event it is people with an account. A broadcast is sent `at` a
    time that may be yet to come, and leads to the `page` of the site.
    """

    id: str
    organization: str
    event: str
    kind: Kind
    audience: Audience
    at: datetime
    texts: Mapping[str, Text] = field(default_factory=dict)
    cursor: str = ""
    sent: int = 0
    failed: int = 0
    done_at: datetime | None = None
    page: str | None = None
    cancelled_at: datetime | None = None
    version: int = 1

    @property
    def over(self) -> bool:
        return self.done_at is not None or self.cancelled_at is not None

    def state_at(self, now: datetime) -> State:
        if self.cancelled_at is not None:
            return State.CANCELLED
        if self.done_at is not None:
            return State.DONE
        return State.PLANNED if now < self.at else State.SENDING

    def text_in(self, language: str) -> Text:
        return self.texts.get(language) or next(iter(self.texts.values()))

    def told(self, *, sent: int, failed: int, cursor: str | None, at: datetime) -> Self:
        """After a page of people. `cursor` is the last of them, None where nobody comes after it."""
        return replace(
            self,
            sent=self.sent + sent,
            failed=self.failed + failed,
            cursor=cursor or self.cursor,
            done_at=None if cursor else at,
        )
