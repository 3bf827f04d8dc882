"""What photos of earlier releases lack."""

from collections.abc import Sequence

from chalicelib.core.migrations import filling
from chalicelib.core.table import Item, Record, Write
from chalicelib.lines.photos import store


@filling("list-uploads")
def list_uploads(record: type[Record], item: Item) -> Sequence[Write]:
    """Put uploads from before there were lists of a photographer's uploads into them."""
    if record is not store.UploadRecord:
        return ()
    upload = record.from_raw_data(item).value()
    return () if store.is_listed(upload) else (store.list_upload(upload),)
