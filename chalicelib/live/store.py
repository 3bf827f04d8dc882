"""Open websockets and what they are told.

| access                             | key                                            |
|------------------------------------|------------------------------------------------|
| one ticket                         | pk G#ticket#{sha256} / sk -                    |
| one connection                     | pk G#connection#{id} / sk -                    |
| the members of a group             | pk T#{org}#GROUP#{group} / sk {connection}     |
| the last position of a group's log | pk T#{org}#LOG#{group} / sk -                  |
| a group's log, in order            | pk T#{org}#LOG#{group} / sk AT#{position}      |

API Gateway names no tenant when it tells of a connection: whose it is stands in the connection itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.expressions.condition import Condition, size

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Forbidden, Unprocessable
from chalicelib.core.table import MOST_WRITES, Moment, Record, Typed, Write, create, delete, table, transact, update
from chalicelib.live.model import CONNECTION_LASTS, KEPT_FOR, MOST_GROUPS, Connection, Ticket

_HEAD_LASTS = KEPT_FOR + timedelta(days=1)


class Vanished(Conflict):
    """The connection is closed."""

    def __init__(self) -> None:
        super().__init__("connection_closed", "This connection is closed. Open another one.")


class TicketRecord(Record):
    Meta = table("connections")
    keys = ("G#ticket#{}", "-")
    model = Ticket

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    roles = Typed[frozenset[str]](frozenset[str])
    permissions = Typed[frozenset[str]](frozenset[str])
    session = UnicodeAttribute()
    session_version = NumberAttribute()
    expires_at = Moment()


class ConnectionRecord(Record):
    Meta = table("connections")
    keys = ("G#connection#{}", "-")
    model = Connection

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    roles = Typed[frozenset[str]](frozenset[str])
    permissions = Typed[frozenset[str]](frozenset[str])
    session = UnicodeAttribute()
    session_version = NumberAttribute()
    groups = UnicodeSetAttribute()
    opened_at = Moment()
    lease_until = Moment()


class ListenerRecord(Record):
    Meta = table("connections")
    keys = ("T#{}#GROUP#{}", "{}")


class HeadRecord(Record):
    Meta = table("connections")
    keys = ("T#{}#LOG#{}", "-")

    last = Moment()


class EntryRecord(Record):
    Meta = table("connections")
    keys = ("T#{}#LOG#{}", "AT#{}")

    frame = UnicodeAttribute()


# --- connections --------------------------------------------------------------------------------------------


def add_ticket(ticket: Ticket, digest: str) -> Write:
    return create(TicketRecord.of(ticket, pk=f"G#ticket#{digest}", sk="-", ttl=clock.epoch(ticket.expires_at) + 60))


def find_ticket(digest: str) -> Ticket | None:
    record = TicketRecord.fetch(f"G#ticket#{digest}", "-")
    return record.value() if record else None


def connect(connection: Connection, digest: str, refused: Forbidden) -> list[Write]:
    """The writes of a connection that uses up its ticket. Raises `refused` where another one did."""
    ticket = TicketRecord(f"G#ticket#{digest}", "-")
    used_up = Write("delete", ticket, TicketRecord.pk.exists(), refused=refused)
    ttl = _gone_at(connection)
    opened = create(ConnectionRecord.of(connection, pk=_pk(connection.id), sk="-", ttl=ttl))
    return [used_up, opened, *(_member(connection, group) for group in sorted(connection.groups))]


def find(connection_id: str) -> Connection | None:
    record = ConnectionRecord.fetch(_pk(connection_id), "-")
    return _value(record) if record else None


def find_all(connection_ids: Iterable[str]) -> dict[str, Connection]:
    """Those that are open, by id."""
    keys = [(_pk(id), "-") for id in connection_ids]
    return {record.id: _value(record) for record in ConnectionRecord.batch_get(keys, consistent_read=True)}


def renew(connection: Connection, until: datetime) -> Write:
    record = ConnectionRecord(_pk(connection.id), "-")
    known = ConnectionRecord.pk.exists()
    return update(record, ConnectionRecord.lease_until.set(until), condition=known, refused=Vanished())


def join(connection: Connection, group: str) -> list[Write]:
    """Raises Vanished, Unprocessable `too_many_groups`."""
    record = ConnectionRecord(_pk(connection.id), "-")
    few: Condition = size(ConnectionRecord.groups) < MOST_GROUPS  # type: ignore[no-untyped-call]
    room = ConnectionRecord.groups.contains(group) | few
    full = Unprocessable("too_many_groups", f"A connection listens to up to {MOST_GROUPS} groups.")
    return [
        update(record, ConnectionRecord.groups.add({group}), condition=room, refused=full),
        _member(connection, group),
    ]


def leave(connection: Connection, group: str) -> list[Write]:
    record = ConnectionRecord(_pk(connection.id), "-")
    known = ConnectionRecord.pk.exists()
    left = update(record, ConnectionRecord.groups.delete({group}), condition=known, refused=Vanished())
    return [left, forget(connection.organization, group, connection.id)]


def disconnect(connection: Connection) -> list[Write]:
    groups = sorted(connection.groups)
    forgotten = [forget(connection.organization, group, connection.id) for group in groups]
    return [delete(ConnectionRecord(_pk(connection.id), "-")), *forgotten]


def forget(organization: str, group: str, connection_id: str) -> Write:
    """One member less."""
    return delete(ListenerRecord(_group_pk(organization, group), connection_id))


def members(organization: str, group: str, after: str, limit: int) -> list[str]:
    """Connections that were told to listen, whether they are still there or not, in the order of their ids."""
    beyond = ListenerRecord.sk > after if after else None
    found = ListenerRecord.query(_group_pk(organization, group), beyond, limit=limit, consistent_read=True)
    return [record.sk for record in found]


def _member(connection: Connection, group: str) -> Write:
    pk = _group_pk(connection.organization, group)
    return Write("put", ListenerRecord(pk, connection.id, ttl=_gone_at(connection)))


def _value(record: ConnectionRecord) -> Connection:
    connection: Connection = record.value()
    return replace(connection, groups=frozenset(connection.groups))


def _gone_at(connection: Connection) -> int:
    return clock.epoch(connection.opened_at + CONNECTION_LASTS) + 60


def _pk(connection_id: str) -> str:
    return f"G#connection#{connection_id}"


def _group_pk(organization: str, group: str) -> str:
    return f"T#{organization}#GROUP#{group}"


# --- logs ---------------------------------------------------------------------------------------------------


def last(organization: str, group: str) -> datetime | None:
    """The position of the newest fact of a group's log, if it has any."""
    record = HeadRecord.fetch(_log_pk(organization, group), "-")
    return record.last if record else None


def append(organization: str, group: str, frame: str, at: datetime, was: datetime | None) -> list[Write]:
    """The writes that make `frame` the newest of the log, whose last position is still `was`. Raises Conflict."""
    pk = _log_pk(organization, group)
    head = HeadRecord(pk, "-", last=at, ttl=clock.epoch(at + _HEAD_LASTS))
    unchanged = HeadRecord.pk.does_not_exist() if was is None else HeadRecord.last == was
    entry = EntryRecord(pk, f"AT#{clock.stamp(at)}", frame=frame, ttl=clock.epoch(at + KEPT_FOR))
    return [Write("put", head, unchanged), create(entry)]


def entry(organization: str, group: str, position: str | None) -> str | None:
    """The frame at a position (its stamp), while the log has it."""
    record = EntryRecord.fetch(_log_pk(organization, group), f"AT#{position}")
    return record.frame if record else None


def since(organization: str, group: str, position: datetime, limit: int) -> list[tuple[datetime, Mapping[str, Any]]]:
    """Up to `limit` facts after a position, each with its own, oldest first."""
    later = EntryRecord.sk > f"AT#{clock.stamp(position)}"
    found = EntryRecord.query(_log_pk(organization, group), later, limit=limit, consistent_read=True)
    frames = [json.loads(record.frame) for record in found]
    return [(_position(frame["cursor"]), frame) for frame in frames]


def forget_log(organization: str, group: str) -> None:
    """May run again where it was cut off."""
    pk = _log_pk(organization, group)
    found = EntryRecord.query(pk, EntryRecord.sk.startswith("AT#"), consistent_read=True)
    gone = [delete(EntryRecord(record.pk, record.sk)) for record in found] + [delete(HeadRecord(pk, "-"))]
    for start in range(0, len(gone), MOST_WRITES):
        transact(*gone[start : start + MOST_WRITES])


def _position(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def _log_pk(organization: str, group: str) -> str:
    return f"T#{organization}#LOG#{group}"
