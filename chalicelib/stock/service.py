"""Pools of units: filled by staff, held by orders. The writes join the transaction of whoever asks for them.

A pool's capacity is kept by whoever owns it, and moves in the same transaction as the blocks.
"""

from collections.abc import Mapping

from chalicelib.core import ids
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Write, transact
from chalicelib.stock import store
from chalicelib.stock.model import MOST_UNITS as MOST_UNITS
from chalicelib.stock.model import Moved as Moved
from chalicelib.stock.model import Pool, block_with, blocks_for, gathering, removal, spread


def resized(pool: Pool, was: int, now: int) -> list[Write]:
    """The writes that give a pool of `was` units (0: a new one) a capacity of `now`.

    Raises SoldOut where more of it is held than that; Moved at commit where some were taken at that moment.
    """
    if now >= was:
        return [store.put_in(pool, block, count) for block, count in spread(now - was, blocks_for(now)).items()]
    return [store.take_out(pool, block, count) for block, count in removal(was - now, store.free(pool)).items()]


def left(pool: Pool) -> int:
    """How many units nobody holds."""
    return sum(store.free(pool).values())


def left_in(organization: str, group: str) -> Mapping[str, int]:
    """How many units nobody holds of each pool of a group, by its id; 0 for one that is not there."""
    return store.left(organization, group)


def hold(pool: Pool, count: int, holder: str) -> tuple[Write, ...]:
    """The two writes that give a holder `count` units; none where it has some already.

    Raises SoldOut; Moved at commit where others were faster. Units that lie in several blocks are first brought
    together in one, in a transaction of their own.
    """
    if store.find(pool, holder) is not None:
        return ()
    free = store.free(pool)
    block = block_with(count, free, ids.shard_of(holder, len(free) or 1))
    if block is None:
        block, moving = gathering(count, free)
        out = [store.take_out(pool, each, moved) for each, moved in moving.items()]
        transact(*out, store.put_in(pool, block, sum(moving.values())))
    return store.allocate(pool, holder, block, count), store.take_out(pool, block, count)


def release(pool: Pool, holder: str) -> tuple[Write, ...]:
    """The writes that undo `hold`; none where nothing is held."""
    held = store.find(pool, holder)
    if held is None:
        return ()
    return store.give_up(pool, holder), store.put_in(pool, held.block, held.units)


def must_hold(pool: Pool, holder: str, refused: Conflict) -> Write:
    """Holds at commit while the holder has its units."""
    return store.must_hold(pool, holder, refused)
