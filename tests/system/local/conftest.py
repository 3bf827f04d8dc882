"""One system for a test session, in a process of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.local import shop
from tests.system.local.running import Running


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    with Running(home) as system:
        yield system
    assert (system.exit_code, system.left_behind, system.bugs()) == (0, [], [])


@pytest.fixture(scope="session")
def photos(running: Running) -> list[str]:
    """Four photos on sale at the default packages."""
    return shop.on_sale(running, 4)[1]


@pytest.fixture
def figure(capsys: pytest.CaptureFixture[str]) -> Any:
    """Print a measured figure past pytest's capture. A worker of xdist shows nothing; `-n 0` shows them all."""

    def show(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}", end="")

    return show
