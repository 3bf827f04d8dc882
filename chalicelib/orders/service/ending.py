"""Orders that come to nothing: taken back, or not paid in time."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib import lines
from chalicelib.audit import service as audit
from chalicelib.core import clock, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, Forbidden
from chalicelib.core.table import Write, transact
from chalicelib.orders import store
from chalicelib.orders.messages import OrderCancelled, OrderExpired
from chalicelib.orders.model import Line, Order, Status
from chalicelib.orders.service.reading import is_buyer, open_order
from chalicelib.promotions import service as promotions

_TRIES = 5
_SWEEP_AT_MOST = 100


def cancel(principal: Principal, order_id: str, reason: str | None) -> Order:
    """Take back an order that nobody has paid, as its buyer, with its token or as staff; its stock is released.

    Twice is once. Money that comes later makes it PAID_LATE. Raises NotFound, Forbidden (staff who only look),
    Conflict `order_status`.
    """
    order = open_order(principal, order_id)
    own = is_buyer(principal, order)
    if not own and not principal.may("order.manage"):
        raise Forbidden("forbidden", "You may not do this.")
    why = f"by {'the buyer' if own else 'staff'}" + (f": {reason}" if reason else "")
    for _ in range(_TRIES):
        if order.status is Status.CANCELLED:
            return order
        cancelled = order.move(Status.CANCELLED, clock.now(), why, principal.user)
        told = [
            audit.entry(
                principal, action="order.cancelled", entity="order", entity_id=order.id,
                before={"status": order.status}, after={"status": cancelled.status},
            )
        ] if not own else []  # fmt: skip
        fact = outbox.publish(OrderCancelled(organization=order.organization, order=order.id))
        try:
            transact(store.save(cancelled, was=order), *_released(order), *told, fact)
            return replace(cancelled, version=order.version + 1)
        except Conflict:
            order = store.get(order.organization, order.id)  # paid, expired or cancelled at the same moment
    raise Conflict("changed_meanwhile", "The order keeps changing.")


def expire_due() -> int:
    """Expire unpaid orders whose time is up; returns how many. Their stock is released in the same commit."""
    expired = 0
    for organization, order_id, correlation in store.overdue(clock.now(), _SWEEP_AT_MOST):
        with log.correlated(correlation):
            try:
                expired += _expire(organization, order_id)
            except AppError as refusal:
                log.warning("order not expired", organization=organization, order=order_id, code=refusal.code)
            except Exception as failure:  # noqa: BLE001 (tried again in a minute; the others have their turn now)
                log.bug("order not expired", failure, organization=organization, order=order_id)
    return expired


def _expire(organization: str, order_id: str) -> bool:
    order = store.get(organization, order_id)
    at = clock.now()
    if order.status is not Status.AWAITING_PAYMENT or order.expires_at > at:
        return False
    transact(
        store.save(order.move(Status.EXPIRED, at, "not paid in time"), was=order),
        *_released(order),
        outbox.publish(OrderExpired(organization=organization, order=order.id)),
    )
    return True


def _released(order: Order) -> list[Write]:
    """The stock and the codes of an order that comes to nothing."""
    return freed(order, order.lines) + promotions.give_back(order.organization, order.id, order.discounts)


def freed(order: Order, some: Sequence[Line]) -> list[Write]:
    """The stock of some lines."""
    return [
        write
        for line in some
        for write in lines.of_kind(line.kind).release(order.organization, line.subject, line.refs, order.id)
    ]
