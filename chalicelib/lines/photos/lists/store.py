"""Shared lists.

| access   | key                              |
|----------|----------------------------------|
| one list | pk T#{org}#LIST#{digest} / sk -  |
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.table import Moment, Record, Typed, Write, create, table
from chalicelib.lines.photos.lists.model import PhotoList


class PhotoListRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#LIST#{}", "-")
    model = PhotoList

    digest = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    photos = Typed[tuple[str, ...]](tuple[str, ...])
    created_at = Moment()
    expires_at = Moment()


def add(shared: PhotoList) -> Write:
    ends = clock.epoch(shared.expires_at)
    return create(PhotoListRecord.of(shared, pk=_pk(shared.organization, shared.digest), sk="-", ttl=ends))


def find(organization: str, digest: str) -> PhotoList | None:
    """None for one that is over, too, even while DynamoDB still keeps it."""
    record = PhotoListRecord.fetch(_pk(organization, digest), "-")
    found: PhotoList | None = record.value() if record else None
    return found if found is not None and found.expires_at > clock.now() else None


def _pk(organization: str, digest: str) -> str:
    return f"T#{organization}#LIST#{digest}"
