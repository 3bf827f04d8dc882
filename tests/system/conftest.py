"""One world for a whole module: its tests either change nothing or put everything back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib.core import clock
from tests.stack import moto_stack
from tests.system.world import Bank, Mould, World, build, opened

FRESH = timedelta(minutes=3)
"""How long a world is poured again: the access tokens in it live ten minutes."""


@pytest.fixture(scope="session")
def moulds() -> list[Mould]:
    """The last world that was built, if any."""
    return []


@pytest.fixture(scope="module")
def world(secret: str, moulds: list[Mould]) -> Iterator[World]:
    kept = next((mould for mould in moulds if clock.now() - mould.made_at < FRESH), None)
    bank = kept.world.bank if kept else Bank()
    with moto_stack(secret), opened(bank):
        if kept is None:
            kept = Mould(build(bank))
            moulds[:] = [kept]
        else:
            kept.pour()
        yield kept.world
