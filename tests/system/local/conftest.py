"""One system for a test session, in a process of its own."""

from collections.abc import Iterator

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
