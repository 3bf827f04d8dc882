"""Structured logs: one JSON object a line, allow-listed fields only, a correlation id on each.

A field that is not on the list raises at the call, in tests and in production alike: bodies, headers,
tokens, addresses and third parties' exception texts can not slip into a log by accident.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from chalicelib.core import clock, ids

ALLOWED = frozenset(
    {
        "organization", "user", "event", "photo", "order", "payment", "fact", "handler", "queue", "route",
        "method", "status", "code", "error", "count", "attempt", "state", "ms", "where", "outcome", "reason",
    }
)  # fmt: skip

_correlation: ContextVar[str] = ContextVar("correlation", default="-")
_logger = logging.getLogger(__name__)


def correlation() -> str:
    return _correlation.get()


@contextmanager
def correlated(value: str | None) -> Iterator[str]:
    """Everything logged inside carries `value`; a fresh id where there is none yet."""
    value = value or ids.new("cor")
    token = _correlation.set(value)
    try:
        yield value
    finally:
        _correlation.reset(token)


def info(message: str, **fields: object) -> None:
    _write(logging.INFO, message, fields)


def warning(message: str, **fields: object) -> None:
    _write(logging.WARNING, message, fields)


def error(message: str, **fields: object) -> None:
    _write(logging.ERROR, message, fields)


def bug(message: str, failure: BaseException, **fields: object) -> None:
    """An exception nobody expected: its class and where it was raised, never its text."""
    step = failure.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    where = f"{step.tb_frame.f_globals.get('__name__')}:{step.tb_lineno}" if step else "?"
    _write(logging.ERROR, message, fields | {"error": type(failure).__name__, "where": where})


def _write(level: int, message: str, fields: dict[str, object]) -> None:
    unknown = fields.keys() - ALLOWED
    if unknown:
        raise ValueError(f"log fields not on the allow-list: {sorted(unknown)}")
    if not _logger.handlers:
        configure()
    line = {
        "at": clock.stamp(clock.now()),
        "level": logging.getLevelName(level),
        "message": message,
        "correlation": _correlation.get(),
        **{name: value for name, value in fields.items() if value is not None},
    }
    _logger.log(level, "%s", json.dumps(line, ensure_ascii=False, default=_kind))


def _kind(value: object) -> str:
    """Of a value that is no text, number or list only the class: an exception's text is not ours to log."""
    return f"<{type(value).__name__}>"


class _Lines(logging.StreamHandler[TextIO]):
    """Writes to the standard output of the moment, which tests and local runs exchange."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def configure(stream: TextIO | None = None) -> None:
    """Write to `stream` (standard output by default), nothing but the JSON line."""
    handler = logging.StreamHandler(stream) if stream else _Lines(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _logger.handlers[:] = [handler]
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
