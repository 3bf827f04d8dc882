"""Paying with the buyer's credit, all of an order or a part: held by the attempt, taken when the order is paid.

An order that costs nothing is paid here, too, by whoever may open it: no credit is held for it. There is no gateway to
ask: the order itself says whether what is held is still wanted. The attempt has the same record and ranks as any other,
so the sweep ends what was cut off between the two.
"""

from collections import Counter
from dataclasses import replace

from chalicelib.core import clock, ids, log, metrics
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order, Status
from chalicelib.payments import ending, instalments, store
from chalicelib.payments.deposits import holding
from chalicelib.payments.model import Payment, State
from chalicelib.wallet import service as wallet

NAME = instalments.CREDIT
"""What stands where other attempts name their gateway."""

_NOBODY = "nobody"
"""The account against which the capture of nothing is booked, so that each paid order has one."""


def open_attempt(principal: Principal, order: Order, number: int, amount: int) -> Payment:
    """An attempt for which so much of the caller's credit is held.

    Raises Forbidden `credit_is_the_buyers`, Conflict (`not_for_credit`, `not_enough_credit`, or somebody was faster:
    read the attempts again).
    """
    if order.total and (order.owner is None or order.owner != principal.user):
        raise Forbidden("credit_is_the_buyers", "Only the buyer's own credit pays for an order. Sign in.")
    if order.total and any(not line.shares for line in order.lines):
        raise Conflict("not_for_credit", "Credit can not be bought with credit.")
    payment = Payment.held(
        id=ids.derived("pay", order.organization, order.id, str(number)),
        organization=order.organization,
        order=order.id,
        attempt=number,
        gateway=NAME,
        amount=amount,
        currency=order.currency,
        at=clock.now(),
        expires_at=order.expires_at,
        correlation=log.correlation(),
    )
    transact(*store.add(payment), orders.still_payable(order), *_held(order, payment))
    return store.get(payment.organization, payment.id)


def settle(payment: Payment) -> Outcome:
    """Take what is held where it is the rest of the price, or give it back where the order can not be paid any more.

    Raises Conflict where one of them changed meanwhile.
    """
    order = orders.get(payment.organization, payment.order)
    at = clock.now()
    waits = order.status is Status.AWAITING_PAYMENT and at < order.expires_at
    if waits and payment.amount <= order.due and (order.owner or not order.total):
        if payment.amount < order.due:
            transact(store.save(payment.checked(at), was=payment))
            return Outcome.SKIPPED
        return instalments.take_credit(payment, order) if instalments.is_one(payment, order) else _take(payment, order)
    return give_up(payment)


def give_up(payment: Payment) -> Outcome:
    """What is held may be spent again. Raises Conflict where it changed meanwhile."""
    order, at = orders.get(payment.organization, payment.order), clock.now()
    back = wallet.release(order.organization, order.owner, payment.id) if order.owner is not None else ()
    ended = replace(payment.closed(State.EXPIRED, at), next_check_at=None)
    transact(store.save(ended, was=payment), *back, *ending.told(payment, ended))
    log.info("credit given back", payment=payment.id, order=order.id)
    return Outcome.SUCCESS


def _held(order: Order, payment: Payment) -> list[Write]:
    if not order.total or order.owner is None:
        return []
    charges: Counter[str] = Counter()
    for line in order.lines:
        charges[line.subject] += line.amount + (line.deposit.amount if line.deposit else 0)
    return [wallet.hold(order.organization, order.owner, payment.id, charges, payment.amount)]


def _take(payment: Payment, order: Order) -> Outcome:
    at, spender = clock.now(), order.owner if order.total else None
    entry = ledger.spending(
        payment.id,
        organization=order.organization,
        order=order.id,
        account=wallet.account(spender) if spender else _NOBODY,
        amount=payment.amount,
        currency=payment.currency,
        at=at,
        deposit=order.deposit,
    )
    transact(
        *ledger.book(entry),
        *holding.taken(order, payment.id, at),
        *([wallet.spend(order.organization, spender, payment.id)] if spender else []),
        store.save(payment.captured(payment.amount, at), was=payment),
        *orders.pay(order, payment.id),
    )
    # Not revenue: that was counted when the credit was bought.
    paid = metrics.of({Metric.ORDERS_PAID: 1})
    log.info("paid with credit", paid, organization=order.organization, payment=payment.id, order=order.id)
    return Outcome.SUCCESS
