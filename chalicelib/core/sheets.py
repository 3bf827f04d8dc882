"""Tables for spreadsheets: CSV (RFC 4180) in which no cell of text is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A line of headings, then the rows; texts that others wrote have gone through `text` before."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def text(value: str) -> str:
    """What a spreadsheet would take for a formula begins with `'`."""
    return f"'{value}" if value.startswith(_FORMULA) else value
