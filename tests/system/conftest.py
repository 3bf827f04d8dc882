"""One world for a whole module: its tests either change nothing or put everything back."""

from collections.abc import Iterator

import pytest

from tests.system.policies.trace import Trace, traced
from tests.system.world import World, poured

NOWHERE = "nobody-made-this"
"""In the names of what a test asks for that is in no stack, so that no policy can name it."""


@pytest.fixture(scope="module", autouse=True)
def permitted() -> Iterator[None]:
    """Whatever a test makes a function do, the function's policy allows."""
    trace = Trace()
    with traced(trace):
        yield
    assert [each for each in trace.missing() if NOWHERE not in each] == []


@pytest.fixture(scope="module")
def world(secret: str) -> Iterator[World]:
    with poured(secret) as world:
        yield world
