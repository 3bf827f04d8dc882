"""Figures: what a suite measured, shown while it runs and kept for `python3 -m infra proof`."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from infra.proof import AREAS, KEPT_IN, Figure

Show = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="reliability suites at the scale of `python3 -m infra proof`")
    parser.addoption("--every-call", action="store_true", help="the crash harness strikes every call of every flow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    for item in items:
        if item.get_closest_marker("proof"):
            item.add_marker(pytest.mark.skip(reason="python3 -m infra proof runs it"))


def pytest_terminal_summary(config: pytest.Config) -> None:
    """How many of the lines were run, where that was watched."""
    watched = config.pluginmanager.getplugin("_cov")
    if watched and watched.cov_total is not None:
        text = "{percent} % of the lines of chalicelib"
        _keep(Figure("coverage", "each room's own tests run its lines", text, {"percent": int(watched.cov_total)}))


def _keep(told: Figure) -> None:
    """For the proof, if it is what runs us."""
    if folder := os.environ.get(KEPT_IN):
        with Path(folder, f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.jsonl").open("a") as kept:
            kept.write(json.dumps(vars(told)) + "\n")


def is_drawn(*names: str, one_in: int) -> bool:
    """Whether these names are among those that every run of the tests tries: always the same, and evenly spread."""
    return crc32(" ".join(names).encode()) % one_in == 0


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether a suite runs at full scale, or at what every run of the tests can afford."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def every_call(request: pytest.FixtureRequest) -> bool:
    """Whether the crash harness strikes every call of every flow, which takes hours."""
    return bool(request.config.getoption("--every-call"))


@pytest.fixture(scope="session")
def figure(request: pytest.FixtureRequest) -> Show:
    """`figure(area, promise, text, **counts)`: what was measured for a promise.

    Several tests, also in several workers, may tell the same area, promise and text: their counts are added up, and
    the sums stand in `text` where it says `{name}`.
    """
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show(area: str, promise: str, text: str, **counts: int) -> None:
        assert area in AREAS, f"no area of the proof is called {area}"
        told = Figure(area, promise, text, counts)
        with capture.global_and_fixture_disabled():
            print(f"\n  {area}: {told}", end="", flush=True)
        _keep(told)

    return show
