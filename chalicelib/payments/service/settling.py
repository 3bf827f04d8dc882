"""Asking the gateway, and settling exactly once: webhook, sweep and the buyer's polling all end here."""

from contextlib import suppress
from datetime import timedelta

from chalicelib.core import clock, log
from chalicelib.core.errors import AppError, Conflict, Unavailable, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.payments import booking, credit, ending, gateways, instalments, store
from chalicelib.payments.gateways.contract import GatewayAccount, Status
from chalicelib.payments.model import Payment, State

_TRIES = 5
_SWEEP_LASTS = timedelta(seconds=40)
"""Of the minute that the function has; one gateway that is silent takes ten seconds more."""
_OPENING_SECONDS = 60


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
            cancel(payment)
            note(payment, payment.closed(State.EXPIRED, clock.now()))
    return Outcome.SUCCESS if open_now else Outcome.SKIPPED


def release_credit(organization: str, order_id: str) -> Outcome:
    """Let go at once what is held for an order that is over; else the sweep does."""
    held = instalments.credit_of(store.attempts(organization, order_id))
    return settle(organization, held.id) if held is not None else Outcome.SKIPPED


def cancel(payment: Payment) -> None:
    """Raises Unprocessable for what was paid."""
    assert payment.transaction is not None
    gateways.of_name(payment.gateway).cancel(_known_as(payment), payment.transaction)


def _known_as(payment: Payment) -> GatewayAccount:
    """The account at its gateway. Of a transfer nobody is asked, and its bank account may be another one by now."""
    if payment.transfer_to is not None:
        return GatewayAccount("")
    return gateways.account_of(payment.organization, payment.gateway)


def _apply(payment: Payment, status: Status) -> Outcome:
    at = clock.now()
    match status.state:
        case "captured":
            return _book(payment, status)
        case "expired" | "failed":
            note(payment, payment.closed(State(status.state), at))
        case "pending":
            note(payment, payment.checked(at))
        case "authorized" | "unknown":
            log.error("gateway state unknown", payment=payment.id)
            note(payment, payment.checked(at))
    return Outcome.SKIPPED


def note(was: Payment, now: Payment) -> None:
    """Keep what a check found, unless the payment is settled: that never changes back."""
    if not was.is_final:
        transact(store.save(now, was=was), *ending.told(was, now))


def _postpone(organization: str, payment_id: str, failure: Exception) -> None:
    """Else those that always fail would stand at the head of every sweep. A refusal to speak of it is an answer."""
    payment = store.get(organization, payment_id)
    if payment.next_check_at is None:  # what failed took effect all the same
        return
    at = clock.now()
    later = payment.checked(at) if isinstance(failure, Unprocessable) else payment.postponed(at)
    try:
        note(payment, later)
    except Conflict:
        log.info("payment changed meanwhile", payment=payment_id)


def _age(payment: Payment) -> float:
    return (clock.now() - payment.created_at).total_seconds()


def _book(payment: Payment, status: Status) -> Outcome:
    if status.reference == payment.id:
        return booking.book(payment, status)
    log.error("gateway names another payment", payment=payment.id)
    note(payment, payment.checked(clock.now()))
    return Outcome.SKIPPED
