"""What is known of an address from what became of mails to it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from chalicelib.core import ids
from chalicelib.notifications.model import NECESSARY, Kind


class Reason(StrEnum):
    """Why an address is mailed no more."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Suppression:
    """`id` is the digest of `address`, which is sealed, and empty where its owner was erased.

    Without a `reason` mails only failed for a while, `transient` times. `detail` is what the receiver's server or
    provider said: `5.1.1`, `abuse`.
    """

    id: str
    organization: str
    address: str = field(repr=False)
    since: datetime
    at: datetime
    reason: Reason | None = None
    detail: str | None = None
    transient: int = 0
    version: int = 0

    def stops(self, kind: Kind) -> bool:
        """Nothing reaches an address that bounces. Who complained still gets what they need, and the law asks for."""
        if self.reason is Reason.COMPLAINED:
            return kind not in NECESSARY
        return self.reason is Reason.BOUNCED

    def bounced(self, detail: str | None, at: datetime) -> Self:
        return replace(self, reason=Reason.BOUNCED, detail=detail, at=at)

    def complained(self, detail: str | None, at: datetime) -> Self:
        """An address that bounces stays one that does."""
        if self.reason is Reason.BOUNCED:
            return replace(self, at=at)
        return replace(self, reason=Reason.COMPLAINED, detail=detail, at=at)

    def failed(self, detail: str | None, at: datetime) -> Self:
        """For a while: a full mailbox, a server that is down."""
        told = detail if self.reason is None else self.detail
        return replace(self, transient=self.transient + 1, detail=told, at=at)


def address_id(address: str) -> str:
    """Of an address as carriers take it, however its letters are written."""
    return ids.digest(address.lower())
