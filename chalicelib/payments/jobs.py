"""What follows a gateway's webhook, and who is told of it at once."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.live import service as live
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.orders import service as orders
from chalicelib.orders.messages import OrderCancelled, OrderExpired, OrderPaid
from chalicelib.orders.model import Status
from chalicelib.organizations import service as organizations
from chalicelib.payments import cards, service
from chalicelib.payments.messages import GatewayNotified, InstalmentCaptured, PaymentUnderReview
from chalicelib.payments.model import State


@on(GatewayNotified, queue="payments")
def settle(fact: GatewayNotified) -> Outcome:
    return service.settle(fact.organization, fact.payment, fact.transaction)


@on(OrderCancelled, queue="payments")
def withdraw_charge(fact: OrderCancelled) -> Outcome:
    return service.withdraw(fact.organization, fact.order)


@on(OrderExpired, queue="payments")
def release_credit(fact: OrderExpired) -> Outcome:
    return service.release_credit(fact.organization, fact.order)


@on(OrderCancelled, queue="payments")
def release_credit_of_cancelled(fact: OrderCancelled) -> Outcome:
    return service.release_credit(fact.organization, fact.order)


@on(OrderExpired, queue="emails")
def mail_expiry(fact: OrderExpired) -> Outcome:
    """Skipped once it was paid late, for who never began to pay, and for a buyer who was forgotten."""
    order = orders.get(fact.organization, fact.order)
    if order.status is not Status.EXPIRED or order.buyer is None:
        return Outcome.SKIPPED
    if not service.was_begun(fact.organization, fact.order):
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"payment-expired#{order.id}",
        to=order.email,
        template="payment_expired",
        language=order.language,
        values={
            "order_code": order.code,
            "amount": str(Money(order.total, order.currency)),
            "organization": organizations.get(fact.organization).name,
        },
        reader=Reader(order.owner, page=f"/orders/{order.id}") if order.owner else None,
    )


@on(OrderPaid)
def tell_of_capture(fact: OrderPaid) -> Outcome:
    for payment in orders.get(fact.organization, fact.order).payments:
        _tell(fact.organization, fact.order, payment, State.CAPTURED)
    return Outcome.SUCCESS


@on(InstalmentCaptured)
def tell_of_instalment(fact: InstalmentCaptured) -> Outcome:
    order = service.get(fact.organization, fact.payment).order
    return _tell(fact.organization, order, fact.payment, State.CAPTURED)


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
