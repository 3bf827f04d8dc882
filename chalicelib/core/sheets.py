"""Tables for spreadsheets: CSV (RFC 4180) in which no cell of text is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

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


def decimal(amount: int) -> str:
    """Minor units with two decimals."""
    return str(Decimal(amount).scaleb(-2))
