"""The whole system on one machine under load: what it serves, and that nothing is lost on the way.

A burst of photos from upload to ready; reads by 20 clients at a time beside two controls, waitress answering a constant
and the emulator answering one read; guests who put a photo into a cart, order it and ask for a payment; then the
gateway hears that all of them paid at once. In the end an audit compares ledger, orders, payments and counters.

System, emulator and clients share this machine, and times are theirs. What can be carried elsewhere are the ratios to
the controls, the milliseconds of processor that the application takes for a request, and that nothing is lost. All is
limited in count and time: what is not done by then counts as lost, and the exit code is 1.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from infra.bench.load.results import Load, failures, figures, kept, shown
from infra.bench.load.run import measure
from infra.bench.report import HOME, tell

RESULTS = HOME / "load.json"


def _count(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a number from 1 to {most:,}")
        return int(text)

    return read


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra bench load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Load()
    parser.add_argument("--photos", type=_count(10_000), default=usual.photos, metavar="N", help="%(default)s")
    parser.add_argument("--requests", type=_count(100_000), default=usual.requests, metavar="N", help="%(default)s")
    parser.add_argument("--webhooks", type=_count(10_000), default=usual.webhooks, metavar="N", help="%(default)s")
    parser.add_argument("--clients", type=_count(200), default=usual.clients, metavar="N", help="%(default)s at a time")
    load = Load(**vars(parser.parse_args(words)))
    console = Console()
    if sys.platform != "linux":
        console.print("Each buyer of this bench has an address of their own on this machine, which only Linux has.")
        return 1
    began = time.monotonic()
    columns = (TextColumn("{task.description:<20}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(SpinnerColumn(finished_text="[green]✓"), *columns, console=console) as progress,
    ):
        measured = measure(load, Path(folder), progress)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(kept(measured), indent=1))
    failed = failures(measured)
    tell("load", figures(measured), passed=not failed, seconds=time.monotonic() - began)
    for table in shown(measured):
        console.print(table)
    for failure in failed[:50]:
        console.print(f"[red]{failure}", highlight=False)
    console.print(f"All figures are in {RESULTS}.")
    return 1 if failed else 0
