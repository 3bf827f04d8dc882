"""What a photo, an order and a visit ask of AWS, measured on the system that runs on one machine.

The real application runs its main job; every call to AWS is counted on the function that makes it, and every run of a
function is timed. `--write` keeps the result in infra/usage.yaml, which `python3 -m infra cost` multiplies by list
prices. Time on this machine is not Lambda's: it stands in for it and says so.
"""

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from chalicelib.core import log
from infra.bench.meter import Usage, metered
from infra.bench.report import tell
from infra.local import samples
from infra.local.journey import WANTED, Journey
from infra.local.logs import write_logs_to
from infra.local.people import log_ins
from infra.local.system import System

TABLE = Path(__file__).parent.parent / "usage.yaml"
NOBODY = "-"
"""Who calls AWS outside any function: the local pumps, in Lambda's place."""


@dataclass
class Work:
    """What one function did in a phase."""

    runs: int = 0
    seconds: float = 0.0
    log_bytes: int = 0
    usage: Usage = field(default_factory=Usage)


class Watch:
    """Keeps, for the phase that is going on, the work of each function."""

    def __init__(self) -> None:
        self._function: ContextVar[str] = ContextVar("function", default=NOBODY)
        self.work: dict[str, Work] = defaultdict(Work)

    def usage(self) -> Usage:
        return self.work[self._function.get()].usage

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watch this process: functions are known by the name under which they log."""
        called = log.called

        @contextmanager
        def timed(function: str, id: str) -> Iterator[None]:
            token, started = self._function.set(function.rpartition("-")[2]), time.perf_counter()
            try:
                with called(function, id):
                    yield
            finally:
                work = self.work[self._function.get()]
                work.runs += 1
                work.seconds += time.perf_counter() - started
                self._function.reset(token)

        log.called = timed
        try:
            with metered(self.usage):
                yield
        finally:
            log.called = called

    def phase(self, act: Callable[[], Any]) -> tuple[Any, dict[str, Work]]:
        """What `act` gives, and the work of each function meanwhile, sweeps of an idle system left out."""
        self.work = defaultdict(Work)
        result = act()
        time.sleep(SETTLE_SECONDS)
        return result, {name: work for name, work in self.work.items() if name != NOBODY and "sweep" not in name}


SETTLE_SECONDS = 2.0
"""Until what a phase set off behind the queues is done."""


def shares(work: dict[str, Work], units: int) -> dict[str, Any]:
    """The work of a phase for one of its units, as infra/usage.yaml holds it."""
    calls: Counter[str] = sum((each.usage.calls for each in work.values()), Counter())
    return {
        "functions": {
            name: {"runs": round(each.runs / units, 3), "ms": round(1000 * each.seconds / max(1, each.runs))}
            for name, each in sorted(work.items())
        },
        "calls": {name: round(count / units, 3) for name, count in sorted(calls.items())},
        "read_units": round(sum(each.usage.reads for each in work.values()) / units, 2),
        "write_units": round(sum(each.usage.writes for each in work.values()) / units, 2),
        "stored_bytes": round(sum(each.usage.stored for each in work.values()) / units),
    }


def measure(home: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Upload photos, approve them, look at them, buy some; what each takes for one photo, one visit, one order."""

    def quiet(_: int) -> None:
        return None

    tell("Gathering photos ...")
    photos = list(samples.made_in(home / "photos"))
    watch = Watch()
    write_logs_to(home / "log.jsonl")
    with System(home / "system") as system, watch.installed():
        journey = Journey(system, log_ins(home / "system"), home)
        event = journey.plan()
        tell("Uploading ...")
        uploaded, photo_work = watch.phase(lambda: journey.upload(event["id"], photos, quiet, quiet))
        tell("Approving ...")
        _, approval_work = watch.phase(lambda: journey.review(event["id"], uploaded.ready_after, quiet))
        tell("Visiting ...")
        gallery, visit_work = watch.phase(lambda: journey.browse(event["slug"], len(uploaded.ready_after)))
        tell("Buying ...")

        def buy() -> Any:
            buyer, _ = journey.fill_cart(gallery)
            bought = journey.buy(buyer, f"buyer-{journey.run}@example.com")
            return journey.download(bought, uploaded, quiet)

        _, order_work = watch.phase(buy)
    count = len(photos)
    return {
        "measured": {
            "on": f"{datetime.now(UTC):%Y-%m-%d}",
            "by": "python3 -m infra bench usage --write",
            "photos": count,
            "bytes_of_a_photo": round(sum(photo.size for photo in photos) / count),
            "photos_of_an_order": WANTED,
        },
        "photo": shares(photo_work, count),
        "approval": shares(approval_work, count),
        "visit": shares(visit_work, 1),
        "order": shares(order_work, 1),
    }


def shown(measured: dict[str, Any]) -> Table:
    table = Table("", "function runs", "ms in functions", "read units", "write units", "other calls")
    for name in ("photo", "approval", "visit", "order"):
        unit = measured[name]
        functions = unit["functions"].items()
        others = {call: count for call, count in unit["calls"].items() if not call.startswith("dynamodb.")}
        table.add_row(
            name,
            ", ".join(f"{function} {each['runs']:g}" for function, each in functions),
            f"{sum(each['runs'] * each['ms'] for _, each in functions):.0f}",
            f"{unit['read_units']:g}",
            f"{unit['write_units']:g}",
            ", ".join(f"{call} {count:g}" for call, count in others.items()),
        )
    return table


def figures(measured: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            f"What {name} asks of AWS is counted",
            f"{sum(each['runs'] for each in unit['functions'].values()):g} runs of functions, "
            f"{sum(each['runs'] * each['ms'] for each in unit['functions'].values()):.0f} ms in them, "
            f"{unit['read_units']:g} read and {unit['write_units']:g} write units",
        )
        for name, unit in ((f"one {name}", measured[name]) for name in ("photo", "approval", "visit", "order"))
    ]


def main(words: list[str]) -> int:
    command = argparse.ArgumentParser(prog="python3 -m infra bench usage", description=__doc__)
    command.add_argument("--write", action="store_true", help="keep the result in infra/usage.yaml")
    wanted = command.parse_args(words)
    console, began = Console(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), console.print)
    tell("usage", figures(measured), passed=True, seconds=time.monotonic() - began)
    console.print(shown(measured))
    if wanted.write:
        TABLE.write_text(f"# Written by: {measured['measured']['by']}\n{yaml.safe_dump(measured, sort_keys=False)}")
        console.print(f"Kept in {TABLE.name}.")
    return 0
