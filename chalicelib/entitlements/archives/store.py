"""Archives.

| access                  | key                                |
|-------------------------|------------------------------------|
| the archive of an order | pk T#{org}#ORD#{order} / sk ARCHIVE |
"""

from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Choice, Moment, Record, Several, Typed, Write, create, replace, table, update
from chalicelib.entitlements.archives.model import Archive, Packed, State
from chalicelib.entitlements.model import Size

_SK = "ARCHIVE"


class ArchiveRecord(Record):
    Meta = table("entitlements")
    keys = ("T#{}#ORD#{}", "ARCHIVE")
    model = Archive

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    state = Choice(State)
    resources = Typed[tuple[str, ...]](tuple[str, ...])
    created_at = Moment()
    expires_at = Moment()
    upload = UnicodeAttribute(null=True)
    parts = Several[str](str)
    packed = Several[Packed](Packed)
    size = NumberAttribute()
    window_until = Moment(null=True)
    size_of_photos = Choice(Size, null=True)


class NotOpened(Conflict):
    def __init__(self) -> None:
        super().__init__("archive_not_opened", "An address was handed out before.")


def find(organization: str, order: str) -> Archive | None:
    """The last archive that was asked for."""
    record = ArchiveRecord.fetch(_pk(organization, order), _SK)
    return record.value() if record else None


def save(archive: Archive) -> Write:
    """Holds only while the stored one is at `archive.version`, 0 meaning none."""
    record = ArchiveRecord.of(archive, pk=_pk(archive.organization, archive.order), sk=_SK)
    return replace(record, archive.version) if archive.version else create(record)


def open_window(archive: Archive, at: datetime) -> Write:
    """Note that an address is handed out; else NotOpened."""
    closed = ArchiveRecord.window_until.does_not_exist() | (ArchiveRecord.window_until <= at)
    return update(
        ArchiveRecord(_pk(archive.organization, archive.order), _SK),
        ArchiveRecord.window_until.set(archive.next_window(at)),
        condition=(ArchiveRecord.id == archive.id) & closed,
        refused=NotOpened(),
    )


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"
