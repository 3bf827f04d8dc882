"""What the benches found, kept together: each tells its area, `python3 -m infra bench` shows all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.figures import Figure, Outcome, keep

HOME = Path(".local/bench")
FIGURES = HOME / "figures.json"
MARK = "performance"
AREAS = {
    "cold": "Cold start",
    "calls": "Calls and capacity",
    "images": "Image pipeline",
    "usage": "Work",
    "zip": "Archives",
    "faces": "Face search",
    "load": "Throughput",
}
"""Bench -> the area of its figures, in the order of the table."""


def tell(bench: str, figures: Sequence[tuple[str, str]], *, passed: bool, seconds: float) -> dict[str, Any]:
    """Keep what a bench measured: pairs of a promise and its figure. Those of other benches stay as they were."""
    area = AREAS[bench]
    outcome = Outcome(area, [Figure.plain(area, *figure) for figure in figures], passed, seconds)
    return keep(FIGURES, [outcome], AREAS.values(), datetime.now(UTC))
