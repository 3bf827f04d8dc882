"""`python3 -m infra drill`: bring everything back from a backup, and see that nothing is missing.

On this machine a shop of its own is opened and sold from, exported to files, emptied, restored into new tables,
audited, put back and opened again. In AWS (`--stage staging`) DynamoDB restores every table beside the stage's own,
which go on untouched; they are audited and deleted again. The figures are what a real restore would take.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import boto3
from rich.console import Console
from rich.table import Table

from chalicelib.core.settings import settings
from infra import audit, restore, stages
from infra.local import samples
from infra.local.client import Deviation, Person, expect
from infra.local.emulator import EmulatorFailed, HomeInUse, clear_state, start_emulator
from infra.local.journey import Bought, Journey
from infra.local.logs import write_logs_to
from infra.local.people import log_ins
from infra.local.stack import APP, DeployFailed, emulator_client
from infra.local.system import System
from infra.restore import Amount

FOLDER = Path(".local/drill")
STAGE = f"{APP}-local"
NEW = f"{STAGE}-{restore.RESTORED}"
PHOTOS = 5


@dataclass(frozen=True)
class Step:
    name: str
    seconds: float
    amount: Amount
    note: str


class Tell(Protocol):
    def __call__(self, amount: Amount, note: str = "") -> None: ...


class Steps:
    def __init__(self, console: Console) -> None:
        self.done: list[Step] = []
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[Tell]:
        """Time what is done inside; it tells its amount, and a note."""
        told = Amount(), ""

        def tell(amount: Amount, note: str = "") -> None:
            nonlocal told
            told = amount, note

        started = time.perf_counter()
        with self._console.status(f"{name} ..."):
            yield tell
        self.done.append(Step(name, time.perf_counter() - started, *told))
        self._console.print(f"{name}: done", highlight=False)

    def show(self) -> None:
        table = Table("step", "seconds", "items", "bytes", "", title="Drill", title_justify="left")
        for step in self.done:
            items, size = (f"{count:,}" if count else "" for count in (step.amount.items, step.amount.bytes))
            table.add_row(step.name, f"{step.seconds:.2f}", items, size, step.note)
        self._console.print(table)


# --- on this machine ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shop:
    """What was there before, to be found again: the event's address, its photos, a purchase."""

    slug: str
    photos: int
    bought: Bought


def drill_here(console: Console, folder: Path) -> None:
    """Raises Deviation when anything is not as it was."""
    home, backup = folder / "system", folder / "backup"
    clear_state(home)
    shutil.rmtree(backup, ignore_errors=True)
    steps = Steps(console)
    write_logs_to(home / "log.jsonl")
    with steps.step("open a shop and sell") as tell, System(home) as system:
        shop = _sell(Journey(system, log_ins(home), folder))
        tell(Amount(), f"{shop.photos} photos, 2 orders paid, downloads")
    with _tables(home) as client:
        _audited(steps, client, "audit before", STAGE)
        with steps.step("export to files") as tell:
            moved = restore.export(client, STAGE, backup)
            before = restore.checksums(client, STAGE)
            size = sum(file.stat().st_size for file in backup.iterdir())
            tell(moved, f"{size:,} bytes of files")
        with steps.step("wipe") as tell:
            tell(restore.wipe(client, STAGE))
            left = restore.checksums(client, STAGE)
            expect(not left, f"{len(left)} items survived")
        with steps.step("restore into new tables") as tell:
            tell(restore.load(client, backup, NEW), NEW)
        _compared(steps, client, "compare with before", before, NEW)
        _audited(steps, client, "audit the new tables", NEW)
        with steps.step("put back") as tell:
            tell(restore.put_back(client, NEW, STAGE), STAGE)
        _compared(steps, client, "compare again", before, STAGE)
        restore.remove(client, NEW)
    with steps.step("open the shop again") as tell, System(home) as system:
        _sells_again(Journey(system, log_ins(home), folder), shop)
        tell(Amount(), "the old order and its downloads are there, a new one is paid")
    with _tables(home) as client:
        _audited(steps, client, "audit after", STAGE)
    steps.show()


def _sell(journey: Journey) -> Shop:
    photos = list(islice(samples.made_in(journey.folder / "photos"), PHOTOS))
    event = journey.plan()
    uploaded = journey.upload(event["id"], photos, _silently, _silently)
    journey.review(event["id"], uploaded.ready_after, _silently)
    gallery = journey.browse(event["slug"], len(uploaded.ready_after))
    buyer, _ = journey.fill_cart(gallery)
    bought = journey.buy(buyer, f"buyer-{journey.run}@example.com")
    journey.download(bought, uploaded, _silently)
    _buy_as_guest(journey, gallery[0]["id"])
    return Shop(event["slug"], len(gallery), bought)


def _sells_again(journey: Journey, shop: Shop) -> None:
    gallery = journey.browse(shop.slug, shop.photos)
    order, token = shop.bought.link.rsplit("/", 2)[1:]
    holder = Person(journey.system.url, "holder", {"X-Order-Token": token})
    expect(holder.get(f"/orders/{order}") == shop.bought.order, "the order is not as it was")
    for file in holder.get(f"/downloads/{order}")["files"]:
        holder.post(f"/downloads/{order}/photos/{file['resource']}")
    _buy_as_guest(journey, gallery[-1]["id"])


def _buy_as_guest(journey: Journey, photo: str) -> None:
    guest = Person(journey.system.url, "guest")
    picked = guest.post("/cart/items", {"items": [{"ref": photo}]})
    guest.headers["X-Cart-Token"] = picked["token"]
    journey.buy(guest, f"guest-{journey.run}@example.com")


@contextmanager
def _tables(home: Path) -> Iterator[Any]:
    """The emulator alone: nobody sells."""
    emulator = start_emulator(home)
    try:
        yield emulator_client("dynamodb", emulator.endpoint)
    finally:
        emulator.stop()


def _silently(count: int) -> None:
    """Progress that nobody watches."""


# --- in AWS -------------------------------------------------------------------------------------------------


def drill_there(console: Console, client: Any, stage: str) -> None:
    """Raises Deviation when what was restored does not agree with itself."""
    steps, new = Steps(console), f"{stage}-drill"
    try:
        with steps.step("restore into new tables") as tell:
            moment = restore.restore(client, stage, new)
            tell(Amount(), f"as of {moment:%Y-%m-%d %H:%M:%S %Z}")
        _audited(steps, client, "audit the new tables", new)
    finally:
        with steps.step("delete the new tables"):
            restore.remove(client, new)
    steps.show()


# --- both ---------------------------------------------------------------------------------------------------


def _audited(steps: Steps, client: Any, name: str, prefix: str) -> None:
    with steps.step(name) as tell:
        report = audit.audit(prefix, client)
        tell(Amount(report.looked_at["items"]), f"{len(report.differences)} differences")
    expect(not report.differences, f"{name}: {report.differences[:5]}")


def _compared(steps: Steps, client: Any, name: str, before: dict[Any, str], prefix: str) -> None:
    with steps.step(name) as tell:
        after = restore.checksums(client, prefix)
        wrong = restore.differing(before, after)
        tell(Amount(len(after)), f"{wrong} differences")
    expect(not wrong, f"{name}: {wrong} items are not as they were")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m infra drill", description=__doc__)
    parser.add_argument("--stage", choices=stages.STAGES, default="local")
    stage: str = parser.parse_args(words).stage
    console = Console()
    try:
        if stage == "local":
            stages.load_records()
            drill_here(console, FOLDER)
        else:
            stages.enter(stage)
            drill_there(console, boto3.client("dynamodb"), f"{settings().app}-{settings().stage}")
    except (Deviation, restore.NotRestored, EmulatorFailed, DeployFailed, HomeInUse) as failure:
        console.print(f"[bold red]Not as it should be:[/bold red] {failure}", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
