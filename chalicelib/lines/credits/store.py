"""Packs of credit.

| access                              | key                                  |
|-------------------------------------|--------------------------------------|
| a pack, some packs                  | pk T#{org}#PACKS / sk {id}           |
| all packs, the oldest first         | pk T#{org}#PACKS                     |
"""

from collections.abc import Iterable

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import NotFound
from chalicelib.core.table import Moment, Page, PageRequest, Record, Write, create, page, replace, table
from chalicelib.lines.credits.model import Pack


class PackRecord(Record):
    Meta = table("payments")
    keys = ("T#{}#PACKS", "{}")
    model = Pack

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    name = UnicodeAttribute()
    credit = NumberAttribute()
    price = NumberAttribute()
    created_at = Moment()
    event = UnicodeAttribute(null=True)
    bound = BooleanAttribute()
    opens_at = Moment(null=True)
    closes_at = Moment(null=True)
    priority = NumberAttribute()
    expires_at = Moment(null=True)
    days = NumberAttribute(null=True)
    withdrawn_at = Moment(null=True)


def get(organization: str, pack_id: str) -> Pack:
    """Raises NotFound, for a foreign pack too."""
    record = PackRecord.fetch(_pk(organization), pack_id)
    if record is None:
        raise NotFound("pack_not_found", "There is no such credit pack.")
    pack: Pack = record.value()
    return pack


def find(organization: str, pack_ids: Iterable[str]) -> dict[str, Pack]:
    keys = [(_pk(organization), pack_id) for pack_id in pack_ids]
    return {record.id: record.value() for record in PackRecord.batch_get(keys, consistent_read=True)}


def listed(organization: str, request: PageRequest) -> Page[Pack]:
    return page(PackRecord, PackRecord, _pk(organization), request).map(lambda record: record.value())


def add(pack: Pack) -> Write:
    return create(PackRecord.of(pack, pk=_pk(pack.organization), sk=pack.id))


def save(pack: Pack, *, was: Pack) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(PackRecord.of(pack, pk=_pk(pack.organization), sk=pack.id), was.version)


def _pk(organization: str) -> str:
    return f"T#{organization}#PACKS"
