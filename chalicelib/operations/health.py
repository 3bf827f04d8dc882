"""Is the system able to work? Each probe makes one real call."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core import clock, log, once, queues, storage
from chalicelib.organizations import service as organizations

_PROBES: dict[str, Callable[[], object]] = {
    "database": lambda: once.recall(organizations.DEFAULT, "health", "probe"),
    "storage": storage.probe,
    "queue": queues.probe,
}


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    is_up: bool
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Health:
    at: datetime
    probes: tuple[Probe, ...]

    @property
    def is_up(self) -> bool:
        return all(probe.is_up for probe in self.probes)


def examine() -> Health:
    return Health(clock.now(), tuple(_run(name, call) for name, call in _PROBES.items()))


def _run(name: str, call: Callable[[], object]) -> Probe:
    started = time.perf_counter()
    try:
        call()
        is_up = True
    except Exception as failure:  # noqa: BLE001 (whatever goes wrong, this part is down)
        log.bug("probe failed", failure, handler=name)
        is_up = False
    return Probe(name, is_up, round((time.perf_counter() - started) * 1000))
