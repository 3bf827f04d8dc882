"""Batches of files that photographers offered."""

from collections.abc import Iterator

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.errors import NotFound
from chalicelib.core.table import Moment, Record, Typed, Write, create, delete, table
from chalicelib.lines.photos.model import Upload, UploadFile


class UploadRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#UPL#{}", "-")
    model = Upload

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    photographer = UnicodeAttribute()
    files = Typed[tuple[UploadFile, ...]](tuple[UploadFile, ...])
    created_at = Moment()


class UploadListingRecord(Record):
    Meta = table("photos")
    keys = ("T#{}#USR#{}#UPLOADS", "{}")

    upload = UnicodeAttribute()


def get_upload(organization: str, upload_id: str) -> Upload:
    """Raises NotFound."""
    record = UploadRecord.fetch(_upload_pk(organization, upload_id), "-")
    if record is None:
        raise NotFound("upload_not_found", "There is no such upload.")
    upload: Upload = record.value()
    return upload


def add_upload(upload: Upload) -> tuple[Write, Write]:
    stored = UploadRecord.of(upload, pk=_upload_pk(upload.organization, upload.id), sk="-")
    return create(stored), list_upload(upload)


def list_upload(upload: Upload) -> Write:
    """Puts it among its photographer's; again is the same."""
    pk = _uploads_pk(upload.organization, upload.photographer)
    return Write("put", UploadListingRecord(pk, upload.id, upload=upload.id))


def is_listed(upload: Upload) -> bool:
    return UploadListingRecord.fetch(_uploads_pk(upload.organization, upload.photographer), upload.id) is not None


def uploads_by(organization: str, user: str) -> Iterator[Upload]:
    """A photographer's uploads, the oldest first."""
    for listed in UploadListingRecord.query(_uploads_pk(organization, user), consistent_read=True):
        if record := UploadRecord.fetch(_upload_pk(organization, listed.upload), "-"):
            yield record.value()


def remove_upload(upload: Upload) -> tuple[Write, Write]:
    listed = UploadListingRecord(_uploads_pk(upload.organization, upload.photographer), upload.id)
    return delete(UploadRecord(_upload_pk(upload.organization, upload.id), "-")), delete(listed)


def _uploads_pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}#UPLOADS"


def _upload_pk(organization: str, upload_id: str) -> str:
    return f"T#{organization}#UPL#{upload_id}"
