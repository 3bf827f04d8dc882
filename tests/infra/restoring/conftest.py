"""A shop that has sold, in moto."""

import pytest

from infra import audit, stages
from tests.system.crash import flows
from tests.system.crash import lab as laboratory
from tests.system.crash.flows import FLOWS
from tests.system.crash.world import World


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(audit, "SECOND_LOOK", 0)


@pytest.fixture(scope="module")
def lab(secret):
    stages.load_records()
    with laboratory.opened(secret) as lab:
        yield lab


@pytest.fixture(scope="module")
def sold(lab):
    """An order of two photos, paid and downloaded."""
    start, _ = lab._start(FLOWS["download"])
    with lab._world(start) as world:
        flows.download(world)
        return world.checkpoint()


@pytest.fixture
def world(sold):
    with World(sold) as world:
        yield world
