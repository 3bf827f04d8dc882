"""The world of the system tests, and how large to make it."""

import pytest

from tests.system.conftest import world

__all__ = ["world"]


GROWN = 500


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when these tests are named on the command line; a run of all tests takes the defaults."""
    parser.addoption("--grown", type=int, default=GROWN, help="how many photos and orders the grown tables hold")
    parser.addoption("--write-calls", action="store_true", help="write calls.csv anew instead of comparing with it")


@pytest.fixture(scope="session")
def grown(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--grown", GROWN))
