"""The end of an index."""

from chalicelib.core.table import transact
from chalicelib.faces.store.blocks import BlockRecord, remove_block
from chalicelib.faces.store.groups import FeedbackRecord, GroupRecord
from chalicelib.faces.store.keys import delete_all, index_pk
from chalicelib.faces.store.recognized import SeenRecord
from chalicelib.faces.store.watches import RoundRecord, WatchRecord, forget_watch


def forget_index(organization: str, index_id: str) -> None:
    """Delete everything that was found, page by page. May run again where it was cut off."""
    pk = index_pk(organization, index_id)
    for record in BlockRecord.query(pk, BlockRecord.sk.startswith("BLOCK#"), consistent_read=True):
        transact(*remove_block(record.value()))
    for watch in WatchRecord.query(pk, WatchRecord.sk.startswith("WATCH#"), consistent_read=True):
        forget_watch(watch.value())
    kinds = ((SeenRecord, "PHOTO#"), (GroupRecord, "GROUP#"), (FeedbackRecord, "FEEDBACK#"), (RoundRecord, "ROUND#"))
    for kind, shape in kinds:
        delete_all(kind.query(pk, kind.sk.startswith(shape), consistent_read=True))
