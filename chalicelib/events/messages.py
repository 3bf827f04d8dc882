"""Facts about events."""

from chalicelib.core.queues import Fact


class EventDeleted(Fact):
    """Hidden for good."""

    event: str
