"""One moto account per test, built from infra/data.yaml: the tables, buckets and queues of the real data stack."""

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from coverage import Coverage

from chalicelib.organizations import service as organizations
from tests import stack
from tests.figures import every_call, figure, full, pytest_addoption

__all__ = ["every_call", "figure", "full", "pytest_addoption"]

os.environ.update(stack.ENVIRONMENT)

TESTS = Path(__file__).parent
ROOMS = TESTS.parent / "chalicelib"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Coverage counts what the tests of a room reach.

    Those of the whole reach everything, which says little, and would take twice as long.
    """
    counting = Coverage.current()
    if counting is None or (ROOMS / item.path.relative_to(TESTS).parts[0]).is_dir():
        return (yield)
    counting.stop()
    try:
        return (yield)
    finally:
        counting.start()


@pytest.fixture(scope="session")
def secret() -> str:
    return json.dumps(stack.fresh_secrets())


@pytest.fixture
def aws(secret: str) -> Iterator[None]:
    """An empty data stack in moto. Clients are kept from test to test; what they see is not."""
    organizations.forget()
    with stack.moto_stack(secret):
        yield
