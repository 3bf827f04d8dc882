"""Figures: what was measured for a promise, shown as one table, kept for programs, and put into a document."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from rich.table import Table

DOCUMENT = Path("docs/reliability.md")


@dataclass(frozen=True)
class Figure:
    """What was measured for a promise; the counts stand in `text` where it says `{name}`."""

    area: str
    promise: str
    text: str
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def plain(cls, area: str, promise: str, text: str) -> Self:
        """One whose text says everything."""
        return cls(area, promise, text.replace("{", "{{").replace("}", "}}"))

    def __str__(self) -> str:
        return self.text.format(**self.counts)


@dataclass(frozen=True)
class Outcome:
    area: str
    figures: Sequence[Figure]
    passed: bool
    seconds: float


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def table(outcomes: Sequence[Outcome]) -> Table:
    shown = Table("area", "promise", "figure", title="What was measured", title_justify="left", show_lines=True)
    for outcome in outcomes:
        style = None if outcome.passed else "red"
        for number, figure in enumerate(outcome.figures):
            shown.add_row("" if number else outcome.area, figure.promise, str(figure), style=style)
        if not outcome.passed:
            shown.add_row(outcome.area, "", "FAILED", style=style)
    return shown


def keep(path: Path, outcomes: Iterable[Outcome], areas: Iterable[str], at: datetime) -> dict[str, Any]:
    """Write the figures for programs. Those of areas that did not run now stay as they were."""
    known = json.loads(path.read_text())["areas"] if path.exists() else {}
    for outcome in outcomes:
        figures = [{"promise": told.promise, "figure": str(told), "counts": told.counts} for told in outcome.figures]
        known[outcome.area] = {
            "at": at.isoformat(timespec="seconds"),
            "seconds": round(outcome.seconds),
            "passed": outcome.passed,
            "figures": figures,
        }
    told = {"machine": machine(), "areas": {area: known[area] for area in areas if area in known}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return told


def kept(told: Mapping[str, Any]) -> list[Outcome]:
    """What `keep` wrote, to be shown again."""
    return [
        Outcome(
            area,
            [Figure.plain(area, one["promise"], one["figure"]) for one in held["figures"]],
            held["passed"],
            held["seconds"],
        )
        for area, held in told["areas"].items()
    ]


def document(told: Mapping[str, Any], mark: str, path: Path = DOCUMENT) -> None:
    """Put the figures of each area's last run into the document, between `<!-- mark -->` and `<!-- end of mark -->`."""
    areas = told["areas"]
    days = sorted({datetime.fromisoformat(held["at"]).date() for held in areas.values()})
    when = " to ".join(f"{day:%d %B %Y}" for day in dict.fromkeys((days[0], days[-1])))
    minutes = sum(held["seconds"] for held in areas.values()) / 60
    rows = [f"Run on {when} in {minutes:.0f} minutes: {told['machine']}.", ""]
    rows += ["| area | promise | figure |", "|---|---|---|"]
    rows += [
        f"| {area} | {one['promise']} | {one['figure']} |" for area, held in areas.items() for one in held["figures"]
    ]
    text = path.read_text()
    before, _, rest = text.partition(f"<!-- {mark} -->\n")
    _, _, after = rest.partition(f"<!-- end of {mark} -->\n")
    shown = "\n".join(rows)
    path.write_text(f"{before}<!-- {mark} -->\n{shown}\n<!-- end of {mark} -->\n{after}")
