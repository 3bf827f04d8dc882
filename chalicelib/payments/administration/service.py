"""An order with all of its money, lists of payments, and closing a case that waits for a person."""

from dataclasses import dataclass, replace
from typing import Literal

from chalicelib.audit import service as audit
from chalicelib.core import clock, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.administration import service as order_desk
from chalicelib.orders.model import Note, Order
from chalicelib.payments import instalments, store
from chalicelib.payments.deposits import holding
from chalicelib.payments.disputes import service as disputes
from chalicelib.payments.disputes.model import Dispute
from chalicelib.payments.messages import InstalmentLapsed
from chalicelib.payments.model import Payment, State
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import Refund

_TRIES = 5


@dataclass(frozen=True, slots=True)
class File:
    """All that staff may know of an order. `entries` are those of money that came in or went out."""

    order: Order
    payments: list[Payment]
    refunds: list[Refund]
    disputes: list[Dispute]
    entries: list[ledger.Entry]
    notes: list[Note]


def open_file(principal: Principal, order_id: str) -> File:
    """Raises NotFound."""
    order = orders.open_order(principal, order_id)
    attempts = store.attempts(order.organization, order.id)
    given_back = refunds.of_order(order.organization, order.id)
    names = [
        f"{kind}#{payment.id}"
        for payment in attempts
        if payment.is_final
        for kind in ("capture", "accept", "lapse", "fee")
    ]
    names.append(f"covered#{order.id}")
    names += [f"refund#{refund.id}" for refund in given_back if refund.ended_at]
    disputed = disputes.of_order(order.organization, order.id)
    names += [name for dispute in disputed for name in dispute.entries]
    found = [ledger.find(order.organization, name) for name in names]
    entries = [entry for entry in found if entry]
    return File(order, attempts, given_back, disputed, entries, order_desk.notes(order))


def list_payments(principal: Principal, state: State, request: PageRequest) -> Page[Payment]:
    return store.in_state(principal.organization, state, request)


def close_case(
    actor: Principal, payment_id: str, decision: Literal["accept", "refund"], reason: str, pay_to: str | None
) -> Payment:
    """Decide about a payment under review.

    `accept`: it pays its order, and what is above the price goes back. `refund`: all that waits goes back.
    Raises NotFound, Conflict `nothing_waits`, `order_already_paid`, `other_currency`, `not_in_parts`,
    `deposit_not_covered`.
    """
    for _ in range(_TRIES):
        payment = store.get(actor.organization, payment_id)
        closed, writes = (_accepted if decision == "accept" else _returned)(actor, payment, reason, pay_to)
        told = audit.entry(
            actor, action=f"payment.{decision}ed", entity="payment", entity_id=payment.id,
            before={"state": payment.state, "waiting": payment.waiting},
            after={"state": closed.state, "waiting": closed.waiting, "reason": reason},
        )  # fmt: skip
        try:
            transact(store.save(closed, was=payment), *writes, told)
        except Conflict:
            continue
        log.info("case closed", organization=payment.organization, payment=payment.id, reason=decision)
        return store.get(actor.organization, payment_id)
    raise Conflict("changed_meanwhile", "The payment keeps changing.")


def _accepted(actor: Principal, payment: Payment, reason: str, pay_to: str | None) -> tuple[Payment, list[Write]]:
    if payment.state is not State.REVIEW or payment.reviewed_at is not None or payment.waiting <= 0:
        raise Conflict("nothing_waits", "Nothing of this payment waits to be accepted.")
    if payment.other_currency is not None:
        raise Conflict("other_currency", "An order is paid in its own currency: give this money back.")
    order = orders.get(payment.organization, payment.order)
    if order.payment is not None:
        raise Conflict("order_already_paid", "This order is paid. Give this money back.")
    if instalments.is_one(payment, order):
        raise Conflict("not_in_parts", "A part of a price is what was asked for, or goes back.")
    if payment.waiting < order.deposit:
        raise Conflict("deposit_not_covered", "Less came than the deposit of this order. Give this money back.")
    at = clock.now()
    was_waiting = payment.waiting
    accepted = payment.accepted(actor.user, at)
    entry = ledger.acceptance(
        payment.id,
        organization=payment.organization,
        order=order.id,
        kept=was_waiting - accepted.waiting,
        owed=payment.amount,
        currency=payment.currency,
        at=at,
        deposit=order.deposit,
    )
    writes = [*ledger.book(entry), *holding.taken(order, payment.id, at), *orders.pay(order, payment.id)]
    if order.instalments:
        writes.append(outbox.publish(InstalmentLapsed(organization=order.organization, order=order.id)))
    if accepted.waiting:
        refund, begun = refunds.return_waiting(actor, accepted, reason, pay_to)
        accepted = accepted.reserved(refund.amount, refund.excess)
        writes += begun
    return replace(accepted, refundable=accepted.left), writes


def _returned(actor: Principal, payment: Payment, reason: str, pay_to: str | None) -> tuple[Payment, list[Write]]:
    refund, begun = refunds.return_waiting(actor, payment, reason, pay_to)
    return payment.returned(actor.user, clock.now()).reserved(refund.amount, refund.excess), begun
