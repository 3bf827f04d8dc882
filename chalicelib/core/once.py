"""Once: idempotency keys and marks of what has been done.

| access                | key                                     |
|-----------------------|-----------------------------------------|
| one claim             | pk T#{org}#CLM#{scope}#{key} / sk -     |

Claims expire by TTL, and are ignored from that moment even while DynamoDB still keeps them.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.core.table import Record, Write, table


class Taken(Conflict):
    """Somebody, perhaps an earlier try of the same caller, has this claim."""

    def __init__(self) -> None:
        super().__init__("claimed_already", "This has been done already.")


class ClaimRecord(Record):
    Meta = table("claims")
    keys = ("T#{}#CLM#{*}", "-")

    fingerprint = UnicodeAttribute(null=True)
    result = UnicodeAttribute(null=True)


def fingerprint(value: Any) -> str:
    """A digest of a request body, the same for the same JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def claim(organization: str, scope: str, key: str, *, result: str, body: str = "", keep: timedelta) -> Write:
    """A write that holds for the first comer only; `Taken` is raised for everybody else."""
    now = clock.epoch(clock.now())
    record = ClaimRecord(
        _pk(organization, scope, key),
        "-",
        fingerprint=body,
        result=result,
        ttl=now + int(keep.total_seconds()),
    )
    free = ClaimRecord.pk.does_not_exist() | (ClaimRecord.ttl < now)
    return Write("put", record, free, refused=Taken())


def recall(organization: str, scope: str, key: str, body: str | None = None) -> str | None:
    """What the claim was made for, or None. Raises Unprocessable when it was made for another body."""
    held = ClaimRecord.fetch(_pk(organization, scope, key), "-")
    if held is None or (held.ttl is not None and held.ttl < clock.epoch(clock.now())):
        return None
    if body is not None and held.fingerprint != body:
        raise Unprocessable(
            "idempotency_key_reused",
            "This Idempotency-Key came with another request before.",
            field="Idempotency-Key",
        )
    return str(held.result)


def _pk(organization: str, scope: str, key: str) -> str:
    return f"T#{organization}#CLM#{scope}#{hashlib.sha256(key.encode()).hexdigest()}"
