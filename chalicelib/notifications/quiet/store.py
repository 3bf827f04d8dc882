"""What waits for the end of quiet hours.

| access                             | key                                                        |
|------------------------------------|------------------------------------------------------------|
| what waits for somebody            | pk T#{org}#WAITING#{user} / sk {id}                        |
| whose quiet hours are over, by time| pk G#DUE#quiet#{0-3} / sk {due_at}#{org}#{user}#{id}       |

The second row goes with the fact that tells of it, the first when its notice was sent.
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.table import Moment, Record, Write, create, delete, table, transact
from chalicelib.notifications.quiet.model import Waiting

_SHARDS = 4


class WaitingRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#WAITING#{}", "{}")
    model = Waiting

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    due_at = Moment()
    entry = UnicodeAttribute(null=True)
    notice = UnicodeAttribute(null=True)


class QuietEndRecord(Record):
    Meta = table("notifications")
    keys = ("G#DUE#quiet#{}", "{}#{}#{}#{}")

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    waiting = UnicodeAttribute()
    due_at = Moment()


def find(organization: str, user: str, id: str) -> Waiting | None:
    record = WaitingRecord.fetch(_pk(organization, user), id)
    return record.value() if record else None


def add(waiting: Waiting) -> list[Write]:
    """Writes that hold unless it waits already."""
    pk = _pk(waiting.organization, waiting.user)
    return [create(WaitingRecord.of(waiting, pk=pk, sk=waiting.id)), Write("put", _due(waiting))]


def due(at: datetime, at_most: int) -> Iterator[Waiting]:
    """Whose quiet hours are over, without what waits for it."""
    for shard in range(_SHARDS):
        before = QuietEndRecord.sk <= clock.stamp(at) + "~"
        for record in list(QuietEndRecord.query(f"G#DUE#quiet#{shard}", before, limit=at_most)):
            yield Waiting(record.waiting, record.organization, record.user, record.due_at)


def end(waiting: Waiting) -> Write:
    """A write that holds for the first who finds that it is due."""
    return Write("delete", _due(waiting), QuietEndRecord.pk.exists())


def drop(waiting: Waiting) -> Write:
    return delete(WaitingRecord(_pk(waiting.organization, waiting.user), waiting.id))


def drop_all(organization: str, user: str) -> None:
    """May run again where it was cut off. The rows by time follow when theirs comes: nobody is found then."""
    for record in list(WaitingRecord.query(_pk(organization, user), consistent_read=True)):
        transact(delete(WaitingRecord(record.pk, record.sk)))


def _due(waiting: Waiting) -> QuietEndRecord:
    pk = f"G#DUE#quiet#{ids.shard_of(waiting.id, _SHARDS)}"
    sk = f"{clock.stamp(waiting.due_at)}#{waiting.organization}#{waiting.user}#{waiting.id}"
    told = {"organization": waiting.organization, "user": waiting.user, "waiting": waiting.id}
    return QuietEndRecord(pk, sk, due_at=waiting.due_at, **told)


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#WAITING#{user}"
