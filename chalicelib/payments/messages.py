"""Facts about payments."""

from chalicelib.core.queues import Fact


class GatewayNotified(Fact):
    """A gateway's webhook, proven authentic, says that something happened to a payment. Ask the gateway what."""

    payment: str
    transaction: str


class PaymentUnderReview(Fact):
    """Money arrived that fits no order as agreed; staff must look."""

    payment: str
    reason: str
