"""What follows a refund's facts."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.orders import service as orders
from chalicelib.orders.messages import OrderCancelled, OrderExpired
from chalicelib.organizations import service as organizations
from chalicelib.payments.messages import InstalmentLapsed
from chalicelib.payments.refunds import service
from chalicelib.payments.refunds.messages import RefundDeclined, RefundDue, RefundSettled
from chalicelib.payments.refunds.model import Refund, Way


@on(RefundDue, queue="payments")
def submit(fact: RefundDue) -> Outcome:
    return service.submit(fact.organization, fact.order, fact.refund)


@on(OrderExpired, queue="payments")
def give_back_of_expired(fact: OrderExpired) -> Outcome:
    return service.give_back_lapsed(fact.organization, fact.order)


@on(OrderCancelled, queue="payments")
def give_back_of_cancelled(fact: OrderCancelled) -> Outcome:
    return service.give_back_lapsed(fact.organization, fact.order)


@on(InstalmentLapsed, queue="payments")
def give_back_lapsed(fact: InstalmentLapsed) -> Outcome:
    return service.give_back_lapsed(fact.organization, fact.order)


@on(RefundSettled)
def take_back(fact: RefundSettled) -> Outcome:
    return service.take_back(fact.organization, fact.order, fact.refund)


@on(RefundSettled, queue="emails")
def mail_refund(fact: RefundSettled) -> Outcome:
    refund = service.get(fact.organization, fact.order, fact.refund)
    if refund.way is Way.DISPUTE:
        return Outcome.SKIPPED  # the buyer hears of it from the bank
    return _mail(
        refund,
        once=f"refunded#{refund.id}",
        template="refunded",
        by_transfer=refund.way is Way.TRANSFER,
        by_credit=refund.way is Way.CREDIT,
        withdrawn=any(part.whole for part in refund.parts),
    )


@on(RefundDeclined, queue="emails")
def mail_decline(fact: RefundDeclined) -> Outcome:
    refund = service.get(fact.organization, fact.order, fact.refund)
    return _mail(refund, once=f"refund-declined#{refund.id}", template="refund_declined")


def _mail(refund: Refund, *, once: str, template: str, **more: bool) -> Outcome:
    order = orders.get(refund.organization, refund.order)
    if order.buyer is None:
        return Outcome.SKIPPED
    values = {
        "order_code": order.code,
        "amount": str(Money(refund.amount, refund.currency)),
        "organization": organizations.get(refund.organization).name,
    }
    return notifications.send_email(
        refund.organization,
        once=once,
        to=order.email,
        template=template,
        language=order.language,
        values=values | more,
        reader=Reader(order.owner, page=f"/orders/{order.id}") if order.owner else None,
    )
