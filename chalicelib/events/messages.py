"""Facts about events."""

from chalicelib.core.queues import Fact


class EventDeleted(Fact):
    """Hidden for good."""

    event: str


class ClockSet(Fact):
    """A photographer's clock at an event is off by another time than before. `cursor` is where it goes on."""

    event: str
    photographer: str
    cursor: str | None = None


class EventWentLive(Fact):
    """Its photos can be seen for the first time. Told once of each event."""

    event: str
