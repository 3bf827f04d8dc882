"""What webhooks tell."""

from pydantic import AwareDatetime

from chalicelib.core.queues import Fact
from chalicelib.webhooks.model import Why


class DeliveryDue(Fact):
    """An endpoint is to be called. `calls` is how many were made before: at another count the message is old."""

    endpoint: str
    delivery: str
    calls: int = 0


class EndpointDisabled(Fact):
    """Nothing reaches an endpoint any more: tell who looks after the organization."""

    endpoint: str
    host: str
    because: Why
    at: AwareDatetime
