"""What follows a gateway's webhook."""

from chalicelib.core.queues import Outcome, on
from chalicelib.payments import service
from chalicelib.payments.messages import GatewayNotified


@on(GatewayNotified, queue="payments")
def settle(fact: GatewayNotified) -> Outcome:
    return service.settle(fact.organization, fact.payment, fact.transaction)
