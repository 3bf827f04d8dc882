"""Connections, the groups they listen to, and the positions in a group's log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.auth import Principal

TICKET_LASTS = timedelta(seconds=30)
CONNECTION_LASTS = timedelta(hours=2)
"""API Gateway closes a websocket after that, whatever happens on it."""

LEASE = timedelta(minutes=10)
"""How long a connection is told things after it was last heard: as long as an access token is good."""

OPENING = timedelta(seconds=10)
"""API Gateway opens a connection after we took it; what is pushed before finds nobody, and is asked for by `resume`."""

KEPT_FOR = timedelta(hours=2)
"""How long a group's log can be read again by whoever comes back."""

MOST_GROUPS = 50
PAGE = 500
"""Connections that one message of the queue reaches."""

MOST_FACTS = 100
"""In one answer to somebody who comes back."""

MOST_MESSAGES = 120
"""That a connection may send in a minute."""

_TICK = timedelta(milliseconds=1)
_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to open one websocket for somebody. `version` is the session version of the access token behind it."""

    organization: str
    user: str
    roles: frozenset[str]
    permissions: frozenset[str]
    session: str
    session_version: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """An open websocket. `groups` are what it listens to; `lease_until` is until when it is taken to be there."""

    id: str
    organization: str
    user: str
    roles: frozenset[str]
    permissions: frozenset[str]
    session: str
    session_version: int
    groups: frozenset[str]
    opened_at: datetime
    lease_until: datetime

    @property
    def principal(self) -> Principal:
        return Principal(
            self.organization,
            user=self.user,
            roles=self.roles,
            session=self.session,
            version=self.session_version,
            permissions=self.permissions,
        )

    @property
    def is_staff(self) -> bool:
        """Whoever may do more than a customer hears nothing after the session has ended, not even within the lease."""
        return bool(self.permissions)

    def is_opening(self, at: datetime) -> bool:
        return at < self.opened_at + OPENING

    def listens(self, at: datetime) -> bool:
        return at < self.lease_until


def own_groups(user: str, roles: frozenset[str]) -> list[str]:
    """What somebody listens to without asking."""
    return [f"user:{user}", *(f"role:{role}" for role in sorted(roles))]


def following(last: datetime | None, now: datetime) -> datetime:
    """The position of what comes next in a log: now, and always after the last one."""
    return now if last is None else max(now, last + _TICK)


def beginning(last: datetime | None, now: datetime) -> datetime:
    """The position from which somebody who comes now has missed nothing: clocks may differ by a minute."""
    return last or now - _SKEW


@dataclass(frozen=True, slots=True)
class Missed:
    """What came after a position. Not `complete`: something before it is forgotten. `more`: ask again from `cursor`."""

    facts: tuple[Mapping[str, Any], ...]
    cursor: datetime
    complete: bool
    more: bool


def missed(found: list[tuple[datetime, Mapping[str, Any]]], since: datetime, last: datetime, now: datetime) -> Missed:
    """What to answer somebody at `since`. `found` is what the log has after it, up to `MOST_FACTS` and one."""
    shown = found[:MOST_FACTS]
    return Missed(
        facts=tuple(fact for _, fact in shown),
        cursor=shown[-1][0] if shown else max(since, last),
        complete=last <= since or now - KEPT_FOR < since,
        more=len(found) > MOST_FACTS,
    )
