"""Notices in an organization's own words.

| access                                  | key                                                              |
|-----------------------------------------|------------------------------------------------------------------|
| how it stands with one, with all        | pk T#{org}#WORDINGS / sk {kind}.{channel}.{language}             |
| the versions of one                     | pk T#{org}#WORDING#{kind}.{channel}.{language} / sk {version}    |
"""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import Moment, Page, PageRequest, Record, Write, create, page, replace, table
from chalicelib.notifications.wording.model import Held, Version, Wording


class WordingRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#WORDINGS", "{}")
    model = Held

    organization = UnicodeAttribute()
    place = UnicodeAttribute()
    own = BooleanAttribute()
    changed_at = Moment(null=True)
    changed_by = UnicodeAttribute(null=True)


class WordingVersionRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#WORDING#{}", "{}")

    number = NumberAttribute()
    subject = UnicodeAttribute(null=True)
    text = UnicodeAttribute(null=True)
    html = UnicodeAttribute(null=True)
    changed_at = Moment()
    changed_by = UnicodeAttribute(null=True)


def find(organization: str, place: str) -> Held:
    """As it is stored, or version 0."""
    record = WordingRecord.fetch(_pk(organization), place)
    return record.value() if record else Held(organization, place)


def all_of(organization: str) -> dict[str, Held]:
    """Place -> how it stands, of what was ever worded. There are as many as notices."""
    return {record.place: record.value() for record in WordingRecord.query(_pk(organization), consistent_read=True)}


def version(organization: str, place: str, number: int) -> Version:
    """Raises NotFound."""
    record = WordingVersionRecord.fetch(_version_pk(organization, place), _sk(number))
    if record is None:
        raise NotFound("version_not_found", "There is no such version.")
    return _version(record)


def save(held: Held, wording: Wording, *, was: int) -> tuple[Write, Write]:
    """Writes that hold while version `was` is stored (0: none), and that keep the new one for good."""
    assert held.changed_at is not None, "a save has a moment"
    record = WordingRecord.of(held, pk=_pk(held.organization), sk=held.place)
    kept = WordingVersionRecord(
        _version_pk(held.organization, held.place),
        _sk(held.version),
        number=held.version,
        changed_at=held.changed_at,
        changed_by=held.changed_by,
        **wording.parts(),
    )
    refused = Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    return replace(record, was, refused) if was else create(record, refused), create(kept, refused)


def versions(organization: str, place: str, request: PageRequest) -> Page[Version]:
    """A page of them, newest first."""
    source, pk = WordingVersionRecord, _version_pk(organization, place)
    return page(source, source, pk, request, newest_first=True).map(_version)


def _version(record: WordingVersionRecord) -> Version:
    told = Wording(record.subject, record.text, record.html)
    return Version(int(record.number), told, record.changed_at, record.changed_by)


def _pk(organization: str) -> str:
    return f"T#{organization}#WORDINGS"


def _version_pk(organization: str, place: str) -> str:
    return f"T#{organization}#WORDING#{place}"


def _sk(number: int) -> str:
    return f"{number:08d}"
