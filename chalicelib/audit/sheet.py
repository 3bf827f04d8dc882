"""Entries as a table for a spreadsheet."""

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.audit.model import Entry
from chalicelib.core import clock, sheets

_COLUMNS = ("at", "actor", "action", "entity", "entity_id", "before", "after", "source", "session", "correlation", "id")


def written(entries: Iterable[Entry]) -> str:
    """CSV (RFC 4180) with a line of headings. What a spreadsheet would take for a formula begins with `'`."""
    return sheets.written(_COLUMNS, ([_cell(getattr(entry, name)) for name in _COLUMNS] for entry in entries))


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return sheets.text(value)
        case dict():
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return clock.stamp(value)
