"""Settings of organizations.

| access                                | key                                               |
|---------------------------------------|---------------------------------------------------|
| one section, all sections             | pk T#{org}#SETTINGS / sk {section}                |
| the versions of a section             | pk T#{org}#SETTINGS#{section} / sk {version}      |
"""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.configuration.model import Stored
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Page, PageRequest, Record, Typed, Write, create, page, replace, table


class SettingsRecord(Record):
    Meta = table("configuration")
    keys = ("T#{}#SETTINGS", "{}")
    model = Stored

    organization = UnicodeAttribute()
    section = UnicodeAttribute()
    values = Typed[dict[str, Any]](dict[str, Any])
    changed_at = Moment(null=True)
    changed_by = UnicodeAttribute(null=True)


class SettingsVersionRecord(Record):
    Meta = table("configuration")
    keys = ("T#{}#SETTINGS#{}", "{}")

    number = NumberAttribute()
    values = Typed[dict[str, Any]](dict[str, Any])
    changed_at = Moment(null=True)
    changed_by = UnicodeAttribute(null=True)


def find(organization: str, section: str) -> Stored | None:
    record = SettingsRecord.fetch(_pk(organization), section)
    found: Stored | None = record.value() if record else None
    return found


def all_of(organization: str) -> dict[str, Stored]:
    """Section -> what is stored of it. There are as many as rooms declare."""
    return {record.section: record.value() for record in SettingsRecord.query(_pk(organization), consistent_read=True)}


def save(changed: Stored, *, was: int) -> tuple[Write, Write]:
    """Writes that hold while version `was` is stored (0: none), and that keep the new one for good."""
    record = SettingsRecord.of(changed, pk=_pk(changed.organization), sk=changed.section)
    kept = SettingsVersionRecord(
        _version_pk(changed.organization, changed.section),
        f"{changed.version:08d}",
        number=changed.version,
        values=changed.values,
        changed_at=changed.changed_at,
        changed_by=changed.changed_by,
    )
    refused = Conflict("version_conflict", "Somebody else changed this first. Load it again.", field="version")
    return replace(record, was, refused) if was else create(record, refused), create(kept, refused)


def versions(organization: str, section: str, request: PageRequest) -> Page[Stored]:
    """A page of a section's versions, newest first."""
    pk = _version_pk(organization, section)
    return page(SettingsVersionRecord, SettingsVersionRecord, pk, request, newest_first=True).map(
        lambda record: Stored(
            organization, section, record.values, record.changed_at, record.changed_by, int(record.number)
        )
    )


def _pk(organization: str) -> str:
    return f"T#{organization}#SETTINGS"


def _version_pk(organization: str, section: str) -> str:
    return f"T#{organization}#SETTINGS#{section}"
