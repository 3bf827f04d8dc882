"""An endpoint that wants to hear of events, and what becomes of telling it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

TEST = "webhook.test"
"""What is sent for the asking, once, and counts for nothing."""

MOST_ENDPOINTS = 20
"""Of one organization."""

OVERLAP = timedelta(hours=24)
"""How long a secret signs after it was replaced."""
MOST_FORMER = 3

KEPT_FOR = timedelta(days=30)

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
PAUSES = (
    timedelta(seconds=5), 5 * _MINUTE, 30 * _MINUTE,
    2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip
"""Before each further call: ten calls within a little more than three days."""
JITTER = 0.1
"""Of a pause, to both sides: what failed together does not come back together."""
LONGEST_WISH = timedelta(hours=24)
"""For which a receiver may put us off, by `Retry-After`."""

LEASE = timedelta(minutes=1)
"""After which a call of which nothing was heard is taken for lost. A call lasts ten seconds."""
GRACE = timedelta(minutes=1)
"""That the sweep leaves to the messages, which are faster."""
ASKED_FOR = timedelta(minutes=10)
"""For which a delivery that the sweep has queued is left to the queue."""

AT_ONCE = 4
"""Calls to one endpoint: the others of twenty workers are for the other endpoints."""
WAITS = (1, 15)
"""Seconds, at least and at most, until a delivery that found no free place tries again."""

BREAKS_AFTER = 5
"""Failures in a row after which an endpoint is left alone for a while."""
FIRST_BREAK = timedelta(seconds=30)
LONGEST_BREAK = 10 * _MINUTE
GIVEN_UP_AFTER = timedelta(days=3)
"""Of failures only."""

LONGEST_ANSWER = 256
"""Signs of an answer's body that are kept."""
MOST_ATTEMPTS = 20
"""Calls of one delivery that are kept; the newest."""


class Why(StrEnum):
    """Why an endpoint is off, or a delivery ended without success."""

    STAFF = "staff"
    FAILING = "failing"
    GONE = "gone"
    EXHAUSTED = "exhausted"
    DISABLED = "endpoint_disabled"
    DELETED = "endpoint_deleted"


class State(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Former:
    """A secret that was replaced, sealed, and until when it signs beside the new one."""

    secret: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`secret` is sealed. `off_because` says why it hears nothing, since `off_at`; None for one that does."""

    id: str
    organization: str
    url: str
    events: tuple[str, ...]
    description: str
    secret: str = field(repr=False)
    created_at: datetime
    former: tuple[Former, ...] = ()
    rotated_at: datetime | None = None
    off_at: datetime | None = None
    off_because: Why | None = None
    version: int = 1

    @property
    def enabled(self) -> bool:
        return self.off_because is None

    def hears(self, type: str) -> bool:
        return self.enabled and type in self.events

    def switched(self, on: bool, at: datetime, why: Why = Why.STAFF) -> Self:
        if on:
            return replace(self, off_at=None, off_because=None)
        return self if not self.enabled else replace(self, off_at=at, off_because=why)

    def rotated(self, secret: str, at: datetime) -> Self:
        """With a new secret; the one before signs for a while."""
        former = Former(self.secret, at + OVERLAP), *self.signing(at)
        return replace(self, secret=secret, former=former, rotated_at=at)

    def signing(self, at: datetime) -> tuple[Former, ...]:
        """The secrets from before that still sign."""
        return tuple(former for former in self.former if former.until > at)


@dataclass(frozen=True, slots=True)
class Health:
    """`failures` in a row since `since`; it is left alone until `paused_until`."""

    failures: int = 0
    since: datetime | None = None
    paused_until: datetime | None = None

    def is_paused(self, at: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > at

    def pause_after(self, at: datetime) -> datetime | None:
        """Until when to leave it alone after one more failure: ever longer, and not at all for the first ones."""
        beyond = self.failures + 1 - BREAKS_AFTER
        if beyond < 0:
            return None
        return at + min(FIRST_BREAK * (1 << min(beyond, 10)), LONGEST_BREAK)

    def is_hopeless(self, at: datetime) -> bool:
        return self.since is not None and at - self.since >= GIVEN_UP_AFTER


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: a status and the start of a body, or the name of what went wrong. `wait` is Retry-After."""

    ms: int
    status: int | None = None
    error: str | None = None
    text: str = ""
    wait: timedelta | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime
    ms: int
    status: int | None
    error: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `body` is what is sent, byte for byte, each time.

    `calls` counts those of this round, which a replay begins anew; one is counted before it is made, and a message of
    the queue says at which count it is good. `due_at` is when the sweep looks after it.
    """

    id: str
    organization: str
    endpoint: str
    type: str
    body: str
    created_at: datetime
    state: State = State.WAITING
    calls: int = 0
    due_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    ended_at: datetime | None = None
    because: Why | None = None
    correlation: str | None = None
    version: int = 1

    @property
    def is_test(self) -> bool:
        return self.type == TEST

    def claimed(self, at: datetime) -> Self:
        """About to be called: nobody else does, unless nothing is heard of it for the lease."""
        return replace(self, calls=self.calls + 1, due_at=at + LEASE)

    def put_off(self, until: datetime) -> Self:
        return replace(self, due_at=until)

    def again(self, at: datetime) -> Self:
        """From the first call on, whatever came of it before."""
        return replace(self, state=State.WAITING, calls=0, due_at=at, ended_at=None, because=None)

    def answered(self, answer: Answer, at: datetime, chance: float) -> Self:
        """After a call. `chance`, from 0 to 1, spreads the pause."""
        attempt = Attempt(at, answer.ms, answer.status, answer.error, answer.text)
        tried = replace(self, attempts=(*self.attempts, attempt)[-MOST_ATTEMPTS:])
        if answer.taken:
            return tried.ended(State.DELIVERED, at)
        if answer.gone:
            return tried.ended(State.FAILED, at, Why.GONE)
        if self.is_test or self.calls > len(PAUSES):
            return tried.ended(State.FAILED, at, Why.EXHAUSTED)
        pause = PAUSES[self.calls - 1] * (1 - JITTER + 2 * JITTER * chance)
        return tried.put_off(at + max(pause, min(answer.wait or pause, LONGEST_WISH)))

    def ended(self, state: State, at: datetime, because: Why | None = None) -> Self:
        return replace(self, state=state, due_at=None, ended_at=at, because=because)


@dataclass(frozen=True, slots=True)
class Revealed:
    """An endpoint and its secret, which is shown only now."""

    endpoint: Endpoint
    secret: str = field(repr=False)
