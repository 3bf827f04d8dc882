"""What follows a rejection."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.orders import service as orders
from chalicelib.organizations import service as organizations
from chalicelib.payments.transfers import service
from chalicelib.payments.transfers.messages import TransferRejected


@on(TransferRejected, queue="emails")
def mail_rejection(fact: TransferRejected) -> Outcome:
    """Skipped once it has changed again, and for a buyer who was forgotten."""
    order = orders.get(fact.organization, fact.order)
    transfer = service.find(fact.organization, fact.order, fact.payment)
    if order.buyer is None or transfer is None or transfer.version != fact.version:
        return Outcome.SKIPPED
    return notifications.send_email(
        fact.organization,
        once=f"transfer-rejected#{fact.payment}#{fact.version}",
        to=order.email,
        template="transfer_rejected",
        language=order.language,
        values={
            "order_code": order.code,
            "amount": str(Money(order.total, order.currency)),
            "reason": transfer.reason or "",
            "organization": organizations.get(fact.organization).name,
        },
        reader=Reader(order.owner, page=f"/orders/{order.id}") if order.owner else None,
    )
