"""Looking at refunds, and what they know of people."""

from typing import Any

from chalicelib.core import sealing
from chalicelib.core.auth import Principal
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.orders import service as orders
from chalicelib.payments import service as payments
from chalicelib.payments.refunds import store
from chalicelib.payments.refunds.model import Refund


def get(organization: str, order_id: str, refund_id: str) -> Refund:
    return store.get(organization, order_id, refund_id)


def of_order(organization: str, order_id: str) -> list[Refund]:
    return store.of_order(organization, order_id)


def of_payment(principal: Principal, payment_id: str) -> list[Refund]:
    """The refunds of a payment, for its buyer and staff. Raises NotFound."""
    payment = payments.open_payment(principal, payment_id)
    found = store.of_order(payment.organization, payment.order)
    return [refund for refund in found if refund.payment == payment.id]


def list_waiting(principal: Principal, page: PageRequest) -> Page[Refund]:
    return store.waiting(principal.organization, page)


def pay_to(refund: Refund) -> str | None:
    """Where a transfer goes, as its buyer wrote it."""
    return sealing.unseal(refund.organization, purpose(refund.id), refund.pay_to) if refund.pay_to else None


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    """What somebody asked back, and what became of it."""
    return [
        {
            "order": order.code,
            "amount": refund.amount,
            "currency": refund.currency,
            "state": refund.state,
            "reason": refund.reason,
            "pay_to": pay_to(refund),
            "created_at": refund.created_at,
            "ended_at": refund.ended_at,
        }
        for order in orders.of_person(organization, user)
        for refund in store.of_order(organization, order.id)
    ]


def erase_person(organization: str, user: str) -> None:
    """Take the buyer out of all refunds. May run again."""
    for order in orders.of_person(organization, user):
        for refund in store.of_order(organization, order.id):
            gone = refund.without_buyer()
            if gone != refund:
                transact(store.save(gone, was=refund))


def purpose(refund_id: str) -> str:
    return f"pay-to#{refund_id}"
