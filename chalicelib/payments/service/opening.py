"""Opening attempts to pay, and withdrawing those that stand in the way."""

from collections.abc import Sequence

from chalicelib.core import clock, ids, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.core.table import Write, transact
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.payments import cards, credit, gateways, hosted, instalments, offering, store
from chalicelib.payments.model import Payment, State
from chalicelib.payments.service.settling import cancel, note, settle

_TRIES = 5
_MOST_ATTEMPTS = 20
_SOMEBODY_WAS_FASTER = {"attempt_taken", "version_conflict", "already_exists"}


def create_payment(
    principal: Principal,
    order_id: str,
    method: str | None = None,
    *,
    amount: int | None = None,
    saved: str | None = None,
    keep: bool = False,
) -> Payment:
    """The attempt to pay an order that is open now, or a new one where none is.

    `method` is a gateway's name, `qr` or `credit`; without one an open attempt goes on, and a new one takes the
    organization's first choice. An open attempt of another method is withdrawn before a new one opens. With an `amount`
    (minor units) it pays so much, beside those that are open for the rest; without one all that credit is not held for.
    The attempt is written down before the gateway is asked. When the answer is lost, the next call asks again for the
    same attempt; of two answers one is kept and the other charge withdrawn. With `credit` for all that is due, or where
    the order costs nothing, the order is paid when this returns. It is paid with the caller's `saved` method,
    or what it will be paid with is kept (`cards.py`).
    Raises Conflict (paid, about to be, expired, not enough credit, `not_in_parts`), Forbidden (credit or card of
    somebody else), NotFound (no such saved method), Unprocessable `method_not_offered`, `more_than_due`, Unavailable
    (the gateway does not answer).
    """
    order = orders.open_order(principal, order_id)
    order.refuse_payment(clock.now())
    if amount is not None:
        instalments.must_take(order, amount)
    if saved is not None or keep:
        method = cards.gateway_of(principal, order, saved, method)
    if method == credit.NAME or not order.total:
        return _pay_with_credit(principal, order, amount)
    standing = _standing(order, method, amount, keeps=saved is not None or keep)
    opened = _charge(standing) if standing.state is State.CREATED else standing
    if saved is not None or keep:
        opened = _prepared(principal, opened, saved)
    return hosted.shown(opened)


def _standing(order: Order, method: str | None, amount: int | None, *, keeps: bool) -> Payment:
    """The attempt that goes on, or a new one for which others made way; at a gateway that `keeps` methods, if asked."""
    at, earlier = clock.now(), store.attempts(order.organization, order.id)
    held = instalments.credit_of(earlier)
    asked = order.due - (held.amount if held else 0) if amount is None else amount
    going = [each for each in reversed(earlier) if each.is_open(at) and each is not held]
    begun = [earlier[-1]] if earlier and earlier[-1].state is State.CREATED else []
    any_goes = [each for each in [*begun, *going] if each.amount <= asked] if (method, amount) == (None, None) else []
    if asked < 1:
        raise Conflict("payment_under_way", "Credit is held for all of this order. Wait for it.")
    wanted = any_goes[0].gateway if any_goes else offering.choose(order.organization, order.currency, asked, method)
    if keeps:
        gateways.keeper(wanted)
    if any_goes:
        return any_goes[0]
    standing = next((each for each in [*begun, *going] if (each.gateway, each.amount) == (wanted, asked)), None)
    beside = [each for each in going if each is not standing and each.gateway != wanted] if amount is not None else []
    staying = _fitting(order.due - asked, [*([held] if held else []), *beside])
    for each in [*going, *([held] if held else [])]:
        if each is not standing and each not in staying:
            _make_way(each)
    return standing or _open_attempt(order, _next_attempt(earlier), wanted, asked)


def _fitting(room: int, attempts: Sequence[Payment]) -> list[Payment]:
    """Those that together pay no more than there is room for, in their order."""
    found = []
    for each in attempts:
        if each.amount <= room:
            found.append(each)
            room -= each.amount
    return found


def _make_way(payment: Payment) -> None:
    """Withdraw an open attempt, so that another may take its place. Raises Conflict where it was or is being paid."""
    order = orders.get(payment.organization, payment.order)
    try:
        if payment.gateway != credit.NAME:
            cancel(payment)
            note(payment, payment.closed(State.EXPIRED, clock.now()))
        elif instalments.is_one(payment, order):
            credit.give_up(payment)
        else:
            settle(payment.organization, payment.id)
    except Unprocessable:
        settle(payment.organization, payment.id)
    orders.get(payment.organization, payment.order).refuse_payment(clock.now())
    now = store.get(payment.organization, payment.id)
    if now.is_open(clock.now()) or now.state is State.CAPTURED:
        raise Conflict("payment_under_way", "Another payment of this order is being processed. Wait for it.")


def _pay_with_credit(principal: Principal, order: Order, amount: int | None) -> Payment:
    """Hold the credit and take it; where another request of the buyer holds it already, go on with that."""
    asked = order.due if amount is None else amount
    for _ in range(_TRIES):
        earlier = store.attempts(order.organization, order.id)
        held = next((each for each in reversed(earlier) if each.gateway == credit.NAME), None)
        try:
            if held is not None and held.state is State.PENDING and held.amount != asked:
                credit.give_up(held)
                continue
            if held is None or held.state is State.EXPIRED:
                held = credit.open_attempt(principal, order, _next_attempt(earlier), asked)
        except Conflict as refusal:
            if refusal.code not in _SOMEBODY_WAS_FASTER:
                raise
            continue
        going = [each for each in reversed(earlier) if each.is_open(clock.now()) and each.gateway != credit.NAME]
        staying = _fitting(order.due - asked, going)
        for each in going:
            if each not in staying:
                _make_way(each)
        settle(held.organization, held.id)
        return store.get(held.organization, held.id)
    raise Conflict("changed_meanwhile", "The payment keeps changing. Try again.")


def _next_attempt(earlier: Sequence[Payment]) -> int:
    if len(earlier) >= _MOST_ATTEMPTS:
        raise Conflict("too_many_attempts", "This order has been tried too often. Place it again.")
    return len(earlier) + 1


def _prepared(principal: Principal, payment: Payment, saved: str | None) -> Payment:
    """As `cards.prepare`, settled where there is nothing left to do, or it was paid at that moment."""
    try:
        prepared = cards.prepare(principal, payment, saved)
        if saved is None or prepared.redirect_url is not None:
            return prepared
        settle(payment.organization, payment.id)
    except Unprocessable:
        settle(payment.organization, payment.id)
        if store.get(payment.organization, payment.id).state is State.PENDING:
            raise
    return store.get(payment.organization, payment.id)


def _open_attempt(order: Order, number: int, gateway: str, amount: int) -> Payment:
    payment = Payment(
        id=ids.derived("pay", order.organization, order.id, str(number)),
        organization=order.organization,
        order=order.id,
        attempt=number,
        gateway=gateway,
        amount=amount,
        currency=order.currency,
        state=State.CREATED,
        created_at=clock.now(),
        correlation=log.correlation(),
    )
    try:
        transact(*store.add(payment), orders.still_payable(order))
    except store.AttemptTaken:
        log.info("attempt shared", payment=payment.id)
    opened = store.get(payment.organization, payment.id)
    if (opened.gateway, opened.amount) != (gateway, amount):
        raise Conflict("changed_meanwhile", "Another payment of this order was opened. Try again.")
    return opened


def _charge(payment: Payment) -> Payment:
    gateway = gateways.of_name(payment.gateway)
    account = gateways.account_of(payment.organization, payment.gateway)
    holds = offering.holds(payment.organization, payment.gateway)
    ask = gateways.holder(payment.gateway).hold if holds else gateway.create
    charge = ask(account, amount=payment.amount, currency=payment.currency, reference=payment.id)
    charged = payment.charged(charge, clock.now())
    try:
        knows = gateways.knows_disputes(payment.gateway)
        named = [store.name_charge(charged, charge.transaction_id)] if knows else []
        transact(store.save(hosted.sealed(charged), was=payment), *_awaited(charged), *named)
    except Conflict:
        kept = store.get(payment.organization, payment.id)
        if kept.transaction != charge.transaction_id:
            gateway.cancel(account, charge.transaction_id)
        return kept
    log.info("payment opened", payment=payment.id, order=payment.order, attempt=payment.attempt)
    return store.get(payment.organization, payment.id)


def _awaited(payment: Payment) -> Sequence[Write]:
    """The order waits as long as its transfer may take."""
    if payment.transfer_to is None or payment.expires_at is None:
        return ()
    return orders.keep_payable(orders.get(payment.organization, payment.order), payment.expires_at)
