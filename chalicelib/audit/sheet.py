"""Entries as a table for a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from chalicelib.audit.model import Entry
from chalicelib.core import clock

_COLUMNS = ("at", "actor", "action", "entity", "entity_id", "before", "after", "source", "session", "correlation", "id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(entries: Iterable[Entry]) -> str:
    """CSV (RFC 4180) with a line of headings. What a spreadsheet would take for a formula begins with `'`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    writer.writerows([_cell(getattr(entry, name)) for name in _COLUMNS] for entry in entries)
    return out.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case dict():
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return clock.stamp(value)
