"""`python3 -m infra demo`: the whole system on this machine, and the main job run through it, with figures.

Exits with 1 when any step deviates from what the main job says.
"""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra import faces
from infra.local import samples
from infra.local.client import Deviation
from infra.local.emulator import EmulatorFailed, HomeInUse, clear_state
from infra.local.finding import Found, find_and_buy
from infra.local.journey import Bought, Downloaded, Journey, Tick, Uploaded
from infra.local.logs import write_logs_to
from infra.local.people import log_ins
from infra.local.samples import Sample
from infra.local.stack import DeployFailed, has_engine
from infra.local.system import System

FOLDER = Path(".local/demo")


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python3 -m infra demo", description=__doc__)
    arguments.add_argument("--photos", type=Path, metavar="FOLDER", help="your own photos instead of the samples")
    arguments.add_argument("--faces", action="store_true", help="find faces, too: installs the engine, 150 MB")
    told = arguments.parse_args()
    photos: Path | None = told.photos
    if told.faces and not has_engine() and faces.main([]):
        return 1
    console = Console()
    console.print("[bold]ThePixStock[/bold]: from a photo in storage to a photo in the buyer's hands\n")
    try:
        with Demo(console) as demo:
            demo.run(photos)
    except (Deviation, EmulatorFailed, DeployFailed, HomeInUse) as failure:
        console.print(f"\n[bold red]Not as it should be:[/bold red] {failure}", highlight=False)
        console.print(f"What the system wrote is in {FOLDER / 'system' / 'log.jsonl'}.")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. The next start begins anew.")
        return 130
    return 0


@dataclass(frozen=True)
class Story:
    """Everything the report tells."""

    photos: list[Sample]
    uploaded: Uploaded
    bought: Bought
    parts: dict[str, int]
    found: Found | None
    lost: Bought
    by_card: Bought
    downloaded: Downloaded
    archive: Path
    licences: int
    refusals: list[str]
    sheet: Path


class Demo:
    """One run; its progress bars live as long as it does."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<34}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> "Demo":
        self._stack = ExitStack()
        self._stack.enter_context(self._progress)
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stack.__exit__(*failure)

    def run(self, folder: Path | None) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        photos = self._gather(folder)
        home = FOLDER / "system"
        with self._step("Start the system", 1) as tick:
            clear_state(home)
            write_logs_to(home / "log.jsonl")
            system = self._stack.enter_context(System(home))
            tick(1)
        self._journey(Journey(system, log_ins(home), FOLDER), photos, find=folder is None and has_engine())

    def _journey(self, journey: Journey, photos: list[Sample], *, find: bool) -> None:
        with self._step("Plan an event", 1) as tick:
            event = journey.plan()
            tick(1)
        with (
            self._step("Upload straight to storage", len(photos)) as sent,
            self._step("Watermark, measure, make ready", len(photos)) as ready,
        ):
            uploaded = journey.upload(event["id"], photos, sent, ready)
        with self._step("Approve and open the sale", len(uploaded.ready_after)) as tick:
            journey.review(event["id"], uploaded.ready_after, tick)
        with self._step("Browse as a visitor", 1) as tick:
            gallery = journey.browse(event["slug"], len(uploaded.ready_after))
            sheet = journey.contact_sheet(gallery)
            tick(1)
        with self._step("Fill a cart, register, merge", 1) as tick:
            buyer, _ = journey.fill_cart(gallery)
            tick(1)
        with self._step("Order, pay by QR, get the mail", 1) as tick:
            before = journey.taken(event["id"])
            bought = journey.buy(buyer, f"buyer-{journey.run}@example.com")
            tick(1)
        with self._step("Split the revenue", 1) as tick:
            parts = journey.split(event["id"], bought, before)
            tick(1)
        found = None
        if find:
            with self._step("Find a face, buy all its photos", 1) as tick:
                found = find_and_buy(journey, event["id"], uploaded)
                tick(1)
        wanted = bought.order["lines"][0]["refs"]
        with self._step("Download through the mail's link", len(wanted)) as tick:
            downloaded = journey.download(bought, uploaded, tick)
        with self._step("Pack the order into a ZIP", 1) as tick:
            archive = journey.archive(bought, downloaded)
            tick(1)
        with self._step("Check the licences offline", 1) as tick:
            licences = journey.licences(bought)
            tick(1)
        with self._step("Buy as a guest, webhook lost", 1) as tick:
            lost = journey.buy(journey.guest(gallery[-1]), f"guest-{journey.run}@example.com", lose_webhook=True)
            tick(1)
        with self._step("Change to a card, pay with Stripe", 1) as tick:
            by_card = journey.buy(journey.guest(gallery[-1]), f"card-{journey.run}@example.com", by_card=True)
            tick(1)
        with self._step("Try what must be refused", 1) as tick:
            refusals = journey.refuse(event["id"], bought)
            tick(1)
        self._progress.stop()
        sold = Story(
            photos, uploaded, bought, parts, found, lost, by_card, downloaded, archive, licences, refusals, sheet
        )
        report(self._console, sold)

    def _gather(self, folder: Path | None) -> list[Sample]:
        if folder is not None:
            found = samples.from_folder(folder)
            if not found:
                raise Deviation(f"{folder} holds no JPEG, PNG, WebP or HEIC files")
            return found
        photos = []
        with self._step("Gather sample photos", samples.how_many()) as tick:
            for sample in samples.made_in(FOLDER / "photos"):
                photos.append(sample)
                tick(1)
        return photos

    @contextmanager
    def _step(self, name: str, total: int) -> Iterator[Tick]:
        task = self._progress.add_task(name, total=total)
        yield lambda count: self._progress.advance(task, count)


def report(console: Console, story: Story) -> None:
    """What happened, in figures and in words."""
    console.print()
    console.print(_photos_table(story))
    console.print(_timeline(story))
    line = story.bought.order["lines"][0]
    payment = story.bought.payment
    tail = payment["payable"] - payment["amount"]
    mail = f"Mail “{story.bought.mail.subject}”: {len(story.downloaded.files)} files fetched through its link, "
    told = (
        f"[bold]{line['because']}[/bold]",
        f"Order {story.bought.order['code']}: {_baht(payment['amount'])}, paid {_baht(payment['payable'])}: "
        f"the gateway added {tail} satang to tell the payment apart.",
        f"Split 30/50/20 to the last satang: {_parts(story.parts)}.",
        mail + "pixels identical to the originals, GPS gone.",
        f"The same files as one ZIP. {story.licences} licences verified offline; one with a word changed was refused.",
        _finding(story.found),
        f"A guest's payment whose webhook was lost was found after {story.lost.pay_to_paid:.1f} s by asking.",
        f"Order {story.by_card.order['code']} changed from the QR code to a card: "
        f"{_baht(story.by_card.payment['amount'])}, paid through Stripe in {story.by_card.pay_to_paid:.2f} s.",
        f"Refused as they should be: {', '.join(story.refusals)}.",
    )
    console.print(Panel("\n".join(told), title="The sale", title_align="left"))
    console.print("Look at:")
    folders = sorted({path.parent for path in story.downloaded.files})
    found = [story.found.archive] if story.found is not None else []
    for path in (story.sheet, FOLDER / "payment-qr.png", story.archive, *found, *folders):
        console.print(f"  {path}", highlight=False)


def _finding(found: Found | None) -> str:
    if found is None:
        return "Nobody looked for a face: `python3 -m infra demo --faces` installs the engine, 150 MB, and does."
    line = found.bought.order["lines"][0]
    return (
        f"A selfie found the {found.photos} photos of its face in {found.seconds:.1f} s, and no other. "
        f"{line['because']} Split: {_parts(found.parts)}. Fetched, as one ZIP, with {found.licences} licences."
    )


def _parts(parts: dict[str, int]) -> str:
    return ", ".join(f"{part} {_baht(amount)}" for part, amount in parts.items())


def _photos_table(story: Story) -> Table:
    table = Table(title="Photos", title_justify="left")
    table.add_column("file")
    table.add_column("where from")
    table.add_column("MP", justify="right")
    table.add_column("MB", justify="right")
    table.add_column("ready after", justify="right")
    for photo, sample in story.uploaded.photos.items():
        after = story.uploaded.ready_after.get(photo)
        outcome = f"{after:.2f} s" if after is not None else f"[yellow]{story.uploaded.refused.get(sample.path.name)}"
        size = f"{sample.size / 1e6:.1f}"
        table.add_row(sample.path.name, sample.origin, f"{sample.megapixels:.1f}", size, outcome)
    return table


def _timeline(story: Story) -> Table:
    ready = sorted(story.uploaded.ready_after.values())
    p95 = ready[min(len(ready) - 1, round(0.95 * (len(ready) - 1)))]
    megapixels = sum(sample.megapixels for sample in story.photos)
    megabytes = sum(sample.size for sample in story.photos) / 1e6
    table = Table(title=f"Timeline on {os.cpu_count()} cores, Python {platform.python_version()}", title_justify="left")
    table.add_column("step")
    table.add_column("time", justify="right")
    table.add_column("of")
    everything = f"{len(story.photos)} photos, {megapixels:.0f} megapixels, {megabytes:.1f} MB, all at once"
    table.add_row("upload -> ready, p50", f"{statistics.median(ready):.2f} s", everything)
    table.add_row("upload -> ready, p95", f"{p95:.2f} s", everything)
    table.add_row("first byte sent -> last photo ready", f"{story.uploaded.seconds:.2f} s", everything)
    table.add_row("pay -> paid", f"{story.bought.pay_to_paid:.2f} s", "webhook, queue, asking the gateway, booking")
    table.add_row("paid -> e-mail", f"{story.bought.paid_to_mail:.2f} s", "outbox, hand-over, mail")
    if story.found is not None:
        seconds = f"{story.found.seconds:.2f} s"
        table.add_row(
            "selfie -> photos found", seconds, f"{story.found.photos} of {len(story.uploaded.ready_after)} photos"
        )
    size = sum(path.stat().st_size for path in story.downloaded.files) / 1e6
    table.add_row(
        "download",
        f"{story.downloaded.seconds:.2f} s",
        f"{len(story.downloaded.files)} originals, {size:.1f} MB, verified",
    )
    return table


def _baht(satang: int) -> str:
    return f"{satang // 100:,}.{satang % 100:02d} THB"


if __name__ == "__main__":
    sys.exit(main())
