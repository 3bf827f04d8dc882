"""Webhooks on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from chalicelib.core import clock
from chalicelib.core.wire import Input, Output
from chalicelib.webhooks import model
from chalicelib.webhooks.addresses import LONGEST_URL
from chalicelib.webhooks.model import State, Why
from chalicelib.webhooks.registry import TYPES

Url = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_URL)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Events = Annotated[list[Name], Field(min_length=1, max_length=100)]
Description = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewWebhook(Input):
    """`url` is of a public host, with https. `events` are those of `GET /admin/webhooks/events`."""

    url: Url
    events: Events
    description: Description = ""
    enabled: bool = True


class WebhookChange(Input):
    """What is left out stays."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: bool | None = None


class Webhook(Output):
    """`offBecause` says why nothing is sent: `staff`, `failing` for three days, or `gone` (410).

    Until `overlapUntil` the secret before the last rotation signs, too.
    """

    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    off_at: datetime | None
    off_because: Why | None
    created_at: datetime
    rotated_at: datetime | None
    overlap_until: datetime | None

    @classmethod
    def of(cls, endpoint: model.Endpoint, **more: Any) -> Self:
        former = endpoint.signing(clock.now())
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            events=list(endpoint.events),
            description=endpoint.description,
            enabled=endpoint.enabled,
            off_at=endpoint.off_at,
            off_because=endpoint.off_because,
            created_at=endpoint.created_at,
            rotated_at=endpoint.rotated_at,
            overlap_until=max((each.until for each in former), default=None),
            **more,
        )


class RevealedWebhook(Webhook):
    """`secret` is shown only here."""

    secret: str


class Attempt(Output):
    """One call: `status`, or the name of what went wrong, and the start of what was answered."""

    at: datetime
    ms: int
    status: int | None
    error: str | None
    answer: str = Field(description="Up to 256 signs. Those that are not printed stand as their codes.")


class Delivery(Output):
    """One event on its way to one webhook. `id` is the `webhook-id` of each call; `calls` are those of this round."""

    id: str
    type: str
    state: State
    calls: int
    created_at: datetime
    next_at: datetime | None = Field(description="When it is called again, at the earliest.")
    ended_at: datetime | None
    because: Why | None = Field(description="Why it was given up.")

    @classmethod
    def of(cls, delivery: model.Delivery, **more: Any) -> Self:
        return cls(
            id=delivery.id,
            type=delivery.type,
            state=delivery.state,
            calls=delivery.calls,
            created_at=delivery.created_at,
            next_at=delivery.due_at,
            ended_at=delivery.ended_at,
            because=delivery.because,
            **more,
        )


class FullDelivery(Delivery):
    """With what is sent, as it is sent, and its last 20 calls, the newest last."""

    body: str
    attempts: list[Attempt]

    @classmethod
    def all_of(cls, delivery: model.Delivery) -> Self:
        attempts = [Attempt.model_validate(each) for each in delivery.attempts]
        return cls.of(delivery, body=delivery.body, attempts=attempts)


class EventType(Output):
    """`version` is that of the shape of `data`."""

    name: str
    says: str
    version: int


class EventTypes(Output):
    events: list[EventType]

    @classmethod
    def known(cls) -> Self:
        names = [EventType(name=each.name, says=each.says, version=each.shape.version) for each in TYPES.values()]
        return cls(events=names)
