"""What follows a payment."""

from chalicelib.core.money import Money
from chalicelib.core.queues import Outcome, on
from chalicelib.entitlements import service as entitlements
from chalicelib.live import service as live
from chalicelib.notifications import service as notifications
from chalicelib.notifications.service import Reader
from chalicelib.orders import service
from chalicelib.orders.messages import (
    ConfirmationDue,
    LineDue,
    OrderCancelled,
    OrderCompleted,
    OrderExpired,
    OrderPaid,
    OrderPaidLate,
)
from chalicelib.orders.model import LineStatus, Order
from chalicelib.organizations import service as organizations


@on(LineDue)
def hand_over(fact: LineDue) -> Outcome:
    return service.hand_over(fact.organization, fact.order, fact.line)


@on(LineDue)
def share_out(fact: LineDue) -> Outcome:
    return service.share_out(fact.organization, fact.order, fact.line)


@on(OrderPaid)
def clear_cart(fact: OrderPaid) -> Outcome:
    return service.clear_cart(fact.organization, fact.order)


@on(OrderPaidLate)
def settle_late(fact: OrderPaidLate) -> Outcome:
    return service.settle_late(fact.organization, fact.order)


@on(OrderCompleted, queue="emails")
def mail_downloads(fact: OrderCompleted) -> Outcome:
    return _mail_downloads(fact.organization, fact.order, f"download-ready#{fact.order}")


@on(ConfirmationDue, queue="emails")
def mail_downloads_again(fact: ConfirmationDue) -> Outcome:
    return _mail_downloads(fact.organization, fact.order, f"download-ready#{fact.order}#{fact.asked}")


def _mail_downloads(organization: str, order_id: str, once: str) -> Outcome:
    order = service.get(organization, order_id)
    granted_ever = entitlements.of_order(organization, order_id)
    if not granted_ever:
        return _mail_receipt(order, once)
    grants = [grant for grant in granted_ever if not grant.revoked]
    if not grants or order.buyer is None:
        return Outcome.SKIPPED
    granted = {grant.resource for grant in grants}
    policy, link = organizations.get(organization), entitlements.link(order.organization, order.id)
    return notifications.send_email(
        organization,
        once=once,
        to=order.email,
        template="download_ready",
        language=order.language,
        values={
            "order_code": order.code,
            "items": [
                {"title": line.title, "count": len(line.refs)}
                for line in order.lines
                if line.status is not LineStatus.REVOKED and not granted.isdisjoint(line.refs)
            ],
            "total": str(Money(order.total - order.refunded, order.currency)),
            "link": link,
            "invoice": f"{link}/invoice" if order.total else None,  # what cost nothing has no receipt
            "hours": max(grant.hours for grant in grants),
            "limit": max(grant.limit for grant in grants),
            "organization": policy.name,
            "expires_at": max(grant.expires_at for grant in grants),
        },
        reader=Reader(order.owner, page=f"/orders/{order.id}") if order.owner else None,
    )


def _mail_receipt(order: Order, once: str) -> Outcome:
    """For an order of which nothing is downloaded: no other mail leads to its receipt. Skipped where it has none."""
    if order.buyer is None or order.payment is None or not order.total:
        return Outcome.SKIPPED
    return notifications.send_email(
        order.organization,
        once=once,
        to=order.email,
        template="invoice_ready",
        language=order.language,
        values={
            "order_code": order.code,
            "items": [{"title": line.title, "count": len(line.refs)} for line in order.lines],
            "total": str(Money(order.total, order.currency)),
            "link": f"{entitlements.link(order.organization, order.id)}/invoice",
            "organization": organizations.get(order.organization).name,
        },
        reader=Reader(order.owner, page=f"/orders/{order.id}") if order.owner else None,
    )


# --- who looks at the order right now -----------------------------------------------------------------------


@on(OrderPaid)
def tell_of_payment(fact: OrderPaid) -> Outcome:
    return _tell(fact)


@on(OrderPaidLate)
def tell_of_late_payment(fact: OrderPaidLate) -> Outcome:
    return _tell(fact)


@on(OrderCompleted)
def tell_of_completion(fact: OrderCompleted) -> Outcome:
    return _tell(fact)


@on(OrderExpired)
def tell_of_expiry(fact: OrderExpired) -> Outcome:
    return _tell(fact)


@on(OrderCancelled)
def tell_of_cancelling(fact: OrderCancelled) -> Outcome:
    return _tell(fact)


def _tell(fact: OrderPaid | OrderPaidLate | OrderCompleted | OrderExpired | OrderCancelled) -> Outcome:
    def update() -> dict[str, str]:
        return {"order": fact.order, "status": service.get(fact.organization, fact.order).status}

    return live.publish(fact.organization, f"order:{fact.order}", "OrderUpdate", type(fact).__name__, update)
