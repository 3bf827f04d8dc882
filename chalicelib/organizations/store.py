"""Organizations.

| access                     | key                               |
|----------------------------|-----------------------------------|
| one organization           | pk T#{org}#ORG / sk -             |
| the organization of a host | pk G#host#{host} / sk -           |
"""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Moment, Record, Typed, Write, create, replace, table
from chalicelib.organizations.model import Language, Organization, VersionConflict, WatermarkStyle


class OrganizationRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#ORG", "-")
    model = Organization

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    language = Typed[Language](Language)
    currency = UnicodeAttribute()
    timezone = UnicodeAttribute()
    watermark_text = UnicodeAttribute(null=True)
    watermark_image = UnicodeAttribute(null=True)
    watermark_style = Typed[WatermarkStyle](WatermarkStyle)
    watermark_opacity = Typed[float](float)
    strip_gps = BooleanAttribute()
    download_limit = NumberAttribute()
    download_hours = NumberAttribute()
    origins = Typed[tuple[str, ...]](tuple[str, ...])
    mail_name = UnicodeAttribute()
    host = UnicodeAttribute(null=True)
    created_at = Moment()


class HostRecord(Record):
    Meta = table("organizations")
    keys = ("G#host#{}", "-")

    organization = UnicodeAttribute()


def find(organization: str) -> Organization | None:
    record = OrganizationRecord.fetch(_pk(organization), "-")
    found: Organization | None = record.value() if record else None
    return found


def save(organization: Organization, *, was: Organization) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    record = OrganizationRecord.of(organization, pk=_pk(organization.id), sk="-")
    if was.version == 0:
        return create(record, VersionConflict())
    return replace(record, was.version, VersionConflict())


def organization_of_host(host: str) -> str | None:
    record = HostRecord.fetch(_host_pk(host), "-")
    return record.organization if record else None


def map_host(host: str, organization: str) -> Write:
    """Point a host at an organization. Raises Conflict while another one has it."""
    record = HostRecord(_host_pk(host), "-", organization=organization)
    free = HostRecord.pk.does_not_exist() | (HostRecord.organization == organization)
    taken = Conflict("host_taken", "Another organization has this host.", field="host")
    return Write("put", record, free, refused=taken, replaces=True)


def _pk(organization: str) -> str:
    return f"T#{organization}#ORG"


def _host_pk(host: str) -> str:
    return f"G#host#{host}"
