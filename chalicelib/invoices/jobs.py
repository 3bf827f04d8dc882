"""What follows a payment and a settled refund."""

from chalicelib.core.queues import Outcome, on
from chalicelib.invoices import service
from chalicelib.orders.messages import OrderPaid
from chalicelib.payments.refunds.messages import RefundSettled


@on(OrderPaid)
def issue_receipt(fact: OrderPaid) -> Outcome:
    return service.issue_receipt(fact.organization, fact.order)


@on(RefundSettled)
def issue_credit_note(fact: RefundSettled) -> Outcome:
    return service.issue_credit_note(fact.organization, fact.order, fact.refund)
