"""One world for a whole module: its tests either change nothing or put everything back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from chalicelib.core import clock
from tests.stack import moto_stack
from tests.system.policies.trace import Trace, traced
from tests.system.world import Bank, Mould, World, build, opened

FRESH = timedelta(minutes=3)
"""How long a world is poured again: codes in it live ten minutes."""

NOWHERE = "nobody-made-this"
"""In the names of what a test asks for that is in no stack, so that no policy can name it."""


@pytest.fixture(scope="module", autouse=True)
def permitted() -> Iterator[None]:
    """Whatever a test makes a function do, the function's policy allows."""
    trace = Trace()
    with traced(trace):
        yield
    assert [each for each in trace.missing() if NOWHERE not in each] == []


@pytest.fixture(scope="session")
def moulds() -> list[Mould]:
    """The last world that was built, if any."""
    return []


@pytest.fixture(scope="module")
def world(secret: str, moulds: list[Mould]) -> Iterator[World]:
    with poured(secret, moulds) as world:
        yield world


@contextmanager
def poured(secret: str, moulds: list[Mould]) -> Iterator[World]:
    """A world of its own, from the last mould where that is fresh."""
    kept = next((mould for mould in moulds if clock.now() - mould.made_at < FRESH), None)
    bank = kept.world.bank if kept else Bank()
    with moto_stack(secret), opened(bank):
        if kept is None:
            kept = Mould(build(bank))
            moulds[:] = [kept]
        else:
            kept.pour()
        yield kept.world
