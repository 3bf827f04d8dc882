"""An order is paid, in time or too late."""

from dataclasses import replace
from datetime import datetime

from chalicelib import lines
from chalicelib.core import clock, outbox
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.orders import store
from chalicelib.orders.messages import LineDue, OrderPaid, OrderPaidLate
from chalicelib.orders.model import PAYABLE_FOR, Instalment, Order, Status
from chalicelib.promotions import service as promotions


def still_payable(order: Order) -> Write:
    return store.still_payable(order)


def keep_payable(order: Order, until: datetime) -> tuple[Write, ...]:
    """The writes that let an order wait longer for its money; none where it waits that long already."""
    if order.status is not Status.AWAITING_PAYMENT or order.expires_at >= until:
        return ()
    return (store.save(replace(order, expires_at=until), was=order),)


def pay(order: Order, payment: str) -> tuple[Write, ...]:
    """The writes that make an order paid by `payment`. Raises Conflict when it is paid already."""
    paid = order.paid(payment, clock.now())
    return store.save(paid, was=order), *_after_payment(paid)


def take(order: Order, *came: Instalment) -> tuple[Write, ...]:
    """The writes that note what came of an order's price, and make it paid where that is all of it.

    Raises Conflict unless it waits for that.
    """
    noted = order.partly_paid(*came, at=clock.now())
    if noted.due:
        return (store.save(noted, was=order),)
    paid = noted.paid(came[-1].payment, clock.now())
    return store.save(paid, was=order), *_after_payment(paid)


def settle_late(organization: str, order_id: str) -> Outcome:
    """Hold the stock of a late-paid order again and go on as with any paid one.

    Where the stock is gone the order stays PAID_LATE, for staff to refund; the refusal is raised so that it shows.
    """
    order = store.get(organization, order_id)
    if order.status is not Status.PAID_LATE:
        return Outcome.SKIPPED
    at = clock.now()
    paid = order.move(Status.PAID, at, "held again after a late payment")
    held = [
        write
        for line in order.lines
        for write in lines.of_kind(line.kind).hold(organization, line.quoted(), order.id, at + PAYABLE_FOR)
    ]
    counted = promotions.count_again(organization, order.id, order.discounts)
    transact(store.save(paid, was=order), *held, *counted, *_after_payment(paid))
    return Outcome.SUCCESS


def _after_payment(order: Order) -> tuple[Write, ...]:
    """The facts to publish with a payment: one per line to hand over, so that each retries alone."""
    if order.status is Status.PAID_LATE:
        return (outbox.publish(OrderPaidLate(organization=order.organization, order=order.id)),)
    due = [LineDue(organization=order.organization, order=order.id, line=line.id) for line in order.lines]
    paid = OrderPaid(organization=order.organization, order=order.id)
    return (outbox.publish(paid), *map(outbox.publish, due))
