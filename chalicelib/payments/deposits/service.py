"""Deposits: staff give them back or keep some of them, and what is due goes back by itself.

What goes back is a refund of the order's payment: set aside with the deposit in one transaction, sent by the gateway or
by people, and released, or held again, in the transaction that ends it.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, log
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.payments import service as payments
from chalicelib.payments.deposits import holding, store
from chalicelib.payments.deposits.model import MOST_STEPS, Deposit, Step, What
from chalicelib.payments.refunds import service as refunds

_TRIES = 8
_SWEEP_AT_MOST = 100
_SWEEP_LASTS = timedelta(seconds=20)
_TRIED_AGAIN = timedelta(hours=1)
_BY_ITSELF = "due"
"""The key of what time asks for."""


def release(actor: Principal, deposit_id: str, amount: int | None, key: str) -> Deposit:
    """Give a deposit back, or `amount` of it, once per key.

    Raises NotFound, Conflict (`nothing_held`, `payment_disputed`, `too_many_refunds`), Unprocessable
    (`more_than_held`, `idempotency_key_reused`).
    """
    return _change(actor.organization, deposit_id, What.RELEASING, amount, key, _going_back, actor)


def forfeit(actor: Principal, deposit_id: str, amount: int, reason: str, key: str) -> Deposit:
    """Keep so much of a deposit for the organizer, once per key. Raises as `release`, but for refunds."""

    def kept(deposit: Deposit, step: Step) -> tuple[Deposit, list[Write]]:
        entry = ledger.forfeiture(
            f"{deposit.id}#{len(deposit.history)}",
            organization=deposit.organization,
            order=deposit.order,
            subject=deposit.subject,
            amount=step.amount,
            currency=deposit.currency,
            at=step.at,
        )
        return deposit.kept(step), [*ledger.book(entry)]

    return _change(actor.organization, deposit_id, What.FORFEITED, amount, key, kept, actor, reason)


def release_due() -> int:
    """Give back what is due, as far as time allows; returns how many."""
    start, released = clock.now(), 0
    for deposit in store.due(start, _SWEEP_AT_MOST):
        if clock.now() - start > _SWEEP_LASTS:
            break
        try:
            _change(deposit.organization, deposit.id, What.RELEASING, None, _BY_ITSELF, _going_back, None)
            released += 1
        except AppError as refusal:
            log.warning("deposit not released", order=deposit.order, code=refusal.code)
            _postpone(deposit)
        except Exception as failure:  # noqa: BLE001 (tried again later; the others have their turn now)
            log.bug("deposit not released", failure, order=deposit.order)
            _postpone(deposit)
    return released


def _postpone(deposit: Deposit) -> None:
    """Else those that always fail would stand at the head of every sweep."""
    with suppress(Conflict):
        transact(store.save(replace(deposit, due_at=clock.now() + _TRIED_AGAIN), was=deposit))


def list_own(principal: Principal, request: PageRequest) -> Page[Deposit]:
    return store.of_owner(principal.organization, principal.known_user, request)


def list_held(principal: Principal, request: PageRequest) -> Page[Deposit]:
    return store.held(principal.organization, request)


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """What somebody left with us, and what became of it."""
    names = ("order", "amount", "currency", "released", "forfeited", "created_at", "due_at")
    return [{name: getattr(deposit, name) for name in names} for deposit in _of_person(organization, user)]


def erase_person(organization: str, user: str) -> None:
    """Forget whose deposits they were; what is held still goes back the way it came. May run again."""
    for deposit in _of_person(organization, user):
        if deposit.owner is not None:
            transact(store.save(deposit.without_owner(), was=deposit))


def _of_person(organization: str, user: str) -> list[Deposit]:
    bought = orders.of_person(organization, user)
    return [
        store.get(organization, holding.id_of(order, line.id))
        for order in bought
        for line in order.lines
        if line.deposit and order.payment
    ]


def _going_back(deposit: Deposit, step: Step) -> tuple[Deposit, list[Write]]:
    payment = payments.get(deposit.organization, deposit.payment)
    refund, writes = refunds.return_deposit(payment, deposit.id, step.amount, reason="deposit", by=step.by)
    return deposit.going_back(replace(step, refund=refund.id)), writes


def _change(
    organization: str,
    deposit_id: str,
    what: What,
    amount: int | None,
    key: str,
    change: Callable[[Deposit, Step], tuple[Deposit, list[Write]]],
    actor: Principal | None,
    reason: str | None = None,
) -> Deposit:
    for _ in range(_TRIES):
        was = store.get(organization, deposit_id)
        if was.asked(what, key, amount):
            return was
        if len(was.history) >= MOST_STEPS:
            raise Conflict("too_many_steps", "Too much was done with this deposit.")
        by = actor.user if actor else None
        step = Step(what, was.part(amount), clock.now(), by, reason, key)
        changed, writes = change(was, step)
        if actor is not None:
            writes.append(_told(actor, changed, step))
        try:
            transact(store.save(changed, was=was), *writes)
        except Conflict:
            continue
        log.info("deposit moved", organization=organization, order=was.order, status=what.value)
        return store.get(organization, deposit_id)
    raise Conflict("changed_meanwhile", "The deposit keeps changing. Try again.")


def _told(actor: Principal, deposit: Deposit, step: Step) -> Write:
    after = {"amount": step.amount, "reason": step.reason, "outstanding": deposit.outstanding}
    action = f"deposit.{step.what}"
    return audit.entry(actor, action=action, entity="deposit", entity_id=deposit.id, after=after)
