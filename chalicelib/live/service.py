"""Real time: opening a websocket, listening to groups, telling a group, and coming back without having missed anything.

What is told to a group first becomes the next entry of its log, then goes to whoever listens. A connection that starts
to listen first becomes a member, then reads the log: what happens in between reaches it twice rather than not at all.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.core import clock, ids, limits, live, log, once, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unauthorized, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.settings import settings
from chalicelib.core.table import transact
from chalicelib.live import store
from chalicelib.live.messages import PushDue
from chalicelib.live.model import (
    LEASE,
    MOST_FACTS,
    MOST_MESSAGES,
    PAGE,
    TICKET_LASTS,
    Connection,
    Missed,
    Ticket,
    beginning,
    following,
    missed,
    own_groups,
)
from chalicelib.organizations import service as organizations

See = Mapping[str, Callable[[Principal, str], str]]
"""By kind of group: the id of what is named, if the principal may see it. Else it raises NotFound."""

LAST_WORDS = frozenset({"connection_closed", "session_ended"})
"""Refusals after which a connection is closed."""

_TRIES = 12
_TOLD_ONCE_FOR = timedelta(days=14)
"""As long as a message may lie among the dead letters: told again after that it would be old news."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket, and from where its holder misses nothing: group -> position."""

    ticket: str
    url: str
    expires_at: datetime
    groups: Mapping[str, datetime]


# --- connections --------------------------------------------------------------------------------------------


def open_ticket(principal: Principal) -> Opened:
    """Leave to open one websocket within half a minute. Raises Limited, Unauthorized."""
    organization, user, now = principal.organization, principal.known_user, clock.now()
    limits.take(organization, "live-ticket", user, limit=30, seconds=60)
    secret = ids.token()
    ticket = Ticket(
        organization=organization,
        user=user,
        roles=principal.roles,
        permissions=principal.permissions,
        session=principal.session or "",
        session_version=principal.version,
        expires_at=now + TICKET_LASTS,
    )
    groups = {group: beginning(store.last(organization, group), now) for group in own_groups(user, principal.roles)}
    transact(store.add_ticket(ticket, ids.digest(secret)))
    return Opened(secret, settings().live_url, ticket.expires_at, groups)


def connect(connection_id: str, secret: str, origin: str | None) -> None:
    """Take a ticket for a connection that is being opened. Raises Forbidden.

    A browser tells the page's origin, which must be one of the organization's; what is no browser tells none.
    """
    refused = Forbidden("invalid_ticket", "This ticket opens nothing. Ask for another one.")
    digest, now = ids.digest(secret), clock.now()
    ticket = store.find_ticket(digest)
    if ticket is None or ticket.expires_at <= now:
        raise refused
    if origin is not None and not _welcomes(ticket.organization, origin):
        raise Forbidden("foreign_origin", "Pages of this origin may not listen.")
    connection = Connection(
        id=connection_id,
        organization=ticket.organization,
        user=ticket.user,
        roles=ticket.roles,
        permissions=ticket.permissions,
        session=ticket.session,
        session_version=ticket.session_version,
        groups=frozenset(own_groups(ticket.user, ticket.roles)),
        opened_at=now,
        lease_until=now + LEASE,
    )
    transact(*store.connect(connection, digest, refused))
    log.info("connected", organization=ticket.organization, user=ticket.user)


def disconnect(connection_id: str) -> None:
    """The connection is closed. Twice is once."""
    connection = store.find(connection_id)
    if connection is not None:
        transact(*store.disconnect(connection))


def heard(connection_id: str) -> Connection:
    """Whose connection says something: it is there, and stays so for a while.

    Raises Conflict `connection_closed` for one that was taken for dead, Limited, Unauthorized.
    """
    connection = store.find(connection_id)
    if connection is None:
        raise store.Vanished
    limits.take(connection.organization, "live-message", connection.id, limit=MOST_MESSAGES, seconds=60)
    if not accounts.session_lives(connection.principal):
        disconnect(connection.id)
        raise Unauthorized("session_ended", "This session has ended. Sign in again.")
    transact(store.renew(connection, clock.now() + LEASE))
    return connection


def subscribe(connection: Connection, name: str, see: See) -> tuple[str, datetime]:
    """Listen to a group from now on: its full name, and the position that now is. Raises NotFound, Unprocessable."""
    group = _group(connection, name, see)
    transact(*store.join(connection, group))
    return group, beginning(store.last(connection.organization, group), clock.now())


def unsubscribe(connection: Connection, group: str) -> None:
    """Not to be told of a group any more, whether one was or not."""
    transact(*store.leave(connection, group))


def resume(connection: Connection, name: str, position: datetime, see: See) -> tuple[str, Missed]:
    """Listen to a group, and what it was told since `position`. Raises NotFound, Unprocessable."""
    group = _group(connection, name, see)
    transact(*store.join(connection, group))
    organization = connection.organization
    found = store.since(organization, group, position, MOST_FACTS + 1)
    last = store.last(organization, group) or position
    return group, missed(found, position, last, clock.now())


def _group(connection: Connection, name: str, see: See) -> str:
    """The full name of a group that one may listen to. Raises NotFound, alike for what is missing and foreign."""
    if name in own_groups(connection.user, connection.roles):
        return name
    kind, _, id = name.partition(":")
    if kind not in see:
        raise NotFound("group_not_found", "There is nothing to listen to by this name.")
    return f"{kind}:{see[kind](connection.principal, id)}"


def _welcomes(organization: str, origin: str) -> bool:
    return origin in settings().allowed_origins or origin in organizations.origins_of(organization)


# --- telling ------------------------------------------------------------------------------------------------


def publish(organization: str, group: str, type: str, once_for: str, data: Callable[[], Mapping[str, Any]]) -> Outcome:
    """Tell a group something: it goes into the group's log, then to whoever listens.

    Twice is once under one correlation, which a fact keeps however often it comes, and for one `once_for`.

    `data` is asked for after the log's end was read, and again when that has moved: the last entry of a log never shows
    an older state than the one before. Told again, because the first try may not have come that far, it is only pushed
    again. Raises Unavailable while too many tell the same group.
    """
    id = ids.derived("fct", organization, group, type, once_for, log.correlation())
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(random.uniform(0, 0.02 * 1.6**attempt))  # noqa: S311 (jitter needs no secrecy)
        last = store.last(organization, group)
        at = following(last, clock.now())
        frame = _frame(id, group, type, data(), at, last)
        told = once.claim(organization, "live", id, result=clock.stamp(at), keep=_TOLD_ONCE_FOR)
        try:
            transact(told, *store.append(organization, group, frame, at, last))
            push(organization, group, frame)
            return Outcome.SUCCESS
        except once.Taken:
            earlier = store.entry(organization, group, once.recall(organization, "live", id))
            if earlier is not None:
                push(organization, group, earlier)
            return Outcome.SKIPPED
        except Conflict:
            continue
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=5)


def erase_person(organization: str, user: str) -> None:
    """Forget what somebody was told in the last hours. May run again where it was cut off."""
    store.forget_log(organization, f"user:{user}")


def push(organization: str, group: str, frame: str, after: str = "") -> Outcome:
    """Tell a page of a group's members, those after `after`, and leave the next page to a message of its own.

    Members that are not there any more are forgotten, and so is who may not listen any more.
    """
    page = store.members(organization, group, after, PAGE)
    known, now = store.find_all(page) if page else {}, clock.now()
    there = [id for id in page if id in known and _may_hear(known[id], now)]
    gone = {id for id in live.push(there, frame) if not known[id].is_opening(now)}
    for id in {*page} - {*there} | gone:
        _drop(organization, group, id, known.get(id))
    if len(page) == PAGE:
        rest = PushDue(organization=organization, group=group, frame=frame, after=page[-1])
        transact(outbox.publish(rest))
    return Outcome.SUCCESS if there else Outcome.SKIPPED


def _may_hear(connection: Connection, at: datetime) -> bool:
    return connection.listens(at) and (not connection.is_staff or accounts.session_lives(connection.principal))


def _drop(organization: str, group: str, id: str, connection: Connection | None) -> None:
    if connection is None:
        transact(store.forget(organization, group, id))
    else:
        transact(*store.disconnect(connection))
        live.close(id)


def _frame(id: str, group: str, type: str, data: Mapping[str, Any], at: datetime, last: datetime | None) -> str:
    """One message as it travels. `after` is the position of the one before: who is not there has missed something."""
    told = {
        "type": type,
        "id": id,
        "group": group,
        "after": clock.stamp(last) if last else None,
        "cursor": clock.stamp(at),
        "data": data,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
