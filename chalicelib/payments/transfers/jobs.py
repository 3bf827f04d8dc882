"""What follows a rejection."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.payments import service as payments
from chalicelib.payments.transfers import service
from chalicelib.payments.transfers.messages import TransferRejected


@on(TransferRejected, queue="emails")
def mail_rejection(fact: TransferRejected) -> Outcome:
    """Skipped once it has changed again, and for a buyer who was forgotten."""
    payment = payments.get(fact.organization, fact.payment)
    transfer = service.find(payment)
    order = orders.get(fact.organization, fact.order)
    if order.buyer is None or transfer is None or transfer.version != fact.version:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"transfer-rejected#{payment.id}#{fact.version}",
        to=order.email,
        template="transfer_rejected",
        language=order.language,
        values={
            "order_code": order.code,
            "amount": str(Money(payment.amount, payment.currency)),
            "reason": transfer.reason or "",
            "organization": organizations.get(fact.organization).name,
        },
    )
