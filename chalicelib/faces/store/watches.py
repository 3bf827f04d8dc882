"""Who is told of photos that show them, and when they are looked for."""

from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Record, Several, Write, create, delete, replace, table, transact
from chalicelib.core.table import index as index_named
from chalicelib.faces.model import Recognition, Watch
from chalicelib.faces.store.keys import SHARDS, index_pk
from chalicelib.faces.store.searches import forget_search, searches_of


class WatchRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "WATCH#{}")
    model = Watch

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    wording = UnicodeAttribute()
    consented_at = Moment()
    begun = BooleanAttribute()
    face = UnicodeAttribute(null=True)
    told = Several(str)
    told_at = Moment(null=True)


class RoundRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "ROUND#{}")

    organization = UnicodeAttribute(null=True)
    event = UnicodeAttribute(null=True)
    index = UnicodeAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index_named("due")


def find_watch(organization: str, index_id: str, watch: str) -> Watch | None:
    record = WatchRecord.fetch(index_pk(organization, index_id), f"WATCH#{watch}")
    return record.value() if record else None


def add_watch(watch: Watch) -> Write:
    return create(_watch_record(watch))


def save_watch(watch: Watch) -> Write:
    """A write that holds only while the stored version is `watch.version`."""
    return replace(_watch_record(watch), watch.version)


def forget_watch(watch: Watch) -> None:
    """Delete it after what it was told of. Raises Conflict where it changed meanwhile; may run again."""
    for search in searches_of(watch.organization, watch.id):
        forget_search(watch.organization, watch.id, search)
    changed = Conflict("changed_meanwhile", "The face was kept at the same moment.")
    record = _watch_record(watch)
    still = (WatchRecord.version == watch.version) | WatchRecord.pk.does_not_exist()
    transact(Write("delete", record, still, refused=changed))


def watches(organization: str, index_id: str, after: str, at_most: int) -> list[Watch]:
    """The next of them after the watch `after`, in a fixed order."""
    found = WatchRecord.query(
        index_pk(organization, index_id),
        WatchRecord.sk.between(f"WATCH#{after}!", "WATCH#~"),  # ! comes before, and ~ after whatever an id has
        limit=at_most,
        consistent_read=True,
    )
    return [record.value() for record in found]


def has_watches(organization: str, index_id: str) -> bool:
    found = WatchRecord.query(
        index_pk(organization, index_id), WatchRecord.sk.startswith("WATCH#"), limit=1, consistent_read=True
    )
    return any(True for _ in found)


def put_round(seen: Recognition, at: datetime) -> Write:
    """Whoever is to be told is looked for at that time. Twice is once."""
    time = clock.stamp(at)
    return Write(
        "put",
        RoundRecord(
            index_pk(seen.organization, str(seen.index)),
            f"ROUND#{time}",
            organization=seen.organization,
            event=seen.event,
            index=seen.index,
            due_pk=f"G#DUE#watch#{ids.shard_of(str(seen.index), SHARDS)}",
            due_sk=f"{time}#{seen.organization}#{seen.index}",
        ),
    )


@dataclass(frozen=True, slots=True)
class Round:
    organization: str
    event: str
    index: str
    time: str


def rounds_due(at: datetime, at_most: int) -> list[Round]:
    before = RoundRecord.due_sk < clock.stamp(at)
    return [
        Round(record.organization, record.event, record.index, record.sk.removeprefix("ROUND#"))
        for shard in range(SHARDS)
        for record in RoundRecord.due.query(f"G#DUE#watch#{shard}", before, limit=at_most)
    ]


def remove_round(due: Round) -> Write:
    return delete(RoundRecord(index_pk(due.organization, due.index), f"ROUND#{due.time}"))


def _watch_record(watch: Watch) -> WatchRecord:
    return WatchRecord.of(watch, pk=index_pk(watch.organization, watch.index), sk=f"WATCH#{watch.id}")
