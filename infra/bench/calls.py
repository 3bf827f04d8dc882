"""What each route asks of AWS while the tables are small, and when they hold a thousand times more.

The world of the authorization tests is built in this process, on moto; each route is called by the least trusted caller
who may. Then photos, orders with all that hangs on them, and events are cloned, and every route is called again. A
route that makes another call, reads more than a unit more, more items than its page, or scans has grown: the exit code
is 1.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.bench.report import HOME, tell

RESULTS = HOME / "calls.json"
SMALL, GROWN = 10, 10_000
MOST_ITEMS = 40  # a page, and what stands around it
FEW = 10  # more than before, of what reads as many in any table
FILES = {
    "GET /users/me/payouts/{id}/statement": "a line for each booking of the payout",
    "GET /revenue/payouts/{id}/items/{party}": "a line for each booking of the payout",
}
"""Routes that answer a file of all there is in what was asked for: that much they read."""
SHORT_PAGES = {
    "GET /payments/history": "the customer has fewer payments than a page holds, until there are more orders"
}
"""Lists of which the small world has less than a page."""


@dataclass(frozen=True)
class Row:
    """Calls to DynamoDB, read and write units, items read, and calls to other services as `service.Operation:count`."""

    route: str
    caller: str
    calls: int
    reads: float
    writes: int
    items: int
    others: str


@dataclass(frozen=True)
class Pair:
    """A route on small tables and on large ones."""

    small: Row
    large: Row

    @property
    def grows(self) -> str | None:
        """In what respect; a unit more is a matter of rounding."""
        route = self.small.route
        if "Scan" in self.large.others + self.small.others:
            return "scans"
        if route in FILES:
            return None
        if self.large.calls != self.small.calls:
            return "calls"
        if self.large.reads > self.small.reads + 1 and route not in SHORT_PAGES:
            return "reads"
        if self.large.items > max(MOST_ITEMS, self.small.items + FEW):
            return "items"
        return None


def pairs(small: Mapping[str, Row], large: Mapping[str, Row]) -> list[Pair]:
    """Raises KeyError for a route that was measured once only."""
    return [Pair(small[name], large[name]) for name in small.keys() | large.keys()]


def measure(grown: int, progress: Progress) -> tuple[list[Pair], int]:
    """Every route at SMALL and at `grown` photos and orders, and how many items were written for that."""
    # Only a checkout has the tests, and only here are they wanted: other commands start without moto.
    from tests import stack

    os.environ.update(stack.ENVIRONMENT)
    from chalicelib.core import clock
    from tests.bench import calls
    from tests.system.authorization import matrix
    from tests.system.world import Bank, Stored, build, opened

    bank = Bank()
    growing = progress.add_task("growing", total=grown)
    with stack.moto_stack(json.dumps(stack.fresh_secrets())), opened(bank):
        world = build(bank)
        callers, began = matrix.callers(world), clock.now()
        stored = Stored()

        def tick(done: int) -> None:
            progress.advance(growing, done)

        def called(what: str) -> dict[str, Row]:
            task = progress.add_task(what, total=None)
            with clock.travel(began - clock.now()):  # growing takes longer than an access token lives
                rows = {}
                for row in calls.rows(world, callers, stored):
                    rows[row.route] = row
                    progress.advance(task)
            progress.update(task, total=len(rows))
            return rows

        written = calls.grow(world, SMALL, tick)
        small = called("small tables")
        written += calls.grow(world, grown - SMALL, tick)
        large = called("large tables")
    return sorted(pairs(small, large), key=lambda pair: pair.small.route), written


def shown(measured: list[Pair], grown: int) -> Table:
    table = Table("route", "as", "calls", "reads", "writes", "items", "other calls", f"{SMALL} → {grown:,}")
    for column in table.columns[2:6]:
        column.no_wrap, column.justify = True, "right"
    for pair in measured:
        row = pair.large
        verdict = "flat" if pair.grows is None else f"[red]{pair.grows} grow: {pair.small}"
        cells = (f"{row.calls}", f"{row.reads:g}", f"{row.writes}", f"{row.items}")
        table.add_row(row.route, row.caller, *cells, row.others, verdict)
    return table


def figures(measured: list[Pair], grown: int, written: int) -> list[tuple[str, str]]:
    growing = [pair for pair in measured if pair.grows]
    largest = max(measured, key=lambda pair: pair.large.calls).large
    reads = [pair for pair in measured if pair.small.route.startswith("GET ")]
    return [
        (
            "A request costs the same however large the tables are",
            f"{len(measured) - len(growing)} of {len(measured)} routes flat from {SMALL} to {grown:,} photos and "
            f"orders ({written:,} items more); no Scan",
        ),
        (
            "Calls of a request are few",
            f"reads take {sum(pair.large.calls for pair in reads) / len(reads):.1f} calls to DynamoDB on average; "
            f"most, {largest.calls}, takes {largest.route}",
        ),
    ]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra bench calls", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grown", type=int, default=GROWN, metavar="N", help="photos and orders (%(default)s)")
    grown = parser.parse_args(words).grown
    if not SMALL < grown <= 100_000:
        parser.error(f"--grown is more than {SMALL} and at most 100,000")
    console, began = Console(), time.monotonic()
    columns = (TextColumn("{task.description:<12}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(SpinnerColumn(finished_text="[green]✓"), *columns, console=console) as progress,
        redirect_stdout(StringIO()),  # the application's log
        redirect_stderr(StringIO()),
    ):
        measured, written = measure(grown, progress)
    growing = [pair for pair in measured if pair.grows]
    tell("calls", figures(measured, grown, written), passed=not growing, seconds=time.monotonic() - began)
    RESULTS.write_text(json.dumps([asdict(pair) | {"grows": pair.grows} for pair in measured], indent=1))
    console.print(shown(measured, grown))
    console.print(f"{len(growing)} of {len(measured)} routes grow. All figures are in {RESULTS}.")
    return 1 if growing else 0
