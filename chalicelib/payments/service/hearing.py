"""Webhooks: proven, queued, and answered as their gateways want."""

from chalicelib.core import log, metrics, queues
from chalicelib.core.errors import NotFound, Unauthorized, Unprocessable
from chalicelib.core.metrics import Metric
from chalicelib.payments import gateways, store
from chalicelib.payments.gateways.contract import Gateway, Headers, Notification
from chalicelib.payments.messages import GatewayDisputed, GatewayNotified


def accept_webhook(name: str, raw: bytes, headers: Headers) -> dict[str, object]:
    """Prove a webhook of a gateway and queue it. Returns what the gateway wants to hear.

    Raises NotFound for a gateway that is not known, Unauthorized for anything not provably its own, Unavailable when
    it could not be queued: then the gateway sends it again.
    """
    if name not in gateways.NAMES:
        raise NotFound("unknown_gateway", "There is no such payment service.")
    gateway = gateways.of_name(name)
    try:
        organization, payment, proven = _proven(gateway, name, raw, headers)
    except Unauthorized:
        log.warning("webhook refused", metrics.of({Metric.WEBHOOKS_REFUSED: 1}))
        raise
    if proven.dispute is None:
        queues.tell(GatewayNotified(organization=organization, payment=payment, transaction=proven.transaction_id))
    else:
        queues.tell(GatewayDisputed(organization=organization, payment=payment, dispute=proven.dispute))
    return gateway.acknowledgement(proven)


def _proven(gateway: Gateway, name: str, raw: bytes, headers: Headers) -> tuple[str, str, Notification]:
    """Whose webhook it is, about which payment, and what it says. Raises Unauthorized."""
    claimed = gateway.locate(raw, headers)
    try:
        payment = claimed.reference or store.behind(name, claimed.transaction_id)
        place = store.locate(payment)
        account = gateways.account_of(place.organization, name)
    except (NotFound, Unprocessable) as unknown:
        raise Unauthorized("invalid_signature", "This is not a webhook of ours.") from unknown
    if place.gateway not in (None, name):
        raise Unauthorized("invalid_signature", "This payment goes through another payment service.")
    return place.organization, payment, gateway.verify(account, raw, headers)
