"""Transfers: the buyer sends a slip, one of the staff says what came, a second one says the same, and it is booked.

What a slip shows is believed by nobody: people compare it with the bank's statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.audit import service as audit
from chalicelib.core import clock, log, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.orders import service as orders
from chalicelib.payments import service as payments
from chalicelib.payments.gateways.bank_transfer import BankTransfer
from chalicelib.payments.model import Payment
from chalicelib.payments.transfers import store
from chalicelib.payments.transfers.messages import TransferRejected
from chalicelib.payments.transfers.model import Slip, State, Transfer, folder_of

_TRIES = 5
_START = 16


@dataclass(frozen=True, slots=True)
class Offered:
    """`form` is how to send the file, while it is still to be sent."""

    state: State
    form: storage.UploadForm | None


@dataclass(frozen=True, slots=True)
class Opened:
    transfer: Transfer
    url: str | None


# --- the buyer ----------------------------------------------------------------------------------------------


def offer_slip(principal: Principal, payment_id: str, slip: Slip) -> Offered:
    """Announce a slip, or hand it in once its file is there. Another slip takes the place of one before.

    Raises NotFound (also for staff: a slip is the buyer's), Conflict `not_a_transfer`, `payment_settled`,
    `slip_rejected`, `transfer_under_way`, `slip_type` for a file that is something else than it was called.
    """
    payment = payments.open_payment(principal, payment_id)
    if not orders.is_buyer(principal, orders.get(payment.organization, payment.order)):
        raise NotFound("payment_not_found", "There is no such payment.")
    _must_wait(payment)
    for _ in range(_TRIES):
        held = store.find(payment)
        if held is not None and held.slip == slip and held.state is not State.REJECTED:
            offered, changed = _handed_in(held, slip)
        else:
            changed = (held or _new(payment)).announced(slip)
            offered = Offered(changed.state, _form(changed, slip))
        if changed is held:
            return offered
        try:
            transact(store.save(changed, was=held))
        except Conflict:
            continue
        return offered
    raise Conflict("changed_meanwhile", "The transfer keeps changing. Try again.")


def _handed_in(held: Transfer, slip: Slip) -> tuple[Offered, Transfer]:
    if held.state is not State.AWAITED:
        return Offered(held.state, None), held
    start = storage.peek("documents", str(held.key), _START)
    if start is None:
        return Offered(held.state, _form(held, slip)), held
    if not storage.begins_as(slip.content_type, start):
        raise Conflict("slip_type", f"This file is no {slip.content_type}.")
    submitted = held.submitted(clock.now())
    return Offered(submitted.state, None), submitted


def _form(transfer: Transfer, slip: Slip) -> storage.UploadForm:
    return storage.upload_form(
        str(transfer.key), content_type=slip.content_type, size=slip.size, sha256=slip.sha256, bucket="documents"
    )


# --- staff --------------------------------------------------------------------------------------------------


def waiting(principal: Principal, request: PageRequest) -> Page[Transfer]:
    return store.waiting(principal.organization, request)


def open_slip(actor: Principal, payment_id: str) -> Opened:
    """A transfer with an address that shows its slip; that somebody looked is kept. Raises NotFound."""
    transfer = store.find(payments.get(actor.organization, payment_id))
    if transfer is None:
        raise NotFound("transfer_not_found", "Nothing is known of a transfer for this payment.")
    if transfer.submitted_at is None or transfer.key is None:
        return Opened(transfer, None)
    transact(audit.entry(actor, action="slip.opened", entity="payment", entity_id=transfer.payment))
    return Opened(transfer, storage.read_url("documents", transfer.key))


def confirm(actor: Principal, payment_id: str, received: int, reference: str | None) -> Transfer:
    """One person's word that so much came, in minor units; the same word of a second person books it.

    Another amount is a new word, and waits for somebody else again. What was agreed on goes the way of all money that
    comes: other than asked for, it waits for a person's decision. No slip is needed.
    Raises NotFound, Forbidden `second_person`, Conflict `not_a_transfer`, `payment_settled`, `own_payment`.
    """
    by = _person(actor)
    for _ in range(_TRIES):
        payment, held, at = _to_decide(actor, payment_id), None, clock.now()
        held = store.find(payment)
        if held is not None and held.state is State.CONFIRMED and (held.decided_by, held.received) == (by, received):
            return held
        _must_wait(payment)
        transfer = held or _new(payment)
        try:
            if transfer.is_agreed(by, received):
                agreed = transfer.confirmed(by, at)
                payments.book_by_hand(payment, received, store.save(agreed, was=held), _told(actor, transfer, agreed))
            else:
                changed = transfer.proposed(by, received, reference, at)
                transact(store.save(changed, was=held), _told(actor, transfer, changed))
        except Conflict:
            continue
        found = store.find(payment)
        assert found is not None
        return found
    raise Conflict("changed_meanwhile", "The transfer keeps changing. Try again.")


def reject(actor: Principal, payment_id: str, reason: str) -> Transfer:
    """Say that no money came for a slip. Until the payment expires the buyer may send another one.

    Raises NotFound, Conflict `not_a_transfer`, `payment_settled`, `own_payment`, `transfer_status`.
    """
    by = _person(actor)
    for _ in range(_TRIES):
        payment = _to_decide(actor, payment_id)
        _must_wait(payment)
        held = store.find(payment)
        if held is None:
            raise Conflict("transfer_status", "There is nothing to reject.")
        rejected = held.rejected(by, reason, clock.now())
        fact = TransferRejected(
            organization=held.organization, order=held.order, payment=held.payment, version=held.version + 1
        )
        try:
            transact(store.save(rejected, was=held), outbox.publish(fact), _told(actor, held, rejected))
        except Conflict:
            continue
        log.info("transfer rejected", organization=held.organization, payment=held.payment)
        found = store.find(payment)
        assert found is not None
        return found
    raise Conflict("changed_meanwhile", "The transfer keeps changing. Try again.")


def find(organization: str, order_id: str, payment_id: str) -> Transfer | None:
    found = store.of_order(organization, order_id)
    return next((transfer for transfer in found if transfer.payment == payment_id), None)


def _to_decide(actor: Principal, payment_id: str) -> Payment:
    payment = payments.get(actor.organization, payment_id)
    if orders.is_buyer(actor, orders.get(payment.organization, payment.order)):
        raise Conflict("own_payment", "Let others decide about your own payment.")
    return payment


def _must_wait(payment: Payment) -> None:
    if payment.gateway != BankTransfer.name:
        raise Conflict("not_a_transfer", "This payment is not made by bank transfer.")
    if payment.is_final or payment.transaction is None:
        raise Conflict("payment_settled", f"This payment is {payment.state}.")


def _person(actor: Principal) -> str:
    """Two people have to agree: a key of a program is nobody."""
    if actor.user is None:
        raise Forbidden("second_person", "Only a person can say that money came.")
    return actor.user


def _new(payment: Payment) -> Transfer:
    return Transfer(
        payment=payment.id,
        organization=payment.organization,
        order=payment.order,
        attempt=payment.attempt,
        state=State.AWAITED,
        created_at=clock.now(),
    )


def _told(actor: Principal, was: Transfer, now: Transfer) -> Write:
    names = ("state", "received", "reference", "proposed_by", "reason")
    return audit.entry(
        actor,
        action=f"transfer.{now.state}",
        entity="payment",
        entity_id=now.payment,
        before={name: getattr(was, name) for name in names},
        after={name: getattr(now, name) for name in names},
    )


# --- privacy ------------------------------------------------------------------------------------------------


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """What somebody sent of their transfers, and what became of it."""
    return [
        {
            "order": order.code,
            "state": transfer.state,
            "slip": transfer.slip,
            "submitted_at": transfer.submitted_at,
            "received": transfer.received,
            "reason": transfer.reason,
        }
        for order in orders.of_person(organization, user)
        for transfer in store.of_order(organization, order.id)
    ]


def own_files(organization: str, user: str) -> list[storage.StoredFile]:
    return [
        storage.StoredFile("documents", str(transfer.key), f"slips/{order.code}-{transfer.attempt}")
        for order in orders.of_person(organization, user)
        for transfer in store.of_order(organization, order.id)
        if transfer.submitted_at is not None
    ]


def erase_person(organization: str, user: str) -> None:
    """Remove somebody's slips; that a transfer came stays. May run again where it was cut off."""
    for order in orders.of_person(organization, user):
        storage.remove("documents", folder_of(organization, order.id))
