"""Facts about disputes."""

from chalicelib.core.queues import Fact
from chalicelib.payments.disputes.model import State


class DisputeRaised(Fact):
    """A dispute came to a new state: shares follow it, and staff are told."""

    order: str
    dispute: str
    state: State
