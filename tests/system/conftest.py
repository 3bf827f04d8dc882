"""One world for a whole module: its tests either change nothing or put everything back."""

from collections.abc import Iterator

import pytest

from tests.stack import moto_stack
from tests.system.world import World, built


@pytest.fixture(scope="module")
def world(secret: str) -> Iterator[World]:
    with moto_stack(secret), built() as world:
        yield world
