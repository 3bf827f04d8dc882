"""Parts of a price of which the rest never came: they go back as they came, without anybody's word."""

from dataclasses import replace

from chalicelib.core import clock, log
from chalicelib.core.errors import Conflict
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order, Status
from chalicelib.payments import instalments
from chalicelib.payments import store as payment_store
from chalicelib.payments.model import Payment, State
from chalicelib.payments.refunds import store
from chalicelib.payments.refunds.service.deciding import draft, due_of, opened, way_of_money

_TRIES = 8
_WHY = "not paid in full"


def give_back_lapsed(organization: str, order_id: str) -> Outcome:
    """Begin to give back what was captured of an order that it did not pay, once for each payment.

    Whether an order that is over was paid by a payment never changes. Raises Conflict where it keeps changing.
    """
    order = orders.get(organization, order_id)
    if order.status is Status.AWAITING_PAYMENT:
        return Outcome.SKIPPED
    found = [each for each in payment_store.attempts(organization, order_id) if _is_lapsed(each, order)]
    for payment in found:
        _give_back(payment)
    return Outcome.SUCCESS if found else Outcome.SKIPPED


def _is_lapsed(payment: Payment, order: Order) -> bool:
    captured = payment.state is State.CAPTURED and payment.id not in order.payments
    return captured and instalments.is_one(payment, order)


def _give_back(payment: Payment) -> None:
    for _ in range(_TRIES):
        at = clock.now()
        lapsed = payment.lapsed(at)
        earlier = store.of_order(payment.organization, payment.order)
        drawn = replace(draft(lapsed, earlier, _WHY, None), excess=lapsed.waiting)
        refund = drawn.submitted(way_of_money(lapsed, None), None, at)
        entry = ledger.lapse(
            payment.id,
            organization=payment.organization,
            order=payment.order,
            received=payment.received or 0,
            currency=payment.currency,
            at=at,
        )
        aside = lapsed.reserved(refund.amount, refund.excess)
        begun = *opened(refund), *due_of(refund)
        try:
            transact(*ledger.book(entry), payment_store.save(aside, was=payment), *begun)
        except ledger.Booked:
            return
        except Conflict:
            payment = payment_store.get(payment.organization, payment.id)
            continue
        log.info("part given back", organization=payment.organization, payment=payment.id, order=payment.order)
        return
    raise Conflict("changed_meanwhile", "The payment keeps changing.")
