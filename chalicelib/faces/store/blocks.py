"""Who is blocked from an index."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import NotFound
from chalicelib.core.table import Moment, Page, PageRequest, Record, Write, create, delete, page, replace, table
from chalicelib.faces.model import Block
from chalicelib.faces.store.keys import index_pk, user_pk


class BlockRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#FIX#{}", "BLOCK#{}")
    model = Block

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    index = UnicodeAttribute()
    user = UnicodeAttribute()
    at = Moment()
    face = UnicodeAttribute(null=True)
    photos = NumberAttribute(null=True)


class OwnBlockRecord(Record):
    Meta = table("faces")
    keys = ("T#{}#USR#{}", "BLOCK#{}#{}")

    index = UnicodeAttribute(null=True)
    block = UnicodeAttribute(null=True)


def find_block(organization: str, index_id: str, block: str) -> Block | None:
    record = BlockRecord.fetch(index_pk(organization, index_id), f"BLOCK#{block}")
    return record.value() if record else None


def get_block(organization: str, index_id: str, block: str) -> Block:
    """Raises NotFound."""
    found = find_block(organization, index_id, block)
    if found is None:
        raise NotFound("block_not_found", "There is no such block.")
    return found


def add_block(block: Block) -> list[Write]:
    pk = user_pk(block.organization, block.user)
    own = OwnBlockRecord(pk, f"BLOCK#{block.index}#{block.id}", index=block.index, block=block.id)
    return [create(_block_record(block)), create(own)]


def save_block(block: Block) -> Write:
    return replace(_block_record(block), block.version)


def remove_block(block: Block) -> list[Write]:
    own = OwnBlockRecord(user_pk(block.organization, block.user), f"BLOCK#{block.index}#{block.id}")
    return [delete(_block_record(block)), delete(own)]


def blocks_of(organization: str, user: str) -> list[tuple[str, str]]:
    """Index and id of each."""
    pk = user_pk(organization, user)
    own = OwnBlockRecord.query(pk, OwnBlockRecord.sk.startswith("BLOCK#"), consistent_read=True)
    return [(record.index, record.block) for record in own]


def blocks(organization: str, index_id: str, request: PageRequest) -> Page[Block]:
    condition = BlockRecord.sk.startswith("BLOCK#")
    found = page(BlockRecord, BlockRecord, index_pk(organization, index_id), request, range_condition=condition)
    return found.map(lambda record: record.value())


def _block_record(block: Block) -> BlockRecord:
    return BlockRecord.of(block, pk=index_pk(block.organization, block.index), sk=f"BLOCK#{block.id}")
