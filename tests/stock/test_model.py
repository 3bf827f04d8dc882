"""Units in blocks: nothing is lost or made by spreading, gathering and taking out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.stock.model import MOST_BLOCKS, SoldOut, block_with, blocks_for, gathering, removal, spread

FREE = st.dictionaries(st.integers(0, MOST_BLOCKS - 1), st.integers(0, 100), min_size=1, max_size=MOST_BLOCKS)


@pytest.mark.parametrize(("capacity", "blocks"), [(1, 1), (50, 1), (51, 2), (500, 10), (3_200, 64), (100_000, 64)])
def test_a_pool_has_a_block_for_each_fifty_units(capacity, blocks):
    assert blocks_for(capacity) == blocks


@given(st.integers(0, 100_000), st.integers(1, MOST_BLOCKS))
def test_units_are_spread_evenly_and_all(units, blocks):
    counts = spread(units, blocks)

    assert sum(counts.values()) == units
    assert all(counts.values())
    assert max(counts.values(), default=0) - min(counts.values(), default=0) <= 1


@pytest.mark.parametrize(
    ("free", "start", "found"),
    [({0: 5, 1: 5, 2: 5}, 1, 1), ({0: 5, 1: 1, 2: 1}, 1, 0), ({0: 1, 1: 1}, 0, None), ({}, 0, None), ({0: 3}, 7, 0)],
)
def test_a_block_is_looked_for_from_the_start_and_round_again(free, start, found):
    assert block_with(3, free, start) == found


@given(FREE, st.integers(1, 300))
def test_gathering_brings_together_what_is_missing(free, count):
    if sum(free.values()) < count:
        with pytest.raises(SoldOut):
            gathering(count, free)
        return

    into, moving = gathering(count, free)

    assert into not in moving
    assert all(0 < moved <= free[block] for block, moved in moving.items())
    assert free[into] + sum(moving.values()) == max(count, free[into])


@given(FREE, st.integers(1, 300))
def test_what_is_taken_out_is_there_and_is_so_much(free, units):
    if sum(free.values()) < units:
        with pytest.raises(SoldOut):
            removal(units, free)
        return

    gone = removal(units, free)

    assert sum(gone.values()) == units
    assert all(0 < count <= free[block] for block, count in gone.items())


def test_who_comes_too_late_is_told_how_many_are_left():
    assert "only 2 left" in SoldOut(2).message
    assert "none left" in SoldOut(0).message
