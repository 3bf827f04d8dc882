"""Money on its way into the books: set aside it is taken or let go, captured it pays its order or waits for people."""

from chalicelib.core import clock, log, metrics, outbox
from chalicelib.core.errors import Conflict
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.payments import gateways, instalments, store
from chalicelib.payments.deposits import holding
from chalicelib.payments.gateways.contract import Status
from chalicelib.payments.messages import PaymentUnderReview
from chalicelib.payments.model import Payment


def book(payment: Payment, status: Status, *more: Write) -> Outcome:
    """One transaction of the ledger, the payment, its order and `more`; a capture with a name is found by it.

    Raises ledger.Booked where it was booked before, Conflict where something changed meanwhile.
    """
    if status.capture is not None:
        more = (*more, store.name_charge(payment, status.capture))
    order = orders.get(payment.organization, payment.order)
    reason = _disagreement(payment, status, order)
    if reason is not None:
        return _to_review(payment, status, reason, *more)
    if instalments.is_one(payment, order):
        return instalments.capture(payment, order, _account_of(payment), status.amount, status.fee, *more)
    at = clock.now()
    entry = ledger.capture(
        payment.id,
        organization=payment.organization,
        order=order.id,
        into=_account_of(payment),
        received=status.amount,
        owed=payment.amount,
        currency=payment.currency,
        at=at,
        fee=status.fee or 0,
        deposit=order.deposit,
    )
    transact(
        *ledger.book(entry),
        *holding.taken(order, payment.id, at),
        store.save(payment.captured(status.amount, at, status.fee), was=payment),
        *orders.pay(order, payment.id),
        *more,
    )
    paid = metrics.of({Metric.ORDERS_PAID: 1, Metric.REVENUE: payment.amount}, Currency=payment.currency)
    log.info("payment captured", paid, organization=order.organization, payment=payment.id, order=order.id)
    return Outcome.SUCCESS


def take_or_let_go(payment: Payment, status: Status) -> None:
    """Take what is set aside where it pays the order as agreed; else its owner has it back, and nobody need refund it.

    Either may have happened already: whoever looks next finds out.
    """
    holder = gateways.holder(payment.gateway)
    account = gateways.account_of(payment.organization, payment.gateway)
    order = orders.get(payment.organization, payment.order)
    reason = _disagreement(payment, status, order)
    try:
        order.refuse_payment(clock.now())
    except Conflict as refusal:
        reason = reason or refusal.code
    if reason is None:
        holder.capture(account, status.transaction_id)
    else:
        log.warning("payment let go", payment=payment.id, order=order.id, reason=reason)
        holder.cancel(account, status.transaction_id)


def _account_of(payment: Payment) -> str:
    """The ledger's account in which its money is: what was transferred is in the bank already."""
    return "bank" if payment.transfer_to is not None else f"gateway:{payment.gateway}"


def _disagreement(payment: Payment, status: Status, order: Order) -> str | None:
    """Why captured money does not simply pay the order, or None when it does."""
    if status.currency != payment.currency:
        return "wrong_currency"
    if status.account not in (None, gateways.account_of(payment.organization, payment.gateway).account):
        return "wrong_account"
    if status.transaction_id != payment.transaction:
        return "unknown_transaction"
    if status.amount != payment.payable:
        return "wrong_amount"
    if order.payment is not None:
        return "order_paid_already"
    if payment.amount > order.due:
        return "more_than_due"
    return None


def _to_review(payment: Payment, status: Status, reason: str, *more: Write) -> Outcome:
    """Book money that does not simply pay the order, once per gateway transaction, and have a person look."""
    at = clock.now()
    own = status.transaction_id == payment.transaction
    entry = ledger.suspense(
        payment.id if own else f"{payment.id}#{status.transaction_id}",
        organization=payment.organization,
        order=payment.order,
        into=_account_of(payment),
        received=status.amount,
        currency=status.currency,
        at=at,
        fee=status.fee or 0,
    )
    if own:
        noted = payment.for_review(reason, status.amount, status.currency, at, status.fee)
    else:
        noted = payment.flagged(reason, status.amount, status.currency)
    transact(
        *ledger.book(entry),
        store.save(noted, was=payment),
        outbox.publish(PaymentUnderReview(organization=payment.organization, payment=payment.id, reason=reason)),
        *more,
    )
    waiting = metrics.of({Metric.PAYMENTS_UNDER_REVIEW: 1})
    log.error("payment under review", waiting, payment=payment.id, order=payment.order, reason=reason)
    return Outcome.SUCCESS
