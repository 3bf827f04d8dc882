"""Codes that link an account of LINE.

| access                       | key                                          |
|------------------------------|----------------------------------------------|
| whose a code is              | pk T#{org}#LINECODE#{digest} / sk -          |

Codes are kept as digests, and go by TTL.
"""

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Moment, Record, Write, create, table


class LineCodeRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#LINECODE#{}", "-")

    user = UnicodeAttribute()
    expires_at = Moment()


def add(organization: str, code: str, user: str, expires_at: datetime) -> Write:
    ttl = clock.epoch(expires_at)
    return create(LineCodeRecord(_pk(organization, code), "-", user=user, expires_at=expires_at, ttl=ttl))


def user_of(organization: str, code: str, now: datetime) -> str | None:
    """None for a code that is none, or was used, or is too old."""
    record = LineCodeRecord.fetch(_pk(organization, code), "-")
    return record.user if record and record.expires_at > now else None


def use(organization: str, code: str) -> Write:
    """A write that holds for the first who uses it."""
    record = LineCodeRecord(_pk(organization, code), "-")
    used = NotFound("code_over", "This code has been used, or it has expired.")
    return Write("delete", record, LineCodeRecord.pk.exists(), refused=used)


def _pk(organization: str, code: str) -> str:
    return f"T#{organization}#LINECODE#{ids.digest(code)}"
