"""Suppressions on the wire."""

from datetime import datetime
from typing import Self

from pydantic import Field

from chalicelib.core.wire import Output, Paging
from chalicelib.notifications.feedback import model, service


class Listing(Paging):
    email: str | None = Field(None, min_length=3, max_length=254, description="What is known of this address alone.")


class Suppression(Output):
    id: str
    email: str | None = Field(description="Null where it can not be read any more.")
    reason: model.Reason | None = Field(
        description="`bounced` is mailed nothing, `complained` what is necessary. Null: mails failed for a while only."
    )
    detail: str | None = Field(description="A status such as `5.1.1`, or a word such as `abuse`.")
    transient_bounces: int
    since: datetime
    at: datetime = Field(description="When this was heard last.")

    @classmethod
    def of(cls, found: model.Suppression) -> Self:
        return cls(
            id=found.id,
            email=service.address_of(found),
            reason=found.reason,
            detail=found.detail,
            transient_bounces=found.transient,
            since=found.since,
            at=found.at,
        )
