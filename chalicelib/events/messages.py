"""Facts about events."""

from chalicelib.core.queues import Fact


class EventDeleted(Fact):
    """Hidden for good."""

    event: str


class EventWentLive(Fact):
    """Its photos can be seen for the first time. Told once of each event."""

    event: str
