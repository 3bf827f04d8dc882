"""Draws the dashboard as infra/alarms.yaml defines it: where each widget stands and what it shows, without any values.

`python3 -m infra dashboard` draws docs/images/dashboard.svg anew; a test holds it to the definition.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from textwrap import wrap
from typing import Any
from xml.sax.saxutils import escape

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra" / "alarms.yaml"
PICTURE = ROOT / "docs" / "images" / "dashboard.svg"

# The names in the picture; those of AWS are its documentation's.
VALUES = {
    "App": "thepixstock",
    "Stage": "prod",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
}
COLUMNS = 24
COLUMN, ROW, GAP = 60, 44, 4  # pixels
COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
GREY = "#545b64"


@dataclass(frozen=True)
class Line:
    """One metric or expression of a widget. `dimensions` are names and values by turns; `id` as expressions know it."""

    namespace: str
    metric: str
    dimensions: tuple[str, ...]
    label: str
    statistic: str
    expression: str = ""
    visible: bool = True

    def __str__(self) -> str:
        return f"{self.label} ({self.expression})" if self.expression else self.label


def definition(template: Path = TEMPLATE) -> dict[str, Any]:
    """The dashboard's body as CloudWatch gets it for the names in VALUES."""
    # BaseLoader looks at no tag, so that `!Sub` leaves its text.
    read = yaml.load(template.read_text(), yaml.BaseLoader)  # noqa: S506
    text = read["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    for name, value in VALUES.items():
        text = text.replace(f"${{{name}}}", value)
    body: dict[str, Any] = json.loads(text)
    return body


def lines(widget: dict[str, Any]) -> Iterator[Line]:
    """What a metric widget shows. CloudWatch's short forms, "." and "...", are written out."""
    properties = widget["properties"]
    last: list[str] = []
    for given in properties["metrics"]:
        options = given[-1] if isinstance(given[-1], dict) else {}
        words = [word for word in given if not isinstance(word, dict)]
        if words[:1] == ["..."]:
            words = [*last[: len(last) - len(words) + 1], *words[1:]]
        words = [last[place] if word == "." else word for place, word in enumerate(words)]
        last = words or last
        yield Line(
            namespace=words[0] if words else "",
            metric=words[1] if words else "",
            dimensions=tuple(words[2:]),
            label=options.get("label", words[-1] if words else ""),
            statistic=options.get("stat", properties.get("stat", "Average")),
            expression=options.get("expression", ""),
            visible=options.get("visible", True),
        )


def drawing(body: dict[str, Any]) -> str:
    """The dashboard as SVG, to the scale of CloudWatch's grid."""
    height = max(widget["y"] + widget["height"] for widget in body["widgets"]) * ROW
    shapes = [shape for widget in body["widgets"] for shape in _widget(widget)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS * COLUMN} {height}"'
            ' font-family="Helvetica, Arial, sans-serif">',
            f'<rect width="{COLUMNS * COLUMN}" height="{height}" fill="#f2f3f3"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _widget(widget: dict[str, Any]) -> Iterator[str]:
    x, y = widget["x"] * COLUMN, widget["y"] * ROW
    width, height = widget["width"] * COLUMN - GAP, widget["height"] * ROW - GAP
    properties = widget["properties"]
    if widget["type"] == "text":
        yield _text(x + 12, y + 29, properties["markdown"].lstrip("# "), size=20, bold=True)
        return
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#fff" stroke="#d5dbdb"/>'
    yield _text(x + 12, y + 22, properties["title"], size=14, bold=True)
    if widget["type"] == "alarm":
        prefix = f"{VALUES['App']}-{VALUES['Stage']}-"
        names = [arn.rpartition(":alarm:")[2].removeprefix(prefix) for arn in properties["alarms"]]
        yield from _legend(names, cycle(["#1d8102"]), x + 12, y + 44, width - 24)
        return
    shown = [line for line in lines(widget) if line.visible]
    legend = [str(line) for line in shown]
    if properties["view"] == "singleValue":
        yield _text(x + 12, y + 88, "0", size=44)
        yield _text(x + 46, y + 88, ", ".join(legend), size=12, color=GREY)
        return
    measured = [line for line in lines(widget) if line.metric]
    metrics = "; ".join(
        f"{namespace} {', '.join(dict.fromkeys(line.metric for line in measured if line.namespace == namespace))}"
        for namespace in dict.fromkeys(line.namespace for line in measured)
    )
    statistics = " and ".join(dict.fromkeys(line.statistic for line in measured))
    explained = wrap(f"{statistics} of {metrics}", int((width - 24) / 4.7))
    for row, text in enumerate(explained):
        yield _text(x + 12, y + 38 + row * 12, text, size=10, color=GREY)
    room = _rows(legend, width - 24) * 15
    base = y + height - room - 8
    yield f'<path d="M{x + 12} {y + 36 + len(explained) * 12}V{base}H{x + width - 12}" fill="none" stroke="#aab7b8"/>'
    yield from _legend(legend, cycle(COLORS), x + 12, base + 17, width - 24)


def _columns(entries: list[str], width: int) -> int:
    longest = max(map(len, entries), default=1)
    return max(1, int(width / (longest * 5.9 + 20)))


def _rows(entries: list[str], width: int) -> int:
    return -(-len(entries) // _columns(entries, width))


def _legend(entries: list[str], colors: Iterable[str], x: int, y: int, width: int) -> Iterator[str]:
    columns = _columns(entries, width)
    for place, (entry, color) in enumerate(zip(entries, colors, strict=False)):
        left, top = x + place % columns * (width // columns), y + place // columns * 15
        yield f'<rect x="{left}" y="{top - 8}" width="9" height="9" fill="{color}"/>'
        yield _text(left + 14, top, entry, size=11)


def _text(x: int, y: int, text: str, *, size: int, bold: bool = False, color: str = "#16191f") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}"{weight}>{escape(text)}</text>'


def main() -> int:
    PICTURE.write_text(drawing(definition()))
    print(f"drawn: {PICTURE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
