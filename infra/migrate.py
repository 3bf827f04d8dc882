"""`python3 -m infra migrate [NAME]`: bring stored items up to date beside live traffic, from where it was."""

import argparse
import sys
from collections import Counter

import boto3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.core import migrations
from chalicelib.core.migrations import Outcome, Pace
from chalicelib.core.settings import settings
from infra import stages

UNITS_PER_SECOND = 200
SEGMENTS = 4


def main(words: list[str] | None = None) -> int:
    """1 when an item was changed by others at every try, which the next run meets again."""
    wanted = _parser().parse_args(words)
    console = Console()
    try:
        stages.enter(wanted.stage)
    except stages.NotReached as reason:
        console.print(str(reason), highlight=False)
        return 1
    if wanted.list or wanted.name is None:
        console.print(_listed())
        return 0
    if wanted.name not in migrations.known:
        console.print(f"There is no migration {wanted.name}: {', '.join(sorted(migrations.known))}", highlight=False)
        return 1
    return _run(console, wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra migrate", description=__doc__)
    parser.add_argument("name", nargs="?", help="which one; without it they are listed")
    parser.add_argument("--stage", choices=stages.STAGES, default="local")
    parser.add_argument("--list", action="store_true", help="what there is, and how far each is")
    parser.add_argument("--dry-run", action="store_true", help="count what would change, and write nothing")
    parser.add_argument("--capacity", type=float, default=UNITS_PER_SECOND, metavar="UNITS", help="a second, at most")
    parser.add_argument("--segments", type=int, default=SEGMENTS, metavar="N", help="threads for each table")
    return parser


def _listed() -> Table:
    table = Table("migration", "what for", "last run", "outcome")
    for name, each in sorted(migrations.known.items()):
        last = migrations.state(name)
        when = "never" if last is None else f"{last.ended_at:%Y-%m-%d %H:%M}" if last.ended_at else "not finished"
        table.add_row(name, each.about, when, _told(last.outcomes) if last else "")
    return table


def _run(console: Console, wanted: argparse.Namespace) -> int:
    pace = Pace(wanted.capacity)
    columns = (TextColumn("{task.description:<14}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        # DynamoDB counts its items twice a day, so the bars are rough in AWS.
        tasks = {name: progress.add_task(name, total=_items(name)) for name in migrations.domains()}

        def seen(domain: str, page: Counter[str]) -> None:
            progress.advance(tasks[domain], page.total())

        try:
            done = migrations.run(wanted.name, pace=pace, segments=wanted.segments, dry=wanted.dry_run, seen=seen)
        except KeyboardInterrupt:
            progress.stop()
            console.print("Stopped. The next run goes on here.")
            return 130
        for task in progress.tasks:
            progress.update(task.id, total=task.completed)
    would = "would be " if wanted.dry_run else ""
    console.print(f"{wanted.name}: {would}{_told(done.outcomes)}; {pace.spent:.0f} capacity units", highlight=False)
    return 1 if done.outcomes[Outcome.BUSY] else 0


def _items(domain: str) -> int:
    """How many items a table has, as DynamoDB last counted them."""
    return int(boto3.client("dynamodb").describe_table(TableName=settings().table(domain))["Table"]["ItemCount"])


def _told(outcomes: Counter[str]) -> str:
    words = {
        Outcome.CHANGED: "changed",
        Outcome.RIGHT: "right already",
        Outcome.FOREIGN: "unknown",
        Outcome.GONE: "deleted meanwhile",
        Outcome.BUSY: "too busy, run it again",
    }
    return ", ".join(f"{outcomes[each]} {word}" for each, word in words.items() if outcomes[each]) or "nothing there"


if __name__ == "__main__":
    sys.exit(main())
