"""An event's counts, and how long its photos took to sale."""

from collections import Counter
from collections.abc import Sequence

from pynamodb.attributes import NumberAttribute

from chalicelib.core import ids
from chalicelib.core.table import Record, Write, table, update
from chalicelib.lines.photos.model import Counts, Photo
from chalicelib.lines.photos.store.keys import event_pk
from chalicelib.lines.photos.times import Times, step_of

COUNT_SHARDS = 16
TIME_SHARDS = 8


class CountRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#COUNTS", "{}")

    pending = NumberAttribute(null=True)
    approved = NumberAttribute(null=True)
    rejected = NumberAttribute(null=True)


class TimeRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#EVT#{}#TIMES", "{}#{}")

    n = NumberAttribute(null=True)


def counts(organization: str, event: str) -> Counts:
    shards = CountRecord.query(f"{event_pk(organization, event)}#COUNTS", consistent_read=True)
    return sum(
        (Counts(int(row.pending or 0), int(row.approved or 0), int(row.rejected or 0)) for row in shards),
        Counts(),
    )


def count(photo: Photo, change: Counts) -> Sequence[Write]:
    """The write that moves the counts of a photo's event; none where nothing changes."""
    row = CountRecord(
        f"{event_pk(photo.organization, photo.event)}#COUNTS", f"{ids.shard_of(photo.id, COUNT_SHARDS):02d}"
    )
    steps = (
        (CountRecord.pending, change.pending),
        (CountRecord.approved, change.approved),
        (CountRecord.rejected, change.rejected),
    )
    actions = [attribute.add(step) for attribute, step in steps if step]
    return [update(row, *actions)] if actions else []


def times(organization: str, event: str) -> Times:
    """How long the photos of an event took to come on sale."""
    found: Counter[int] = Counter()
    for row in TimeRecord.query(f"{event_pk(organization, event)}#TIMES", consistent_read=True):
        found[int(row.sk.partition("#")[0])] += int(row.n or 0)
    return Times(found)


def time(was: Photo, now: Photo) -> Sequence[Write]:
    """The write that counts how long a photo took, when it comes on sale for the first time; else none."""
    if was.sellable_at is not None or now.sellable_at is None:
        return []
    began = now.stored_at or now.uploaded_at or now.offered_at
    step = step_of((now.sellable_at - began).total_seconds())
    row = TimeRecord(
        f"{event_pk(now.organization, now.event)}#TIMES", f"{step:02d}#{ids.shard_of(now.id, TIME_SHARDS):02d}"
    )
    return [update(row, TimeRecord.n.add(1))]
