"""Facts about saved payment methods."""

from chalicelib.core.queues import Fact


class MethodForgotten(Fact):
    """Somebody took a payment method away; its gateway is to forget it, too. `sealed` is its token as it was kept."""

    user: str
    method: str
    gateway: str
    sealed: str
