"""What follows a refund's facts."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.payments.refunds import service
from chalicelib.payments.refunds.messages import RefundDeclined, RefundDue, RefundSettled


@on(RefundDue, queue="payments")
def submit(fact: RefundDue) -> Outcome:
    return service.submit(fact.organization, fact.order, fact.refund)


@on(RefundSettled)
def take_back(fact: RefundSettled) -> Outcome:
    return service.take_back(fact.organization, fact.order, fact.refund)


@on(RefundSettled, queue="emails")
def mail_refund(fact: RefundSettled) -> Outcome:
    order = orders.get(fact.organization, fact.order)
    refund = service.get(fact.organization, fact.order, fact.refund)
    if order.buyer is None:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"refunded#{refund.id}",
        to=order.email,
        template="refunded",
        language=order.language,
        values={
            "order_code": order.code,
            "amount": str(Money(refund.amount, refund.currency)),
            "by_transfer": refund.way == "transfer",
            "by_credit": refund.way == "credit",
            "withdrawn": any(part.whole for part in refund.parts),
            "organization": organizations.get(fact.organization).name,
        },
    )


@on(RefundDeclined, queue="emails")
def mail_decline(fact: RefundDeclined) -> Outcome:
    order = orders.get(fact.organization, fact.order)
    refund = service.get(fact.organization, fact.order, fact.refund)
    if order.buyer is None:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"refund-declined#{refund.id}",
        to=order.email,
        template="refund_declined",
        language=order.language,
        values={
            "order_code": order.code,
            "amount": str(Money(refund.amount, refund.currency)),
            "organization": organizations.get(fact.organization).name,
        },
    )
