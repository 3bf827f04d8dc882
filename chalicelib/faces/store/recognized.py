"""What is recognized at an event, and what was seen in its photos."""

from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Record, Typed, Write, check, create, delete, replace, table
from chalicelib.core.table import index as index_named
from chalicelib.faces.model import Attestation, Recognition, Seen, SeenFace
from chalicelib.faces.store.keys import SHARDS, event_pk, index_pk


class RecognitionRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#EVT#{}", "-")
    model = Recognition

    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    attestation = Typed[Attestation](Attestation, null=True)
    bibs = BooleanAttribute()
    index = UnicodeAttribute(null=True)
    key = UnicodeAttribute(null=True)
    keep_until = Moment(null=True)
    blocks = NumberAttribute()
    due_pk = UnicodeAttribute(null=True)
    due_sk = UnicodeAttribute(null=True)
    due = index_named("due")


class SeenRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "PHOTO#{}")
    model = Seen

    organization = UnicodeAttribute()
    index = UnicodeAttribute()
    photo = UnicodeAttribute()
    begun = BooleanAttribute()
    faces = Typed[tuple[SeenFace, ...]](tuple[SeenFace, ...], null=True)
    bibs = Typed[tuple[str, ...]](tuple[str, ...], null=True)


def recognition(organization: str, event: str) -> Recognition:
    """What is recognized at an event: nothing, where nobody said so."""
    record = RecognitionRecord.fetch(event_pk(organization, event), "-")
    found: Recognition = record.value() if record else Recognition(organization, event)
    return found


def save_recognition(changed: Recognition) -> Write:
    """A write that holds while the stored one is at `changed.version`, 0 meaning none."""
    keys: dict[str, str] = {}
    if changed.keep_until is not None:
        keys["due_pk"] = f"G#DUE#faces#{ids.shard_of(changed.event, SHARDS)}"
        keys["due_sk"] = f"{clock.stamp(changed.keep_until)}#{changed.organization}#{changed.event}"
    record = RecognitionRecord.of(changed, pk=event_pk(changed.organization, changed.event), sk="-", **keys)
    if changed.version:
        return replace(record, changed.version)
    record.version = 1
    return create(record, Conflict("version_conflict", "Somebody said so first. Load it again.", field="version"))


def still(seen: Recognition) -> Write:
    """A write that holds while the event's faces are in that index."""
    gone = Conflict("faces_off", "Faces are not looked for at this event.")
    record = RecognitionRecord(event_pk(seen.organization, seen.event), "-")
    return check(record, RecognitionRecord.index == seen.index, gone)


@dataclass(frozen=True, slots=True)
class Due:
    """Whose time is up: `id` is an event's or a search's."""

    organization: str
    id: str


def indexes_due(at: datetime, at_most: int) -> list[Due]:
    before = RecognitionRecord.due_sk < clock.stamp(at)
    return [
        Due(record.organization, record.event)
        for shard in range(SHARDS)
        for record in RecognitionRecord.due.query(f"G#DUE#faces#{shard}", before, limit=at_most)
    ]


def find_seen(organization: str, index_id: str, photo: str) -> Seen | None:
    record = SeenRecord.fetch(index_pk(organization, index_id), f"PHOTO#{photo}")
    return record.value() if record else None


def save_seen(seen: Seen, *, was: Seen | None) -> Write:
    record = SeenRecord.of(seen, pk=index_pk(seen.organization, seen.index), sk=f"PHOTO#{seen.photo}")
    return replace(record, was.version) if was else create(record)


def remove_seen(seen: Seen) -> Write:
    return delete(SeenRecord(index_pk(seen.organization, seen.index), f"PHOTO#{seen.photo}"))
