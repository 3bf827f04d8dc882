"""What follows a gateway's webhook, and who is told of it at once."""

from chalicelib.core.queues import Outcome, on
from chalicelib.live import service as live
from chalicelib.orders import service as orders
from chalicelib.orders.messages import OrderCancelled, OrderPaid
from chalicelib.payments import cards, service
from chalicelib.payments.messages import GatewayNotified, PaymentUnderReview
from chalicelib.payments.model import State


@on(GatewayNotified, queue="payments")
def settle(fact: GatewayNotified) -> Outcome:
    return service.settle(fact.organization, fact.payment, fact.transaction)


@on(OrderCancelled, queue="payments")
def withdraw_charge(fact: OrderCancelled) -> Outcome:
    return service.withdraw(fact.organization, fact.order)


@on(OrderPaid)
def tell_of_capture(fact: OrderPaid) -> Outcome:
    payment = orders.get(fact.organization, fact.order).payment
    return _tell(fact.organization, fact.order, str(payment), State.CAPTURED)


@on(OrderPaid)
def keep_method(fact: OrderPaid) -> Outcome:
    return cards.keep_paid(fact.organization, fact.order)


@on(PaymentUnderReview)
def tell_of_review(fact: PaymentUnderReview) -> Outcome:
    payment = service.get(fact.organization, fact.payment)
    return _tell(fact.organization, payment.order, payment.id, payment.state)


def _tell(organization: str, order: str, payment: str, state: State) -> Outcome:
    """Whoever looks at the order sees how its payment stands."""
    told = {"payment": payment, "order": order, "status": state.value}
    return live.publish(organization, f"order:{order}", "PaymentUpdate", payment, lambda: told)
