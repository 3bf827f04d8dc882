"""Pools over real conditions: what is free and what is held come to the capacity, whatever happens."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chalicelib.core.table import transact
from chalicelib.organizations.service import DEFAULT
from chalicelib.stock import service, store
from chalicelib.stock.model import Pool, SoldOut

POOL = Pool(DEFAULT, "evt_1", "tty_1")


def fill(capacity, pool=POOL):
    transact(*service.resized(pool, 0, capacity))


def hold(count, holder, pool=POOL):
    writes = service.hold(pool, count, holder)
    if writes:
        transact(*writes)


def release(holder, pool=POOL):
    writes = service.release(pool, holder)
    if writes:
        transact(*writes)


def test_units_are_held_once_for_each_holder_and_given_back_once(aws):
    fill(120)

    hold(3, "ord_1")
    again = service.hold(POOL, 3, "ord_1")
    release("ord_1")
    back = service.release(POOL, "ord_1")

    assert (again, back) == ((), ())
    assert service.left(POOL) == 120


def test_units_that_lie_apart_are_brought_together(aws):
    fill(120)  # three blocks of forty
    for number in range(3):
        hold(38, f"ord_{number}")

    hold(5, "ord_late")

    assert service.left(POOL) == 1
    release("ord_late")
    assert service.left(POOL) == 6


def test_more_than_there_are_is_refused_and_nothing_taken(aws):
    fill(4)

    with pytest.raises(SoldOut, match="sold_out"):
        service.hold(POOL, 5, "ord_1")
    with pytest.raises(SoldOut):
        service.hold(Pool(DEFAULT, "evt_1", "tty_unknown"), 1, "ord_1")

    assert service.left(POOL) == 4


def test_of_two_who_saw_the_last_unit_one_gets_it(aws):
    fill(1)
    one, other = service.hold(POOL, 1, "ord_1"), service.hold(POOL, 1, "ord_2")

    transact(*one)
    with pytest.raises(service.Moved):
        transact(*other)

    assert service.left(POOL) == 0
    assert store.find(POOL, "ord_2") is None


def test_a_release_that_others_did_first_changes_nothing(aws):
    fill(10)
    hold(2, "ord_1")
    one, other = service.release(POOL, "ord_1"), service.release(POOL, "ord_1")

    transact(*one)
    with pytest.raises(service.Moved):
        transact(*other)

    assert service.left(POOL) == 10


def test_what_is_held_stays_when_a_pool_gets_smaller(aws):
    fill(60)
    hold(55, "ord_1")

    with pytest.raises(SoldOut):
        service.resized(POOL, 60, 54)
    transact(*service.resized(POOL, 60, 55))

    assert service.left(POOL) == 0


def test_pools_of_a_group_are_counted_with_one_look_and_apart_from_others(aws):
    fill(5)
    fill(70, Pool(DEFAULT, "evt_1", "tty_2"))
    fill(9, Pool(DEFAULT, "evt_2", "tty_3"))
    fill(9, Pool("org_other", "evt_1", "tty_1"))

    assert service.left_in(DEFAULT, "evt_1") == {"tty_1": 5, "tty_2": 70}
    assert service.left_in(DEFAULT, "evt_1")["tty_9"] == 0


class Pools(RuleBasedStateMachine):
    """People hold, give back, and staff change the capacity; some do it twice."""

    def __init__(self) -> None:
        super().__init__()
        Pools.serial += 1
        self.pool = Pool(DEFAULT, f"evt_{Pools.serial}", "tty_1")
        self.capacity, self.held = 130, {}
        transact(*service.resized(self.pool, 0, self.capacity))

    serial = 0

    @rule(count=st.integers(1, 50), holder=st.sampled_from("abcdef"))
    def hold(self, count: int, holder: str) -> None:
        try:
            hold(count, holder, self.pool)
        except SoldOut:
            assert sum(self.held.values()) + count > self.capacity
        else:
            self.held.setdefault(holder, count)

    @rule(holder=st.sampled_from("abcdef"))
    def release(self, holder: str) -> None:
        release(holder, self.pool)
        self.held.pop(holder, None)

    @rule(capacity=st.integers(1, 300))
    def resize(self, capacity: int) -> None:
        with suppress(SoldOut):
            writes = service.resized(self.pool, self.capacity, capacity)
            if writes:
                transact(*writes)
            assert capacity >= sum(self.held.values())
            self.capacity = capacity

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        found = {holder: store.find(self.pool, holder) for holder in self.held}
        assert {holder: held.units for holder, held in found.items() if held} == self.held
        assert service.left(self.pool) + sum(self.held.values()) == self.capacity


def test_free_and_held_come_to_the_capacity_whatever_people_do(aws):
    run_state_machine_as_test(
        Pools,
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
