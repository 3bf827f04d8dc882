"""What photos of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.lines.photos import store
from chalicelib.lines.photos.holds import store as holds


@filling("list-uploads")
def list_uploads(record: type[Record], item: Item) -> Sequence[Write]:
    """Put uploads from before there were lists of a photographer's uploads into them."""
    if record is not store.UploadRecord:
        return ()
    upload = record.from_raw_data(item).value()
    return () if store.is_listed(upload) else (store.list_upload(upload),)


@filling("mark-sold")
def mark_sold(record: type[Record], item: Item) -> Sequence[Write]:
    """Mark the photos that were sold before each had a mark: without it they could be removed."""
    if record.__name__ != "GrantRecord":
        return ()
    organization, photo = item["organization"]["S"], item["resource"]["S"]
    return () if holds.is_sold(organization, photo) else (holds.mark_sold(organization, photo),)


@filling("tally-photos")
def tally(record: type[Record], item: Item) -> Sequence[Write]:
    """Count photos of before there were counts of all of an organization's."""
    if record is not store.PhotoRecord or "tallied" in item or "removed_at" in item:
        return ()
    return store.missing_in_tally(record.from_raw_data(item).value())
