"""`python3 -m infra proof`: the reliability suites at full scale, and one table of what each measured.

Exits with 1 when a suite fails, or ends without a figure. docs/reliability.md says what each proves and how.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from infra.figures import DOCUMENT, Figure, Outcome, document, keep, machine, table

WORKERS = "2"
FOLDER = Path(".local/proof")
MARK = "figures"
KEPT_IN = "PIX_FIGURES"
"""The environment variable that names the folder in which a test session keeps its figures."""

SYSTEM = "tests/system"
AREAS: Mapping[str, Sequence[str]] = {
    "main job": [
        *(f"{SYSTEM}/local/test_main_job.py", f"{SYSTEM}/local/test_killed.py"),
        *(f"{SYSTEM}/local/test_avatars.py", f"{SYSTEM}/local/test_uploader.py"),
        *(f"{SYSTEM}/local/test_mails.py", f"{SYSTEM}/test_currencies.py"),
    ],
    "contention": [f"{SYSTEM}/local/test_contention.py"],
    "crash": [f"{SYSTEM}/crash/test_crash.py"],
    "throttling": [f"{SYSTEM}/crash/test_throttling.py"],
    "webhooks": [f"{SYSTEM}/webhooks"],
    "queues": [f"{SYSTEM}/test_queues.py"],
    "uploads": [f"{SYSTEM}/uploads/test_uploads.py"],
    "image privacy": [f"{SYSTEM}/uploads/test_privacy.py"],
    "fuzz": [f"{SYSTEM}/test_fuzz.py"],
    "large orders": [f"{SYSTEM}/test_large_orders.py"],
    "simulation": [f"{SYSTEM}/simulation"],
    "authorization": [f"{SYSTEM}/authorization"],
    "refusals": [f"{SYSTEM}/test_refusals.py"],
    "routes": [f"{SYSTEM}/test_routes.py"],
    "websockets": [f"{SYSTEM}/local/test_websockets.py", f"{SYSTEM}/test_fan_out.py"],
    "browser": [f"{SYSTEM}/local/test_browser.py"],
    "rate limits": [f"{SYSTEM}/local/test_limits.py"],
    "tokens": [f"{SYSTEM}/test_tokens.py", f"{SYSTEM}/local/test_refreshing.py"],
    "presigned": [f"{SYSTEM}/local/test_presigned.py"],
    "downloads": [f"{SYSTEM}/test_downloads.py", f"{SYSTEM}/local/test_downloads.py"],
    "canaries": [f"{SYSTEM}/test_canaries.py", f"{SYSTEM}/test_erasure.py"],
    "correlation": [f"{SYSTEM}/test_correlation.py"],
    "key rotation": [f"{SYSTEM}/test_rotation.py"],
    "caching": [f"{SYSTEM}/test_caching.py"],
    "IAM": [f"{SYSTEM}/policies"],
    "deployment": [f"{SYSTEM}/deployment"],
    "restore": [f"{SYSTEM}/local/test_drill.py"],
    "coverage": [
        *("tests", *(f"--ignore=tests/{other}" for other in ("system", "infra", "bench", "compatibility"))),
        *("--cov", "--cov-report=term-missing:skip-covered", "--cov-fail-under=95"),
    ],
}
"""Area -> its suites, as pytest takes them. Every test file of tests/system belongs to exactly one."""


def gathered(lines: Iterable[str]) -> list[Figure]:
    """The figures that lines of JSON tell; the counts of equal ones are added up."""
    sums: dict[tuple[str, str, str], dict[str, int]] = {}
    for line in lines:
        told = Figure(**json.loads(line))
        held = sums.setdefault((told.area, told.promise, told.text), {})
        for name, count in told.counts.items():
            held[name] = held.get(name, 0) + count
    return [Figure(*key, counts) for key, counts in sums.items()]


def run(area: str, progress: Progress) -> Outcome:
    """Run the suites of an area; what they say goes to a file of its own."""
    name = area.replace(" ", "-")
    kept, log, started = FOLDER / name, FOLDER / f"{name}.log", time.monotonic()
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, "--dist", "worksteal", "--full", *AREAS[area]]
    task = progress.add_task(area, total=100)
    with log.open("w") as said:
        process = subprocess.Popen(
            command,
            env={**os.environ, KEPT_IN: str(kept.resolve())},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                progress.update(task, completed=percent(log))
                time.sleep(0.5)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    lines = [line for file in sorted(kept.glob("*.jsonl")) for line in file.read_text().splitlines()]
    figures = gathered(lines)
    passed = process.returncode == 0 and bool(figures)
    verdict = area if passed else f"[red]{area}: {'failed' if process.returncode else 'told no figure'}, see {log}"
    progress.update(task, completed=100, description=verdict)
    return Outcome(area, figures, passed, time.monotonic() - started)


def percent(log: Path) -> int:
    """How far pytest says it is."""
    told = re.findall(r"\[ *(\d+)%\]", log.read_text(errors="replace"))
    return int(told[-1]) if told else 0


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m infra proof", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help="all, unless named; a dash may stand for a blank")
    parser.add_argument("--list", action="store_true", help="list the areas and their suites")
    parser.add_argument(
        "--document", action="store_true", help=f"put the figures of each area's last run into {DOCUMENT}"
    )
    wanted = parser.parse_args(words)
    if wanted.list:
        for area, suites in AREAS.items():
            print(f"{area:15} {' '.join(suites)}")
        return 0
    areas = [area.replace("-", " ") for area in wanted.areas] or list(AREAS)
    if unknown := set(areas) - AREAS.keys():
        parser.error(f"there is no area {', '.join(sorted(unknown))}; --list shows all")
    console, at, outcomes = Console(), datetime.now(UTC), []
    columns = SpinnerColumn(finished_text="•"), TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn()
    with suppress(KeyboardInterrupt), Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for area in areas:
            outcomes.append(run(area, progress))
            if not console.is_terminal:  # where the bars would not move
                verdict = "held" if outcomes[-1].passed else "failed"
                console.print(f"{area}: {verdict}, {outcomes[-1].seconds:.0f} s")
    told = keep(FOLDER / "figures.json", outcomes, AREAS, at)
    if wanted.document:
        document(told, MARK)
    console.print(table(outcomes))
    failed = [outcome.area for outcome in outcomes if not outcome.passed]
    console.print(f"{machine()}. The same as JSON: {FOLDER / 'figures.json'}")
    if len(outcomes) < len(areas):
        console.print("[red]Stopped before the end.")
        return 130
    console.print(f"[red]Failed: {', '.join(failed)}." if failed else "[green]Every promise held.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
