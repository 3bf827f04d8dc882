"""Rate limits: a counter per subject and fixed window, counted by one conditional write.

| access            | key                                              |
|-------------------|--------------------------------------------------|
| one counter       | pk T#{org}#LIM#{scope}#{subject} / sk {window}   |
"""

import hashlib

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import UpdateError

from chalicelib.core import clock
from chalicelib.core.errors import Limited
from chalicelib.core.table import Record, error_code, stamp_schema, table


class LimitRecord(Record):
    Meta = table("claims")
    keys = ("T#{}#LIM#{*}", "{}")

    n = NumberAttribute(null=True)


_SHARES = 50
_shares: dict[tuple[str, str], tuple[int, int]] = {}
"""What is left of a share, and in which window, by organization and scope."""


def take_share(organization: str, scope: str, *, limit: int, seconds: int) -> None:
    """Count one use of very many. Raises Limited when the window is used up.

    A process takes a fiftieth of the limit at once and counts it down by itself: few writes, never above the limit,
    and what it does not use of its share is lost to the others until the window ends.
    """
    window = clock.epoch(clock.now()) // seconds
    held_in, left = _shares.get((organization, scope), (window, 0))
    if held_in != window or left == 0:
        left = max(1, limit // _SHARES)
        take(organization, scope, "", limit=limit, seconds=seconds, uses=left)
    _shares[organization, scope] = (window, left - 1)


def forget() -> None:
    """Give up all shares: for tests that swap the database."""
    _shares.clear()


def take(organization: str, scope: str, subject: str, *, limit: int, seconds: int, uses: int = 1) -> None:
    """Count one use, or some. Raises Limited, with the seconds to wait, when the window is used up."""
    now = clock.epoch(clock.now())
    window = now // seconds
    record = LimitRecord(_pk(organization, scope, subject), str(window))
    ends = (window + 1) * seconds
    try:
        record.update(
            actions=[LimitRecord.n.add(uses), LimitRecord.ttl.set(ends + 60), stamp_schema(record)],
            condition=LimitRecord.n.does_not_exist() | (LimitRecord.n <= limit - uses),
        )
    except UpdateError as failure:
        if error_code(failure) != "ConditionalCheckFailedException":
            raise
        raise Limited("too_many_requests", "Too many tries. Wait a little.", retry_after=ends - now) from failure


def used(organization: str, scope: str, subject: str, *, seconds: int) -> int:
    """How often the subject was counted in the running window."""
    window = clock.epoch(clock.now()) // seconds
    record = LimitRecord.fetch(_pk(organization, scope, subject), str(window))
    return int(record.n or 0) if record else 0


def _pk(organization: str, scope: str, subject: str) -> str:
    return f"T#{organization}#LIM#{scope}#{hashlib.sha256(subject.encode()).hexdigest()[:32]}"
