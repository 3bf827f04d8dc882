"""An order's price in several payments: each is booked as it comes, and the last one makes the order paid.

What came first stays its buyer's until all is there. The order's record has a version, so of two payments that come at
once one is the last. Credit is held until then, and taken in the transaction that makes the order paid: whoever pays
nothing more has it back as it was.
"""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.core import clock, log, metrics, outbox
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Entry
from chalicelib.orders import service as orders
from chalicelib.orders.model import Instalment, Order, Status
from chalicelib.payments import store
from chalicelib.payments.messages import InstalmentCaptured, InstalmentLapsed
from chalicelib.payments.model import Payment, State
from chalicelib.wallet import service as wallet

CREDIT = "credit"


def is_one(payment: Payment, order: Order) -> bool:
    return payment.amount < order.total


def must_take(order: Order, amount: int) -> None:
    """Raises Unprocessable `more_than_due`, Conflict `not_in_parts`: a deposit goes back the way that it came."""
    if amount > order.due:
        raise Unprocessable("more_than_due", f"{order.due} of this order is still to be paid.", field="amount")
    if amount < order.total and order.deposit:
        raise Conflict("not_in_parts", "An order with a deposit is paid at once.")


def credit_of(attempts: Sequence[Payment]) -> Payment | None:
    """The attempt for which credit is held."""
    return next((each for each in attempts if each.gateway == CREDIT and each.state is State.PENDING), None)


def capture(payment: Payment, order: Order, into: str, received: int, fee: int | None, *more: Write) -> Outcome:
    """Book what a gateway captured, with `more`: it pays some of the order, or the rest of it; or it is too late.

    Raises ledger.Booked where it was booked before, Conflict where something changed meanwhile.
    """
    at = clock.now()
    captured = payment.captured(received, at, fee)
    writes = [*ledger.book(_entry(captured, into, at)), store.save(captured, was=payment), *more]
    if order.status is not Status.AWAITING_PAYMENT:
        lapsed = InstalmentLapsed(organization=order.organization, order=order.id)
        transact(*writes, outbox.publish(lapsed))
        log.warning("payment too late", payment=payment.id, order=order.id)
        return Outcome.SUCCESS
    came, held = [captured], credit_of(store.attempts(order.organization, order.id))
    if held is not None and held.amount + payment.amount == order.due:
        spent, taking = _spent(held, order, at)
        came, writes = [spent, captured], [*writes, *taking]
    transact(*writes, *_taken(order, came, at))
    paid = int(sum(each.amount for each in came) == order.due)
    counted = metrics.of({Metric.ORDERS_PAID: paid, Metric.REVENUE: payment.amount}, Currency=payment.currency)
    log.info("payment captured", counted, organization=order.organization, payment=payment.id, order=order.id)
    return Outcome.SUCCESS


def take_credit(payment: Payment, order: Order) -> Outcome:
    """Take what is held: it is the rest of the price. Raises ledger.Booked, Conflict."""
    at = clock.now()
    spent, taking = _spent(payment, order, at)
    transact(*taking, *_taken(order, [spent], at))
    paid = metrics.of({Metric.ORDERS_PAID: 1})
    log.info("paid with credit", paid, organization=order.organization, payment=payment.id, order=order.id)
    return Outcome.SUCCESS


def _spent(held: Payment, order: Order, at: datetime) -> tuple[Payment, list[Write]]:
    """Credit as captured, and the writes that take it. Raises Conflict where it is not held any more."""
    if order.owner is None:
        raise Conflict("buyer_gone", "There is nobody any more whose credit it was.")
    spent = held.captured(held.amount, at)
    entry = _entry(spent, wallet.account(order.owner), at)
    taking = wallet.spend(order.organization, order.owner, held.id)
    return spent, [*ledger.book(entry), taking, store.save(spent, was=held)]


def _taken(order: Order, came: Sequence[Payment], at: datetime) -> list[Write]:
    """What the order becomes by what came, with the entry of its sale where that is the rest of its price."""
    told = [outbox.publish(InstalmentCaptured(organization=each.organization, payment=each.id)) for each in came]
    noted = [*orders.take(order, *(Instalment(each.id, each.amount) for each in came)), *told]
    if sum(each.amount for each in came) < order.due:
        return noted
    before = [store.get(order.organization, each.payment) for each in order.instalments]
    entry = ledger.covered(
        order.id,
        organization=order.organization,
        received=sum(each.received or 0 for each in (*before, *came)),
        owed=order.total,
        currency=order.currency,
        at=at,
    )
    return [*ledger.book(entry), *noted]


def _entry(payment: Payment, into: str, at: datetime) -> Entry:
    return ledger.instalment(
        payment.id,
        organization=payment.organization,
        order=payment.order,
        into=into,
        received=payment.received or 0,
        currency=payment.currency,
        at=at,
        fee=payment.fee or 0,
    )
