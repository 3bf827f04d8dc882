"""One emulator for the tests that only need an AWS; each makes queues and tables of its own."""

from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest

from infra.local.emulator import Emulator, start_emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = start_emulator(tmp_path_factory.mktemp("home"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something becomes true; the limit is there to end a broken test, not to measure."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = monotonic() + 30
        while not condition():
            assert monotonic() < deadline, "it did not happen"
            sleep(0.02)

    return wait
