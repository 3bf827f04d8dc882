"""A buyer asks, staff decide: from there on the money is set aside."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from chalicelib.core import clock, ids, log, once, outbox, sealing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.table import Write, transact
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.payments import credit, gateways
from chalicelib.payments import service as payments
from chalicelib.payments import store as payment_store
from chalicelib.payments.model import Payment
from chalicelib.payments.refunds import store
from chalicelib.payments.refunds.messages import RefundDeclined, RefundDue, RefundOpened
from chalicelib.payments.refunds.model import (
    MOST,
    ON_THEIR_OWN,
    OPEN,
    Piece,
    Refund,
    State,
    Wanted,
    Way,
    drawn_up,
    joined,
    refuse_disputed,
    taken,
)
from chalicelib.payments.refunds.service.looking import pay_to as goes_to
from chalicelib.payments.refunds.service.looking import purpose
from chalicelib.payments.refunds.service.sending import restored, settle, told

_TRIES = 8


def request(
    principal: Principal, payment_id: str, *, lines: Sequence[Wanted] | None, reason: str, pay_to: str | None
) -> Refund:
    """Ask for money back, as the buyer. While one request is open it is answered again; nothing is set aside.

    Raises NotFound, what `drawn_up` raises, Conflict `too_many_refunds`.
    """
    payment = payments.open_payment(principal, payment_id)
    order = orders.get(payment.organization, payment.order)
    if not orders.is_buyer(principal, order):
        raise NotFound("payment_not_found", "There is no such payment.")
    for _ in range(_TRIES):
        earlier = store.of_order(order.organization, order.id)
        asked = next((refund for refund in earlier if refund.state is State.REQUESTED), None)
        if asked is not None:
            return asked
        pieces = drawn_up(order, _payments(order) if payment.id in order.payments else [], earlier, lines)
        asked_for = joined(pieces)
        drawn = _new(payment, earlier, reason, pay_to)
        try:
            transact(*opened(replace(drawn, parts=asked_for, tail=_tail(pieces), requested_by=principal.user)))
        except Conflict:
            continue
        log.info("refund requested", organization=order.organization, order=order.id, payment=payment.id)
        return store.get(order.organization, order.id, drawn.id)
    raise Conflict("changed_meanwhile", "Too much at once. Try again.")


def begin(
    actor: Principal,
    order_id: str,
    key: str,
    *,
    lines: Sequence[Wanted] | None,
    reason: str,
    way: Way | None,
    pay_to: str | None,
) -> Refund:
    """Give money of an order back, as staff, once per key. Without `lines` all that is left.

    Raises NotFound, what `drawn_up` raises, Unprocessable (`idempotency_key_reused`, `refund_by_hand`,
    `account_needed`), Conflict (`too_many_refunds`, `paid_with_credit`, `not_for_credit`).
    """
    order = orders.open_order(actor, order_id)
    asked = f"{key}#{once.fingerprint([lines and [(each.line, each.amount) for each in lines], reason, way])}"
    for _ in range(_TRIES):
        if order.payment is None:
            raise Conflict("order_status", f"Of an order that is {order.status} there is nothing to give back.")
        earlier = store.of_order(order.organization, order.id)
        if (known := _begun(earlier, key, asked, pay_to)) is not None:
            return known
        pieces, at = drawn_up(order, _payments(order), earlier, lines), clock.now()
        begun: list[Refund] = []
        for piece in pieces:
            drawn = replace(_new(piece.payment, [*earlier, *begun], reason, pay_to), parts=piece.parts, tail=piece.tail)
            drawn = drawn if begun else replace(drawn, key=asked)
            begun.append(drawn.submitted(_way(piece.payment, order, way), actor.user, at))
        try:
            transact(*_begin(actor, begun, pieces))
        except Conflict:
            order = orders.get(order.organization, order.id)
            continue
        return store.get(order.organization, order.id, begun[0].id)
    raise Conflict("changed_meanwhile", "Too much at once. Try again.")


def return_waiting(actor: Principal, payment: Payment, reason: str, pay_to: str | None) -> tuple[Refund, list[Write]]:
    """A refund of what waits for a person at a payment, and the writes that begin it; the caller saves the payment.

    Raises Conflict `nothing_waits`, `payment_disputed`, `too_many_refunds`.
    """
    if payment.waiting <= 0:
        raise Conflict("nothing_waits", "Nothing of this payment waits for anybody.")
    earlier = store.of_order(payment.organization, payment.order)
    refuse_disputed(earlier)
    stray = payment.review_reason == "unknown_transaction"
    drawn = replace(_new(payment, earlier, reason, pay_to), excess=payment.waiting)
    refund = drawn.submitted(way_of_money(payment, Way.TRANSFER if stray else None), actor.user, clock.now())
    return refund, [*opened(refund), *due_of(refund), told(actor, None, refund)]


def take_for_bank(payment: Payment, amount: int, reason: str) -> tuple[Refund, list[Write]] | None:
    """What a buyer's bank took, as a refund whose money is set aside; None where nothing is left that it could be of.

    The writes hold while the payment is as it was read.
    """
    order = orders.get(payment.organization, payment.order)
    earlier = store.of_order(order.organization, order.id)
    parts, tail, excess = taken(order, payment, earlier, amount)
    drawn = replace(draft(payment, earlier, reason, None), parts=parts, tail=tail, excess=excess)
    if drawn.amount <= 0:
        return None
    refund = drawn.submitted(Way.DISPUTE, None, clock.now())
    return refund, [*opened(refund), *_reserved(refund, payment)]


def return_deposit(
    payment: Payment, deposit: str, amount: int, *, reason: str, by: str | None
) -> tuple[Refund, list[Write]]:
    """A refund of what a buyer had left with us, and the writes that begin it.

    Raises Conflict `payment_disputed`, `too_many_refunds`.
    """
    earlier = store.of_order(payment.organization, payment.order)
    refuse_disputed(earlier)
    drawn = replace(_new(payment, earlier, reason, None), deposit=amount, deposit_of=deposit)
    order = orders.get(payment.organization, payment.order)
    refund = drawn.submitted(_way(payment, order, None), by, clock.now())
    return refund, [*opened(refund), *_reserved(refund, payment)]


def decide(
    actor: Principal,
    order_id: str,
    refund_id: str,
    action: Literal["approve", "decline", "transferred", "confirm"],
    *,
    way: Way | None,
    reason: str,
    reference: str | None,
) -> Refund:
    """What staff say of a refund. Raises NotFound, Conflict, Forbidden `second_person`, Invalid without a reference."""
    match action:
        case "approve":
            return approve(actor, order_id, refund_id, way)
        case "decline":
            return decline(actor, order_id, refund_id, reason)
        case "confirm":
            return confirm(actor, order_id, refund_id)
        case "transferred":
            if reference is None:
                raise Invalid("reference_required", "Name the bank's reference of the transfer.", field="reference")
            return note_transfer(actor, order_id, refund_id, reference)


def approve(actor: Principal, order_id: str, refund_id: str, way: Way | None) -> Refund:
    """Set aside what a buyer asked for, and send it. Raises NotFound, Conflict, Unprocessable."""

    def change(refund: Refund) -> tuple[Refund, list[Write]]:
        order, at = orders.get(refund.organization, refund.order), clock.now()
        earlier = store.of_order(refund.organization, refund.order)
        wanted = [Wanted(part.line, part.amount) for part in refund.parts]
        first, *others = drawn_up(order, _payments(order), earlier, wanted)
        named = replace(refund, payment=first.payment.id, parts=first.parts, tail=first.tail)
        moved = named.submitted(_way(first.payment, order, way), actor.user, at)
        beside: list[Refund] = []
        for piece in others:
            drawn = _new(piece.payment, [*earlier, *beside], refund.reason, goes_to(refund))
            drawn = replace(drawn, parts=piece.parts, tail=piece.tail, requested_by=refund.requested_by)
            beside.append(drawn.submitted(_way(piece.payment, order, way), actor.user, at))
        return moved, [*_reserved(moved, first.payment), *_begin(actor, beside, others)]

    return _change(actor, order_id, refund_id, change)


def decline(actor: Principal, order_id: str, refund_id: str, why: str) -> Refund:
    """Say no to a request; or give up a transfer, whose money is free again. Raises NotFound, Conflict."""

    def change(refund: Refund) -> tuple[Refund, list[Write]]:
        if refund.state is State.REQUESTED:
            fact = RefundDeclined(organization=refund.organization, order=refund.order, refund=refund.id)
            return refund.ended(State.DECLINED, why, actor.user, clock.now()), [outbox.publish(fact)]
        if refund.way is not Way.TRANSFER:
            raise Conflict("refund_status", f"A refund that is {refund.state} and no transfer can not be given up.")
        failed = refund.ended(State.FAILED, why, actor.user, clock.now())
        return failed, restored(refund)

    return _change(actor, order_id, refund_id, change)


def note_transfer(actor: Principal, order_id: str, refund_id: str, reference: str) -> Refund:
    """Say that the money was sent, and under which reference. Somebody else confirms it. Raises NotFound, Conflict."""
    refund = store.get(actor.organization, order_id, refund_id)
    if (refund.reference, refund.sent_by) == (reference, actor.user):
        return refund
    return _change(actor, order_id, refund_id, lambda refund: (refund.sent(reference, actor.user), []))


def confirm(actor: Principal, order_id: str, refund_id: str) -> Refund:
    """Confirm a transfer that somebody else sent: that settles it. Raises NotFound, Conflict, Forbidden."""
    refund = store.get(actor.organization, order_id, refund_id)
    if refund.state is not State.SETTLED:
        settle(refund.confirmed(actor.user), refund, str(refund.reference), actor)
    return store.get(actor.organization, order_id, refund_id)


def _new(payment: Payment, earlier: Sequence[Refund], reason: str, pay_to: str | None) -> Refund:
    if len(earlier) >= MOST:
        raise Conflict("too_many_refunds", "This order was refunded too often.")
    return draft(payment, earlier, reason, pay_to)


def draft(payment: Payment, earlier: Sequence[Refund], reason: str, pay_to: str | None) -> Refund:
    number = len(earlier) + 1
    id = ids.derived("rfd", payment.organization, payment.order, str(number))
    return Refund(
        id=id,
        organization=payment.organization,
        order=payment.order,
        payment=payment.id,
        number=number,
        state=State.REQUESTED,
        reason=reason,
        currency=payment.other_currency or payment.currency,
        created_at=clock.now(),
        pay_to=sealing.seal(payment.organization, purpose(id), pay_to) if pay_to else None,
        correlation=log.correlation(),
    )


def _begin(actor: Principal, begun: Sequence[Refund], pieces: Sequence[Piece]) -> list[Write]:
    """The writes of new refunds, each of its own payment."""
    return [
        write
        for refund, piece in zip(begun, pieces, strict=True)
        for write in (*opened(refund), *_reserved(refund, piece.payment), told(actor, None, refund))
    ]


def _payments(order: Order) -> list[Payment]:
    """Those that paid it, the first one first."""
    return [payments.get(order.organization, each) for each in order.payments]


def _tail(pieces: Sequence[Piece]) -> int:
    return sum(piece.tail for piece in pieces)


def _begun(earlier: Sequence[Refund], key: str, asked: str, pay_to: str | None) -> Refund | None:
    """Of where it goes nothing is kept but what is sealed, while it is: a digest of so few digits could be guessed."""
    known = next((refund for refund in earlier if (refund.key or "").rpartition("#")[0] == key), None)
    if known is not None and (known.key != asked or (known.state in OPEN and goes_to(known) != pay_to)):
        raise Unprocessable(
            "idempotency_key_reused", "This Idempotency-Key came with another request before.", field="Idempotency-Key"
        )
    return known


def _way(payment: Payment, order: Order, wanted: Way | None) -> Way:
    """How it goes back: as it was paid, or as credit with which the buyer exchanges it for something else."""
    if payment.gateway == credit.NAME:
        if wanted not in (None, Way.CREDIT) and order.payments == (payment.id,):
            raise Conflict("paid_with_credit", "It was paid with credit, and goes back as credit.")
        return Way.CREDIT
    if wanted is not Way.CREDIT:
        return way_of_money(payment, wanted)
    if order.owner is None:
        raise Unprocessable("account_needed", "Only a buyer with an account has credit.", field="way")
    if any(not line.shares for line in order.lines):
        raise Conflict("not_for_credit", "Credit that was bought goes back as money.")
    return Way.CREDIT


def way_of_money(payment: Payment, wanted: Way | None) -> Way:
    offered = gateways.of_name(payment.gateway).refunds and payment.transaction is not None
    if wanted is Way.GATEWAY and not offered:
        raise Unprocessable("refund_by_hand", "This gateway gives no money back. Transfer it.", field="way")
    return wanted or (Way.GATEWAY if offered else Way.TRANSFER)


def opened(refund: Refund) -> list[Write]:
    """The writes of a refund that is new, and what tells of it."""
    fact = RefundOpened(organization=refund.organization, order=refund.order, refund=refund.id)
    return [store.add(refund), outbox.publish(fact)]


def _reserved(refund: Refund, payment: Payment) -> list[Write]:
    return [payment_store.reserve(payment, refund.amount, refund.excess, was=payment), *due_of(refund)]


def due_of(refund: Refund) -> list[Write]:
    fact = RefundDue(organization=refund.organization, order=refund.order, refund=refund.id)
    return [] if refund.way in ON_THEIR_OWN else [outbox.publish(fact)]


def _change(
    actor: Principal, order_id: str, refund_id: str, change: Callable[[Refund], tuple[Refund, list[Write]]]
) -> Refund:
    """Change a refund as it is now; what staff did to it is audited."""
    organization = actor.organization
    refund = store.get(organization, order_id, refund_id)
    for _ in range(_TRIES):
        changed, writes = change(refund)
        try:
            transact(store.save(changed, was=refund), *writes, told(actor, refund, changed))
            return store.get(organization, order_id, refund_id)
        except Conflict:
            refund = store.get(organization, order_id, refund_id)
    raise Conflict("changed_meanwhile", "The refund keeps changing.")
