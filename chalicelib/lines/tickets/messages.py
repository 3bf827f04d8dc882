"""Facts about tickets."""

from chalicelib.core.queues import Fact


class TicketsIssued(Fact):
    """Tickets of an order to one event are there. `recipient` is who is told, sealed; None once they are forgotten."""

    order: str
    event: str
    recipient: str | None = None
