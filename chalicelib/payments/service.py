"""Payments: open an attempt, ask the gateway, settle exactly once.

Webhook, sweep and the buyer's polling all end in `settle`, which believes nobody but the gateway's own answer.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from chalicelib.core import clock, ids, log, metrics, queues
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound, Unauthorized, Unavailable, Unprocessable
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.payments import booking, cards, credit, ending, gateways, hosted, offering, store
from chalicelib.payments.gateways.contract import Gateway, GatewayAccount, Headers, Notification, Status
from chalicelib.payments.messages import GatewayDisputed, GatewayNotified
from chalicelib.payments.model import Payment, State

_TRIES = 5
_MOST_ATTEMPTS = 20
_SWEEP_LASTS = timedelta(seconds=40)
"""Of the minute that the function has; one gateway that is silent takes ten seconds more."""
_ASK_AGAIN_SECONDS = 3
_OPENING_SECONDS = 60
_SOMEBODY_WAS_FASTER = {"attempt_taken", "version_conflict", "already_exists"}


def create_payment(
    principal: Principal, order_id: str, method: str | None = None, *, saved: str | None = None, keep: bool = False
) -> Payment:
    """The attempt to pay an order that is open now, or a new one where none is.

    `method` is a gateway's name, `qr` or `credit`; without one an open attempt goes on, and a new one takes the
    organization's first choice. An open attempt of another method is withdrawn before a new one opens.
    The attempt is written down before the gateway is asked. When the answer is lost, the next call asks again for the
    same attempt; of two answers one is kept and the other charge withdrawn. With `credit`, or where the order costs
    nothing, nothing is left to pay: the order is paid when this returns. It is paid with the caller's `saved` method,
    or what it will be paid with is kept (`cards.py`).
    Raises Conflict (paid, about to be, expired, not enough credit), Forbidden (credit or card of somebody else),
    NotFound (no such saved method), Unprocessable `method_not_offered`, Unavailable (the gateway does not answer).
    """
    order = orders.open_order(principal, order_id)
    at = clock.now()
    order.refuse_payment(at)
    if saved is not None or keep:
        method = cards.gateway_of(principal, order, saved, method)
    if method == credit.NAME or not order.total:
        return _pay_with_credit(principal, order)
    earlier = store.attempts(order.organization, order.id)
    going = [each for each in earlier if each.is_open(at)]
    begun = earlier[-1] if earlier and earlier[-1].state is State.CREATED else None
    standing = begun or (going[-1] if going else None)
    if method is None and standing is not None:
        wanted = standing.gateway
    else:
        wanted = offering.choose(order.organization, order.currency, order.total, method)
    if saved is not None or keep:
        gateways.keeper(wanted)
    for each in going:
        if each.gateway != wanted:
            _make_way(each)
    if standing is None or standing.gateway != wanted:
        standing = _open_attempt(order, _next_attempt(earlier), wanted)
    opened = _charge(standing) if standing.state is State.CREATED else standing
    if saved is not None or keep:
        opened = _prepared(principal, opened, saved)
    return hosted.shown(opened)


def read_payment(principal: Principal, payment_id: str) -> Payment:
    """A payment as it stands. While it is open the gateway is asked, at most every three seconds or as it wants."""
    payment = open_payment(principal, payment_id)
    at = clock.now()
    asked = payment.checked_at or payment.created_at
    pause = max(_ASK_AGAIN_SECONDS, payment.ask_every or 0)
    if payment.state is State.PENDING and (at - asked).total_seconds() >= pause:
        try:
            settle(payment.organization, payment.id)
        except (Unavailable, Conflict) as refusal:
            # The stored state is still a true answer; the sweep will ask again.
            log.warning("payment not refreshed", payment=payment.id, code=refusal.code)
        payment = store.get(principal.organization, payment_id)
    return hosted.shown(payment)


def open_payment(principal: Principal, payment_id: str) -> Payment:
    """A payment for whoever may open its order. Everybody else learns nothing: NotFound."""
    payment = store.get(principal.organization, payment_id)
    try:
        orders.open_order(principal, payment.order)
    except NotFound as hidden:
        raise NotFound("payment_not_found", "There is no such payment.") from hidden
    return payment


def accept_webhook(name: str, raw: bytes, headers: Headers) -> dict[str, object]:
    """Prove a webhook of a gateway and queue it. Returns what the gateway wants to hear.

    Raises NotFound for a gateway that is not known, Unauthorized for anything not provably its own, Unavailable when
    it could not be queued: then the gateway sends it again.
    """
    if name not in gateways.NAMES:
        raise NotFound("unknown_gateway", "There is no such payment service.")
    gateway = gateways.of_name(name)
    try:
        organization, payment, proven = _proven(gateway, name, raw, headers)
    except Unauthorized:
        log.warning("webhook refused", metrics.of({Metric.WEBHOOKS_REFUSED: 1}))
        raise
    if proven.dispute is None:
        queues.tell(GatewayNotified(organization=organization, payment=payment, transaction=proven.transaction_id))
    else:
        queues.tell(GatewayDisputed(organization=organization, payment=payment, dispute=proven.dispute))
    return gateway.acknowledgement(proven)


def settle(organization: str, payment_id: str, transaction: str | None = None) -> Outcome:
    """Ask the gateway about a payment and book what it says.

    `transaction` is the gateway's own id where a webhook named one; it may be one we never heard of, when the answer
    to our request was lost.
    """
    for _ in range(_TRIES):
        payment = store.get(organization, payment_id)
        if payment.gateway == credit.NAME:
            if payment.is_final or payment.state is State.EXPIRED:
                return Outcome.SKIPPED
            with suppress(Conflict):
                return credit.settle(payment)
            continue
        asked = transaction or payment.transaction
        if asked is None or (payment.is_final and asked == payment.transaction):
            return Outcome.SKIPPED
        if payment.state is State.CREATED and _age(payment) < _OPENING_SECONDS:
            # A webhook that overtook the answer to our own request: its transaction is about to be written down.
            raise Unavailable("payment_opening", "The payment is still being opened.", retry_after=5)
        gateway = gateways.of_name(payment.gateway)
        status = gateway.check(_known_as(payment), asked)
        if status.state == "authorized" and status.reference == payment.id:
            booking.take_or_let_go(payment, status)
            continue
        try:
            return _apply(payment, status)
        except ledger.Booked:
            return Outcome.SKIPPED
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The payment keeps changing.")


def book_by_hand(payment: Payment, received: int, *more: Write) -> None:
    """Book money that people agreed came, in minor units of the payment's currency, with the writes that note it.

    Raises Conflict where it changed meanwhile.
    """
    assert payment.transaction is not None
    agreed = Status(payment.transaction, "captured", received, payment.currency, payment.id, None)
    booking.book(payment, agreed, *more)


def settle_due() -> int:
    """Ask the gateway about every payment whose turn it is, as far as time allows; returns how many were asked.

    One failure stops no other, now or in the next sweep: what failed has its next turn some minutes later.
    """
    start, asked = clock.now(), 0
    for organization, payment_id, correlation in store.to_check(start):
        if clock.now() - start > _SWEEP_LASTS:
            break
        with log.correlated(correlation):
            try:
                settle(organization, payment_id)
                asked += 1
            except AppError as refusal:
                log.warning("payment not checked", payment=payment_id, code=refusal.code)
                _postpone(organization, payment_id, refusal)
            except Exception as failure:  # noqa: BLE001 (asked again later; the others have their turn now)
                log.bug("payment not checked", failure, payment=payment_id)
                _postpone(organization, payment_id, failure)
    return asked


def withdraw(organization: str, order_id: str) -> Outcome:
    """Take back the charge of an order that was cancelled. One that was paid at that moment stays."""
    opened = [each for each in store.attempts(organization, order_id) if each.gateway != credit.NAME]
    open_now = [each for each in opened if each.is_open(clock.now())]
    for payment in open_now:
        with suppress(Unprocessable):
            _cancel(payment)
            _note(payment, payment.closed(State.EXPIRED, clock.now()))
    return Outcome.SUCCESS if open_now else Outcome.SKIPPED


def list_own(principal: Principal, request: PageRequest) -> Page[Payment]:
    """The payments of the caller's orders that were captured, those of the newest order first."""
    found = orders.list_orders(principal, request)
    paid = store.find(principal.organization, [order.payment for order in found.items if order.payment])
    captured = [paid[order.payment] for order in found.items if order.payment in paid]
    return Page(captured, found.size, found.cursor, number=found.number)


def get(organization: str, payment_id: str) -> Payment:
    """Raises NotFound."""
    return store.get(organization, payment_id)


def find(organization: str, payment_id: str) -> Payment | None:
    try:
        return store.get(organization, payment_id)
    except NotFound:
        return None


def list_under_review(principal: Principal, request: PageRequest) -> Page[Payment]:
    return store.under_review(principal.organization, request)


def _proven(gateway: Gateway, name: str, raw: bytes, headers: Headers) -> tuple[str, str, Notification]:
    """Whose webhook it is, about which payment, and what it says. Raises Unauthorized."""
    claimed = gateway.locate(raw, headers)
    try:
        payment = claimed.reference or store.behind(name, claimed.transaction_id)
        place = store.locate(payment)
        account = gateways.account_of(place.organization, name)
    except (NotFound, Unprocessable) as unknown:
        raise Unauthorized("invalid_signature", "This is not a webhook of ours.") from unknown
    if place.gateway not in (None, name):
        raise Unauthorized("invalid_signature", "This payment goes through another payment service.")
    return place.organization, payment, gateway.verify(account, raw, headers)


def _make_way(payment: Payment) -> None:
    """Withdraw an open attempt, so that another may take its place. Raises Conflict where it was or is being paid."""
    try:
        if payment.gateway == credit.NAME:
            settle(payment.organization, payment.id)
        else:
            _cancel(payment)
            _note(payment, payment.closed(State.EXPIRED, clock.now()))
    except Unprocessable:
        settle(payment.organization, payment.id)
    orders.get(payment.organization, payment.order).refuse_payment(clock.now())
    if store.get(payment.organization, payment.id).is_open(clock.now()):
        raise Conflict("payment_under_way", "Another payment of this order is being processed. Wait for it.")


def _cancel(payment: Payment) -> None:
    """Raises Unprocessable for what was paid."""
    assert payment.transaction is not None
    gateways.of_name(payment.gateway).cancel(_known_as(payment), payment.transaction)


def _known_as(payment: Payment) -> GatewayAccount:
    """The account at its gateway. Of a transfer nobody is asked, and its bank account may be another one by now."""
    if payment.transfer_to is not None:
        return GatewayAccount("")
    return gateways.account_of(payment.organization, payment.gateway)


def _pay_with_credit(principal: Principal, order: Order) -> Payment:
    """Hold the credit and take it; where another request of the buyer holds it already, go on with that."""
    for _ in range(_TRIES):
        earlier = store.attempts(order.organization, order.id)
        latest = earlier[-1] if earlier else None
        if latest is None or latest.gateway != credit.NAME or latest.state is State.EXPIRED:
            try:
                latest = credit.open_attempt(principal, order, _next_attempt(earlier))
            except Conflict as refusal:
                if refusal.code not in _SOMEBODY_WAS_FASTER:
                    raise
                continue
        for each in earlier:
            if each.is_open(clock.now()) and each.gateway != credit.NAME:
                _make_way(each)
        settle(latest.organization, latest.id)
        return store.get(latest.organization, latest.id)
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


def _open_attempt(order: Order, number: int, gateway: str) -> Payment:
    payment = Payment(
        id=ids.derived("pay", order.organization, order.id, str(number)),
        organization=order.organization,
        order=order.id,
        attempt=number,
        gateway=gateway,
        amount=order.total,
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
    if opened.gateway != gateway:
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
        named = [store.name_charge(charged)] if gateways.knows_disputes(payment.gateway) else []
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


def _apply(payment: Payment, status: Status) -> Outcome:
    at = clock.now()
    match status.state:
        case "captured":
            return _book(payment, status)
        case "expired" | "failed":
            _note(payment, payment.closed(State(status.state), at))
        case "pending":
            _note(payment, payment.checked(at))
        case "authorized" | "unknown":
            log.error("gateway state unknown", payment=payment.id)
            _note(payment, payment.checked(at))
    return Outcome.SKIPPED


def _note(was: Payment, now: Payment) -> None:
    """Keep what a check found, unless the payment is settled: that never changes back."""
    if not was.is_final:
        transact(store.save(now, was=was), *ending.told(was, now))


def _postpone(organization: str, payment_id: str, failure: Exception) -> None:
    """Else those that always fail would stand at the head of every sweep. A refusal to speak of it is an answer."""
    payment = store.get(organization, payment_id)
    at = clock.now()
    later = payment.checked(at) if isinstance(failure, Unprocessable) else payment.postponed(at)
    try:
        _note(payment, later)
    except Conflict:
        log.info("payment changed meanwhile", payment=payment_id)


def _age(payment: Payment) -> float:
    return (clock.now() - payment.created_at).total_seconds()


def _book(payment: Payment, status: Status) -> Outcome:
    if status.reference == payment.id:
        return booking.book(payment, status)
    log.error("gateway names another payment", payment=payment.id)
    _note(payment, payment.checked(clock.now()))
    return Outcome.SKIPPED
