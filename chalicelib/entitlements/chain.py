"""What happened to an order's delivery: a log in which each entry holds the digest of the one before."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.core import clock
from chalicelib.core.signing import canonical

START = "0" * 64
"""What stands for the digest before the first entry."""

Facts = Mapping[str, str | int]


class Step(StrEnum):
    """`link_issued`: an address was handed out. `bytes_served`: whoever fetched it named the digest of what came."""

    PAID = "paid"
    LINK_ISSUED = "link_issued"
    BYTES_SERVED = "bytes_served"
    ARCHIVE_ASKED = "archive_asked"
    ARCHIVE_BUILT = "archive_built"
    RENEWED = "renewed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Entry:
    """`number` counts from 1 without gaps; `digest` is the SHA-256 (hex) of all the rest in canonical JSON."""

    organization: str
    order: str
    number: int
    step: Step
    at: datetime
    facts: Facts
    previous: str
    digest: str

    @classmethod
    def after(
        cls, last: "Entry | None", organization: str, order: str, step: Step, facts: Facts, at: datetime
    ) -> "Entry":
        number, previous = (last.number + 1, last.digest) if last else (1, START)
        told = _told(order, number, step, at, facts, previous)
        digest = hashlib.sha256(canonical(told)).hexdigest()
        return cls(organization, order, number, step, at, facts, previous, digest)

    @property
    def told(self) -> dict[str, Any]:
        """The entry as a document."""
        rest = _told(self.order, self.number, self.step, self.at, self.facts, self.previous)
        return {**rest, "digest": self.digest}


def is_whole(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether told entries are a chain from its start: none left out, changed, moved or put between."""
    previous = START
    for number, entry in enumerate(entries, start=1):
        rest = {name: value for name, value in entry.items() if name != "digest"}
        digest = hashlib.sha256(canonical(rest)).hexdigest()
        if (entry.get("number"), entry.get("previous"), entry.get("digest")) != (number, previous, digest):
            return False
        previous = digest
    return True


def _told(order: str, number: int, step: Step, at: datetime, facts: Facts, previous: str) -> dict[str, Any]:
    return {
        "order": order,
        "number": number,
        "step": step.value,
        "at": clock.stamp(at),
        "facts": dict(facts),
        "previous": previous,
    }
