"""Pools of units.

| access                                 | key                                              |
|----------------------------------------|--------------------------------------------------|
| the blocks of a pool, of all of a group| pk T#{org}#POOLS#{group} / sk {pool}#{block}     |
| what somebody holds of a pool          | pk T#{org}#HELD#{group}#{pool}#{holder} / sk -   |
"""

from collections import Counter
from collections.abc import Mapping

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Record, Write, check, create, table, update
from chalicelib.stock.model import Allocation, Moved, Pool


class UnitsRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#POOLS#{}", "{}#{}")

    free = NumberAttribute()


class AllocationRecord(Record):
    Meta = table("orders")
    keys = ("T#{}#HELD#{}#{}#{}", "-")
    model = Allocation

    organization = UnicodeAttribute()
    group = UnicodeAttribute()
    pool = UnicodeAttribute()
    holder = UnicodeAttribute()
    block = NumberAttribute()
    units = NumberAttribute()


def free(pool: Pool) -> dict[int, int]:
    """How many units are free in each block."""
    found = UnitsRecord.query(_pools_pk(pool), UnitsRecord.sk.startswith(f"{pool.id}#"), consistent_read=True)
    return {int(record.sk.rpartition("#")[2]): int(record.free) for record in found}


def left(organization: str, group: str) -> Mapping[str, int]:
    """How many units are free in each pool of a group."""
    counted = Counter[str]()
    for record in UnitsRecord.query(_pools_pk(Pool(organization, group, ""))):
        counted[record.sk.rpartition("#")[0]] += int(record.free)
    return counted


def put_in(pool: Pool, block: int, count: int) -> Write:
    """More free units, in a new block where there is none."""
    return update(_block(pool, block), UnitsRecord.free.add(count))


def take_out(pool: Pool, block: int, count: int) -> Write:
    """Fewer free units. Moved at commit where there are not so many any more."""
    enough = UnitsRecord.free >= count
    return update(_block(pool, block), UnitsRecord.free.add(-count), condition=enough, refused=Moved())


def find(pool: Pool, holder: str) -> Allocation | None:
    record = AllocationRecord.fetch(_held_pk(pool, holder), "-")
    return record.value() if record else None


def allocate(pool: Pool, holder: str, block: int, units: int) -> Write:
    held = Allocation(pool.organization, pool.group, pool.id, holder, block, units)
    return create(AllocationRecord.of(held, pk=_held_pk(pool, holder), sk="-"), Moved())


def must_hold(pool: Pool, holder: str, refused: Conflict) -> Write:
    return check(AllocationRecord(_held_pk(pool, holder), "-"), AllocationRecord.pk.exists(), refused)


def give_up(pool: Pool, holder: str) -> Write:
    record = AllocationRecord(_held_pk(pool, holder), "-")
    return Write("delete", record, AllocationRecord.pk.exists(), refused=Moved())


def _block(pool: Pool, block: int) -> UnitsRecord:
    return UnitsRecord(_pools_pk(pool), f"{pool.id}#{block:02d}")


def _pools_pk(pool: Pool) -> str:
    return f"T#{pool.organization}#POOLS#{pool.group}"


def _held_pk(pool: Pool, holder: str) -> str:
    return f"T#{pool.organization}#HELD#{pool.group}#{pool.id}#{holder}"
