"""The world of the system tests, and how large to make it."""

import pytest

from tests.system.conftest import moulds, world

__all__ = ["moulds", "world"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--grown", type=int, default=500, help="how many photos and orders the grown tables hold")
    parser.addoption("--write-calls", action="store_true", help="write calls.csv anew instead of comparing with it")


@pytest.fixture(scope="session")
def grown(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--grown"))
