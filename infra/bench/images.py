"""Our renderer beside others: the same four JPEGs of the same photos, on one core, one thread, taking turns.

Time is the median over the rounds of the process's CPU time for one photo, file to four JPEGs in memory; with one
thread on one core that is the time it takes, less what other programs of the machine take away (wall times are in
the JSON). All composite the same watermark, except where likeness is measured: SSIM against a reference made from
the whole photo in floating point. Peak memory is that of a fresh process that makes one photo. Ours also checks the
file, reads its metadata, hashes every size and makes the placeholder, the difference hash and the dominant colour.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.media import service
from chalicelib.media.model import SIZES, Rejected
from chalicelib.media.render import fitted
from chalicelib.media.watermark import mark_for
from infra.bench import photos
from infra.bench.engines.ours import WATERMARK
from infra.bench.engines.protocol import Output
from infra.bench.likeness import likeness, references
from infra.bench.photos import Photo
from infra.bench.renderers import HOME, RENDERERS, Driver, Missing, Renderer
from infra.bench.report import tell

GOALS = {"sharp": 0.80, "pyvips": 0.90}  # our time as a part of theirs
LIKENESS_GOAL = 0.979
MEMORY_GOAL = 350.0  # MB
RESULTS = HOME / "images.json"


@dataclass
class Figures:
    """One renderer on one photo: seconds of every round, SSIM by size, bytes."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    likeness: dict[str, float] = field(default_factory=dict)
    bytes_made: int = 0
    peak_memory: int = 0
    error: str | None = None

    @property
    def seconds(self) -> float:
        return statistics.median(self.cpu)


@dataclass
class Subject:
    """A photo, what is to be made of it, and how each renderer did."""

    photo: Photo
    format: str
    megapixels: float
    outputs: list[Output]
    figures: dict[str, Figures] = field(default_factory=dict)

    def ratio(self, other: str) -> float | None:
        """Our time as a part of another's, if both made the photo."""
        ours, others = self.figures.get("ours"), self.figures.get(other)
        return ours.seconds / others.seconds if ours and ours.cpu and others and others.cpu else None


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra bench images", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="your own photos in place of made ones")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="counted turns of each renderer (7)")
    parser.add_argument("--engines", nargs="+", choices=RENDERERS, default=list(RENDERERS), metavar="NAME")
    parser.add_argument("--no-watermark", action="store_true", help="time the four sizes alone")
    wanted = parser.parse_args(words)
    console, began = Console(), time.monotonic()
    if not hasattr(os, "sched_setaffinity"):
        console.print("This bench pins processes to one core, which only Linux lets it do.")
        return 1
    versions = _prepared(wanted.engines, console)
    renderers = [RENDERERS[name] for name in versions]
    core = max(os.sched_getaffinity(0))
    columns = (TextColumn("{task.description:<10}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(SpinnerColumn(finished_text="[green]✓"), *columns, console=console) as progress:
        subjects = _subjects(wanted.photos, wanted.no_watermark, progress)
        _measure_times(subjects, renderers, core, wanted.rounds, progress)
        _measure_likeness(subjects, renderers, core, progress)
        _measure_memory(subjects, renderers, core, progress)
    _written(subjects, versions, wanted.rounds, not wanted.no_watermark)
    _report(subjects, list(versions), console)
    found = goals(subjects, list(versions))
    missed = [goal for goal in found if not goal.met]
    tell("images", figures(found, subjects, wanted.rounds), passed=not missed, seconds=time.monotonic() - began)
    console.print(f"All figures are in {RESULTS}.")
    return 1 if missed else 0


def _prepared(names: list[str], console: Console) -> dict[str, str]:
    """The versions of the renderers that can be measured here."""
    versions = {}
    for name in names:
        with console.status(f"{name}: installing what is missing"):
            try:
                versions[name] = RENDERERS[name].prepared()
                console.print(f"{name:8} {versions[name]}", highlight=False)
            except Missing as reason:
                console.print(f"{name:8} is skipped: {reason}", highlight=False, style="yellow")
    return versions


def _subjects(folder: Path | None, no_watermark: bool, progress: Progress) -> list[Subject]:
    chosen = photos.from_folder(folder) if folder else None
    task = progress.add_task("photos", total=photos.how_many() if chosen is None else len(chosen))
    subjects = []
    for photo in photos.made_in(HOME / "photos") if chosen is None else chosen:
        progress.advance(task)
        try:
            inspection = service.inspect(photo.path)
        except Rejected as refusal:
            progress.console.print(f"{photo.path.name} is left out: {refusal.code}", highlight=False)
            continue
        outputs = []
        for size in SIZES:
            width, height = fitted((inspection.width, inspection.height), size.long_side)
            overlay = _overlay(width, height) if size.watermarked and not no_watermark else None
            outputs.append(Output(size.name, width, height, size.quality, overlay))
        megapixels = inspection.width * inspection.height / 1e6
        subjects.append(Subject(photo, inspection.format, megapixels, outputs))
    return subjects


def _overlay(width: int, height: int) -> str:
    """The file of what we paste on a picture of this size, for the others to composite."""
    path = HOME / "overlays" / f"{width}x{height}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    mark, corner = mark_for(WATERMARK, (width, height))
    canvas = Image.new("RGBA", (width, height))
    canvas.paste(mark, corner)
    canvas.save(path)
    return str(path.resolve())


def _measure_times(
    subjects: list[Subject], renderers: list[Renderer], core: int, rounds: int, progress: Progress
) -> None:
    task = progress.add_task("time", total=len(subjects) * (rounds + 1) * len(renderers))
    with ExitStack() as running:
        drivers = {renderer.name: running.enter_context(Driver(renderer, core)) for renderer in renderers}
        for subject in subjects:
            subject.figures = {name: Figures() for name in drivers}
            for turn in range(rounds + 1):
                for name in rotated(list(drivers), turn):
                    progress.advance(task)
                    figures = subject.figures[name]
                    if figures.error:
                        continue
                    answer = drivers[name].render(subject.photo.path, subject.outputs)
                    figures.error = answer.get("error")
                    if turn and not figures.error:  # the first turn warms caches up
                        figures.cpu.append(answer["cpu"])
                        figures.wall.append(answer["wall"])


def rotated(names: list[str], turn: int) -> list[str]:
    """Everybody is first in turn: who is first may have to wait for the file."""
    start = turn % len(names)
    return names[start:] + names[:start]


def _measure_likeness(subjects: list[Subject], renderers: list[Renderer], core: int, progress: Progress) -> None:
    task = progress.add_task("likeness", total=len(subjects))
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory()))
        drivers = {renderer.name: running.enter_context(Driver(renderer, core)) for renderer in renderers}
        for subject in subjects:
            unmarked = [replace(output, overlay=None) for output in subject.outputs]
            wanted = references(subject.photo.path, [(output.width, output.height) for output in unmarked])
            for name, driver in drivers.items():
                figures = subject.figures[name]
                if figures.error is None and "error" not in driver.render(subject.photo.path, unmarked, folder):
                    files = [folder / f"{output.name}.jpg" for output in unmarked]
                    figures.bytes_made = sum(file.stat().st_size for file in files)
                    figures.likeness = {
                        file.stem: likeness(file, reference) for file, reference in zip(files, wanted, strict=True)
                    }
            progress.advance(task)


def _measure_memory(subjects: list[Subject], renderers: list[Renderer], core: int, progress: Progress) -> None:
    task = progress.add_task("memory", total=len(subjects) * len(renderers))
    for subject in subjects:
        for renderer in renderers:
            if subject.figures[renderer.name].error is None:
                with Driver(renderer, core) as driver:
                    driver.render(subject.photo.path, subject.outputs)
                    subject.figures[renderer.name].peak_memory = driver.peak_memory()
            progress.advance(task)


def _report(subjects: list[Subject], names: list[str], console: Console) -> None:
    def time(subject: Subject, name: str) -> str:
        ratio = subject.ratio(name)
        return f"{1000 * subject.figures[name].seconds:.0f}" + (f" ({ratio:.2f})" if ratio and name != "ours" else "")

    def preview(subject: Subject, name: str) -> str:
        return f"{subject.figures[name].likeness['preview']:.4f}"

    def memory(subject: Subject, name: str) -> str:
        return f"{subject.figures[name].peak_memory / 1e6:.0f}"

    console.print(_table("CPU time in ms (ours as a part of it)", subjects, names, time))
    console.print(_table("SSIM of the preview, without watermark", subjects, names, preview))
    console.print(_table("Peak memory in MB", subjects, names, memory))
    for goal in goals(subjects, names):
        console.print(str(goal), highlight=False)
    for subject in subjects:
        for name, figures in subject.figures.items():
            if figures.error:
                reason = " ".join(figures.error.split())[-90:]
                console.print(f"{name} cannot make {subject.photo.path.name}: …{reason}", highlight=False, style="dim")


def _table(title: str, subjects: list[Subject], names: list[str], cell: Callable[[Subject, str], str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("photo", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    for subject in subjects:
        made = [cell(subject, name) if subject.figures[name].error is None else "-" for name in names]
        table.add_row(f"{subject.photo.path.name[:22]} {subject.megapixels:.0f} MP", *made)
    return table


@dataclass(frozen=True)
class Goal:
    """What is promised beside what was measured, and which photos miss it."""

    what: str
    value: float
    met: bool
    goal: float
    missing: Mapping[str, float]

    def __str__(self) -> str:
        misses = "; photos that miss it: " + ", ".join(f"{name} {figure:.3g}" for name, figure in self.missing.items())
        verdict = "met   " if self.met else "MISSED"
        return f"{verdict} {self.what}: {self.value:.3g} (goal {self.goal:g}){misses if self.missing else ''}"


def goals(subjects: list[Subject], names: list[str]) -> list[Goal]:
    found = []
    for other, goal in GOALS.items():
        ratios = {subject.photo.path.name: subject.ratio(other) for subject in subjects if subject.format == "jpeg"}
        known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
        if known:
            mean = statistics.geometric_mean(known.values())
            above = {name: ratio for name, ratio in known.items() if ratio > goal}
            found.append(Goal(f"JPEG: time as a part of {other}'s, geometric mean", mean, mean <= goal, goal, above))
    if "ours" in names:
        made = [subject for subject in subjects if subject.figures["ours"].error is None]
        alike = {subject.photo.path.name: subject.figures["ours"].likeness["preview"] for subject in made}
        middle = statistics.median(alike.values())
        below = {name: value for name, value in alike.items() if value < LIKENESS_GOAL}
        found.append(Goal("SSIM of previews, median", middle, middle >= LIKENESS_GOAL, LIKENESS_GOAL, below))
        jpegs = [subject for subject in made if subject.format == "jpeg"]
        memory = {subject.photo.path.name: subject.figures["ours"].peak_memory / 1e6 for subject in jpegs}
        if memory:
            over = {name: value for name, value in memory.items() if value > MEMORY_GOAL}
            found.append(Goal("JPEG: peak memory, most, MB", max(memory.values()), not over, MEMORY_GOAL, over))
    return found


def figures(found: list[Goal], subjects: list[Subject], rounds: int) -> list[tuple[str, str]]:
    """Each goal, beside what was measured of it."""
    return [
        (
            f"{goal.what}: {goal.goal:g}",
            f"{goal.value:.3g}, {len(subjects)} photos, {rounds} rounds"
            + (f"; {len(goal.missing)} photos miss it" if goal.missing else ""),
        )
        for goal in found
    ]


def _written(subjects: list[Subject], versions: Mapping[str, str], rounds: int, watermark: bool) -> None:
    RESULTS.write_text(
        json.dumps(
            {
                "machine": platform.platform(),
                "python": platform.python_version(),
                "rounds": rounds,
                "watermark": watermark,
                "versions": dict(versions),
                "photos": [
                    {
                        "name": subject.photo.path.name,
                        "kind": subject.photo.kind,
                        "format": subject.format,
                        "megapixels": round(subject.megapixels, 1),
                        "figures": {name: asdict(figures) for name, figures in subject.figures.items()},
                    }
                    for subject in subjects
                ],
            },
            indent=1,
        )
    )
