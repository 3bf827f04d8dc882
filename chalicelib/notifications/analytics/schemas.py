"""Figures of notices on the wire."""

from datetime import date
from typing import Annotated

from pydantic import Field

from chalicelib.core.wire import Output, Query
from chalicelib.notifications.analytics.model import ENOUGH
from chalicelib.notifications.model import Channel

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1))]
Rate = Annotated[int | None, Field(description=f"Hundredths of a percent. Null of fewer than {ENOUGH}.")]


class Period(Query):
    first: Day | None = Field(None, alias="from", description="UTC. Without it 30 days in all.")
    last: Day | None = Field(None, alias="to", description="Included. Without it today.")


class Fives(Output):
    """What people did, in steps of five: `atLeast` 0 and `below` 5 are fewer than five. Days are added."""

    at_least: int
    below: int


class Figures(Output):
    """One notice on one channel. Null is what nobody tells us of on this channel.

    What people did is told of days on which it was sent 20 times or more; null where there was none.
    """

    kind: str = Field(validation_alias="notice", description="As in `/admin/notifications/templates`, or `broadcast`.")
    channel: Channel
    sent: int = Field(description="Messages that were handed over; of `push` and `line` one for each device.")
    delivered: int | None
    bounced: int | None = Field(description="For good or for a while.")
    complained: int | None
    opened: Fives | None = Field(description="Marked as read, one by one.")
    linked: Fives | None = Field(description="Mails whose link counts: to people who consented to `analytics`.")
    clicked: Fives | None = Field(description="Of `linked`, each counts once.")
    delivered_rate: Rate
    bounced_rate: Rate
    complained_rate: Rate
    opened_rate: Rate
    clicked_rate: Rate = Field(description=f"Of `linked`. Hundredths of a percent. Null of fewer than {ENOUGH}.")


class Report(Output):
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    items: list[Figures] = Field(validation_alias="figures")
