"""Paid lines are handed over and shared out; what is given back is withdrawn."""

from collections.abc import Mapping

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.core import clock, outbox
from chalicelib.core.errors import Conflict
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.entitlements import service as entitlements
from chalicelib.orders import store
from chalicelib.orders.messages import OrderCompleted
from chalicelib.orders.model import Line, LineStatus, Order, Status
from chalicelib.orders.service.ending import freed
from chalicelib.revenue import service as revenue
from chalicelib.taxes import service as taxes

_TRIES = 5


def hand_over(organization: str, order_id: str, line_id: str) -> Outcome:
    """Let a line of sale deliver one paid line, then note it on the order."""
    order = store.get(organization, order_id)
    line = next(line for line in order.lines if line.id == line_id)
    if line.status is not LineStatus.HELD:
        return _handed_over(order, line_id)
    lines.of_kind(line.kind).fulfil(order.sold(line))
    for _ in range(_TRIES):
        done = order.fulfilled(line_id, clock.now())
        facts = [OrderCompleted(organization=organization, order=order.id)] if done.status is Status.COMPLETED else []
        try:
            transact(store.save(done, was=order), *map(outbox.publish, facts))
            _withdraw(done, done.line(line_id))
            return Outcome.SUCCESS
        except Conflict:
            order = store.get(organization, order_id)
            if order.line(line_id).status is not LineStatus.HELD:
                return _handed_over(order, line_id)
    raise Conflict("changed_meanwhile", "The order keeps changing.")


def share_out(organization: str, order_id: str, line_id: str) -> Outcome:
    """Credit everybody with their part of one paid line, and owe its tax."""
    order = store.get(organization, order_id)
    line = next(line for line in order.lines if line.id == line_id)
    booked = revenue.book(
        organization,
        order=order.id,
        line=line.id,
        subject=line.subject,
        shares=line.shares,
        currency=order.currency,
    )
    if line.tax is not None:
        base = line.amount - line.tax.amount
        booked |= taxes.book(
            organization, order=order.id, line=line.id, tax=line.tax, base=base, currency=order.currency
        )
    return Outcome.SUCCESS if booked else Outcome.SKIPPED


def clear_cart(organization: str, order_id: str) -> Outcome:
    """What was bought leaves the cart it came from."""
    order = store.get(organization, order_id)
    bought = [ref for line in order.lines for ref in line.refs]
    codes = [each.code for each in order.discounts]
    return Outcome.SUCCESS if carts.forget_bought(organization, order.cart, bought, codes) else Outcome.SKIPPED


def give_back(order: Order, parts: Mapping[str, tuple[int, bool]], why: str, by: str | None) -> tuple[Write, ...]:
    """The writes that note a refund of lines: line id -> (amount, whether the line is withdrawn).

    They hold while the order is as it was read. Stock that is still held for lines that go is released with them; what
    was handed over is withdrawn by `withdraw`, after that.
    """
    after = order.given_back(parts, clock.now(), why, by)
    completed = after.status is Status.COMPLETED and order.status is not Status.COMPLETED
    facts = [OrderCompleted(organization=order.organization, order=order.id)] if completed else []
    gone = [line for line in order.held_lines if after.line(line.id).status is LineStatus.REVOKED]
    return store.save(after, was=order), *freed(order, gone), *map(outbox.publish, facts)


def withdraw(order: Order) -> None:
    """Let the lines of sale take back what was handed over of lines whose money was given back. May run twice.

    What was given back of the others counts as sold no more.
    """
    for line in order.lines:
        _withdraw(order, line)


def _handed_over(order: Order, line_id: str) -> Outcome:
    """Somebody was first. What was handed over of a line whose money went back at that moment is withdrawn again."""
    _withdraw(order, order.line(line_id))
    return Outcome.SKIPPED


def _withdraw(order: Order, line: Line) -> None:
    if line.status is LineStatus.REVOKED:
        lines.of_kind(line.kind).revoke(order.sold(line))
    elif line.refunded:
        entitlements.lower(order.organization, order.id, line.refs, line.amount - line.refunded)
