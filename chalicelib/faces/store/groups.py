"""Groups of an index, and what people said of what was found."""

from datetime import datetime

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from chalicelib.core.table import Moment, Page, PageRequest, Record, Typed, Write, create, page, replace, table
from chalicelib.faces.model import Group, Member, Search
from chalicelib.faces.store.keys import index_pk


class GroupRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "GROUP#{}")
    model = Group

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    photo = UnicodeAttribute()
    face = UnicodeAttribute()
    asked_at = Moment()
    members = Typed[tuple[Member, ...]](tuple[Member, ...], null=True)
    verified = BooleanAttribute(null=True)
    verified_by = UnicodeAttribute(null=True)
    verified_at = Moment(null=True)


class FeedbackRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "FEEDBACK#{}#{}")

    photo = UnicodeAttribute(null=True)
    correct = BooleanAttribute(null=True)
    at = Moment(null=True)


def find_group(organization: str, index_id: str, group: str) -> Group | None:
    record = GroupRecord.fetch(index_pk(organization, index_id), f"GROUP#{group}")
    return record.value() if record else None


def groups(organization: str, index_id: str, request: PageRequest) -> Page[Group]:
    condition = GroupRecord.sk.startswith("GROUP#")
    found = page(GroupRecord, GroupRecord, index_pk(organization, index_id), request, range_condition=condition)
    return found.map(lambda record: record.value())


def save_group(group: Group, *, was: Group | None) -> Write:
    record = GroupRecord.of(group, pk=index_pk(group.organization, group.index), sk=f"GROUP#{group.id}")
    return replace(record, was.version) if was else create(record)


def note_feedback(search: Search, photo: str, correct: bool, at: datetime) -> Write:
    """What is said last counts."""
    key = index_pk(search.organization, search.index), f"FEEDBACK#{search.id}#{photo}"
    return Write("put", FeedbackRecord(*key, photo=photo, correct=correct, at=at))
