"""Units of something that is sold by the piece: a pool of them lies in blocks, so that many buyers meet at many items.

Pure rules. What is free in the blocks and what is held come to the capacity of the pool, always.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.errors import Conflict
from chalicelib.core.money import allocate

BLOCK = 50
"""Units for which a pool gets one more block."""

MOST_BLOCKS = 64
MOST_UNITS = 100_000


class SoldOut(Conflict):
    def __init__(self, left: int) -> None:
        told = f"There are only {left} left." if left else "There are none left."
        super().__init__("sold_out", told)


class Moved(Conflict):
    """Units went to somebody else between looking and taking: look again."""

    def __init__(self) -> None:
        super().__init__("stock_moved", "Somebody took these at the same moment. Try again.")


@dataclass(frozen=True, slots=True)
class Pool:
    """Where units are: pools of one `group`, an event say, lie together and are counted with one look."""

    organization: str
    group: str
    id: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a holder, an order say, has of a pool, and from which block."""

    organization: str
    group: str
    pool: str
    holder: str
    block: int
    units: int


def blocks_for(capacity: int) -> int:
    """How many blocks a pool of that many units has."""
    return min(MOST_BLOCKS, max(1, -(-capacity // BLOCK)))


def spread(units: int, blocks: int) -> Mapping[int, int]:
    """Units to put into blocks, as even as can be; a block that gets none is left out."""
    return {block: count for block, count in enumerate(allocate(units, [1] * blocks)) if count}


def block_with(count: int, free: Mapping[int, int], start: int) -> int | None:
    """A block that has so many units free: the first one from `start` on, and round again; None where none has."""
    around = sorted(free, key=lambda block: (block < start, block))
    return next((block for block in around if free[block] >= count), None)


def gathering(count: int, free: Mapping[int, int]) -> tuple[int, Mapping[int, int]]:
    """Where to bring `count` units together that no block has alone: the fullest block, and how many come from which.

    Raises SoldOut.
    """
    if sum(free.values()) < count:
        raise SoldOut(sum(free.values()))
    into, *others = sorted(free, key=lambda block: -free[block])
    return into, _collected(count - free[into], {block: free[block] for block in others})


def removal(units: int, free: Mapping[int, int]) -> Mapping[int, int]:
    """How many units to take out of which block, from the fullest on. Raises SoldOut where fewer are free."""
    if sum(free.values()) < units:
        raise SoldOut(sum(free.values()))
    return _collected(units, {block: free[block] for block in sorted(free, key=lambda block: -free[block])})


def _collected(units: int, free: Mapping[int, int]) -> Mapping[int, int]:
    taken: dict[int, int] = {}
    for block, there in free.items():
        if (count := min(there, units - sum(taken.values()))) > 0:
            taken[block] = count
    return taken
