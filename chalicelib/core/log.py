"""Structured logs: one JSON object a line, allow-listed fields only, a correlation id on each.

INFO is what happened, WARNING what will be tried again by itself, ERROR what somebody should look at. Every line is
written: metrics are members of lines, and half a story explains nothing.

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
from chalicelib.core.metrics import Measured
from chalicelib.core.settings import settings, trace_id

ALLOWED = frozenset(
    {
        "organization", "user", "event", "photo", "order", "payment", "payout", "fact", "handler", "queue", "route",
        "method", "status", "code", "error", "count", "attempt", "state", "ms", "where", "outcome", "reason",
        "order_code", "template",
    }
)  # fmt: skip

_correlation: ContextVar[str] = ContextVar("correlation", default="-")
_call: ContextVar[dict[str, object] | None] = ContextVar("call", default=None)
_warm: set[str] = set()
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


def adopt(value: str | None) -> None:
    """The rest of the innermost `correlated` carries `value`: for work whose cause is known only once it was read."""
    if value:
        _correlation.set(value)


@contextmanager
def called(function: str, id: str) -> Iterator[None]:
    """Everything logged inside says which Lambda function wrote it, in which of Lambda's calls and X-Ray traces.

    `function` is its full name, of which the short one is kept. `cold` marks its first call in this process. What
    nothing else caused, such as a schedule's work, is correlated by the call itself.
    """
    short = function.removeprefix(f"{settings().app}-{settings().stage}-")
    cold = None if short in _warm else True
    _warm.add(short)
    token = _call.set({"function": short, "lambda": id, "trace": trace_id(), "cold": cold})
    try:
        with correlated(id):
            yield
    finally:
        _call.reset(token)


def info(message: str, measured: Measured | None = None, /, **fields: object) -> None:
    _write(logging.INFO, message, fields, measured)


def warning(message: str, measured: Measured | None = None, /, **fields: object) -> None:
    _write(logging.WARNING, message, fields, measured)


def error(message: str, measured: Measured | None = None, /, **fields: object) -> None:
    _write(logging.ERROR, message, fields, measured)


def bug(message: str, failure: BaseException, **fields: object) -> None:
    """An exception nobody expected: its class and where it was raised, never its text."""
    step = failure.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    where = f"{step.tb_frame.f_globals.get('__name__')}:{step.tb_lineno}" if step else "?"
    _write(logging.ERROR, message, fields | {"error": type(failure).__name__, "where": where})


def _write(level: int, message: str, fields: dict[str, object], measured: Measured | None = None) -> None:
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
        **{name: value for name, value in ((_call.get() or {}) | fields).items() if value is not None},
        **(measured.members if measured else {}),
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
