"""The only place that reads the time. Tests move it with `travel`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_offset = timedelta()


def now() -> datetime:
    """The current time in UTC, to the millisecond: what DynamoDB keys and JSON both carry exactly."""
    moment = datetime.now(UTC) + _offset
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970, as DynamoDB's TTL and JWT want them."""
    return int(moment.timestamp())


def stamp(moment: datetime) -> str:
    """A sortable text of a UTC time, fixed width, for use inside keys."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@contextmanager
def travel(by: timedelta) -> Iterator[None]:
    """Shift `now()` for the length of a `with` block. For tests and drills, in one process."""
    global _offset
    before, _offset = _offset, _offset + by
    try:
        yield
    finally:
        _offset = before
