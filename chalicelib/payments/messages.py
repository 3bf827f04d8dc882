"""Facts about payments."""

from chalicelib.core.queues import Fact


class GatewayNotified(Fact):
    """A gateway's webhook, proven authentic, says that something happened to a payment. Ask the gateway what."""

    payment: str
    transaction: str


class GatewayDisputed(Fact):
    """A gateway's webhook, proven authentic, says that a buyer's bank wants money back. Ask the gateway how it stands.

    `dispute` is the gateway's name for it.
    """

    payment: str
    dispute: str


class InstalmentCaptured(Fact):
    """Some of an order's price is there; the rest is still to come."""

    payment: str


class InstalmentLapsed(Fact):
    """There is money of a part of an order's price, and the order is over or paid otherwise: it goes back."""

    order: str


class PaymentUnderReview(Fact):
    """Money arrived that fits no order as agreed; staff must look."""

    payment: str
    reason: str


class PaymentFailed(Fact):
    """The gateway refused an attempt. Money may still come of it, and would be taken."""

    payment: str


class PaymentExpired(Fact):
    """An attempt was not paid in time, or withdrawn. Money may still come of it, and would be taken."""

    payment: str
