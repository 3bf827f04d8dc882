"""One world for a whole module: its tests either change nothing or put everything back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.core import clock
from tests.stack import moto_stack
from tests.system.policies.trace import Trace, traced
from tests.system.world import Bank, Mould, World, build, opened

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
    """The world that was built, as soon as one is."""
    return []


@pytest.fixture(scope="module")
def world(secret: str, moulds: list[Mould]) -> Iterator[World]:
    with poured(secret, moulds) as world:
        yield world


@contextmanager
def poured(secret: str, moulds: list[Mould]) -> Iterator[World]:
    """A world of its own, from the mould. Its time goes on from when that was made: codes in it live ten minutes."""
    if not moulds:
        bank = Bank()
        with moto_stack(secret), opened(bank):
            moulds.append(Mould(build(bank)))
    (mould,) = moulds
    with moto_stack(secret), opened(mould.world.bank), clock.travel(mould.made_at - clock.now()):
        mould.pour()
        yield mould.world
