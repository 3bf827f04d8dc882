"""Sending the money, and booking once what became of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.audit import service as audit
from chalicelib.core import clock, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Order
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments import store as payment_store
from chalicelib.payments.deposits import holding
from chalicelib.payments.refunds import store
from chalicelib.payments.refunds.messages import RefundFailed, RefundSettled
from chalicelib.payments.refunds.model import ON_THEIR_OWN, Part, Refund, Returned, State, Way
from chalicelib.revenue import service as revenue
from chalicelib.revenue.model import Portion
from chalicelib.taxes import service as taxes
from chalicelib.wallet import service as wallet

_TRIES = 8
_SWEEP_AT_MOST = 100
_SWEEP_LASTS = timedelta(seconds=20)


def submit(organization: str, order_id: str, refund_id: str) -> Outcome:
    """Ask the gateway for a refund that is set aside, or how it stands, and book what it says.

    The refund's id is the key: asked twice, the gateway pays once. Credit asks nobody. Raises Unavailable.
    """
    refund = store.get(organization, order_id, refund_id)
    if refund.state is not State.SUBMITTED or refund.way in ON_THEIR_OWN:
        return Outcome.SKIPPED
    if refund.way is Way.CREDIT:
        return _give_credit(refund)
    payment = payments.get(organization, refund.payment)
    assert payment.transaction is not None
    account = gateways.account_of(organization, payment.gateway)
    gateway = gateways.of_name(payment.gateway)
    try:
        answer = gateway.refund(
            account,
            transaction_id=payment.transaction,
            amount=refund.amount,
            currency=refund.currency,
            key=refund.id,
        )
    except Unprocessable as refusal:
        return _fail(refund, refusal.code)
    if answer.state == "settled":
        return settle(refund, refund, answer.reference, None)
    if answer.state == "failed":
        return _fail(refund, "gateway_failed")
    transact(store.save(refund.waiting(clock.now()), was=refund))
    return Outcome.SKIPPED


def submit_due() -> int:
    """Ask about every refund whose turn it is, as far as time allows; returns how many were asked."""
    start, asked = clock.now(), 0
    for organization, order_id, refund_id, correlation in store.due(start, _SWEEP_AT_MOST):
        if clock.now() - start > _SWEEP_LASTS:
            break
        with log.correlated(correlation):
            try:
                submit(organization, order_id, refund_id)
                asked += 1
            except AppError as refusal:
                log.warning("refund not sent", order=order_id, code=refusal.code)
                _postpone(organization, order_id, refund_id)
            except Exception as failure:  # noqa: BLE001 (asked again later; the others have their turn now)
                log.bug("refund not sent", failure, order=order_id)
                _postpone(organization, order_id, refund_id)
    return asked


def take_back(organization: str, order_id: str, refund_id: str) -> Outcome:
    """What follows settled money: withdraw what it paid for, take shares and tax back. Goes on where it was cut off."""
    refund = store.get(organization, order_id, refund_id)
    order = orders.get(organization, order_id)
    orders.withdraw(order)
    for each in refund.returned:
        line = order.line(each.line)
        share = line.shares[each.number - 1]
        revenue.take_back(
            organization,
            refund=refund.id,
            order=order.id,
            line=line.id,
            number=each.number,
            subject=line.subject,
            portion=Portion(share.photographer, tuple(zip(share.refs, each.things, strict=True))),
            currency=refund.currency,
        )
    for part in refund.parts:
        tax = order.line(part.line).tax
        if tax is not None and (part.tax or refund.returned):  # before it was handed over there was none to owe
            taxes.take_back(
                organization,
                refund=refund.id,
                order=order.id,
                line=part.line,
                tax=tax,
                amount=part.tax,
                base=part.amount - part.tax,
                currency=refund.currency,
            )
    return Outcome.SUCCESS


def at_stake(order: Order, refund: Refund) -> tuple[Returned, ...]:
    """What a refund on its way would take back of each share, if it were settled now."""
    if not order.is_delivered:
        return ()
    settled = _settled(order)
    return _shares_back(order, settled, _parts_now(order, settled, refund))


def end_dispute(organization: str, order_id: str, refund_id: str, reference: str, *, lost: bool) -> None:
    """What a bank took is gone for good, or free again. May be said twice."""
    refund = store.get(organization, order_id, refund_id)
    if refund.state is not State.SUBMITTED:
        return
    if lost:
        settle(refund, refund, reference, None)
    else:
        _fail(refund, "dispute_won")


def settle(refund: Refund, was: Refund, reference: str, actor: Principal | None) -> Outcome:
    """Book the money that went back, once: the refund, the order, the ledger, and the fact that all else follows."""
    for _ in range(_TRIES):
        order = orders.get(refund.organization, refund.order)  # before the refunds: whatever they change, it changes
        settled = _settled(order)
        parts = _parts_now(order, settled, refund)
        returned = _shares_back(order, settled, parts) if order.is_delivered else ()
        at = clock.now()
        done = refund.settled(reference, parts, returned, at)
        writes = [*ledger.book(_entry(done, order)), store.save(done, was=was), *_of_deposit(done, at)]
        if refund.way is Way.CREDIT and order.owner is not None:
            writes.append(wallet.give_back(order.organization, order.owner, refund.amount))
        if done.parts:
            writes += orders.give_back(order, done.by_line, _why(refund), refund.decided_by)
        if actor is not None:
            writes.append(told(actor, was, done))
        fact = RefundSettled(organization=refund.organization, order=order.id, refund=refund.id)
        try:
            transact(*writes, outbox.publish(fact))
        except ledger.Booked:
            return Outcome.SKIPPED
        except Conflict:
            was = store.get(refund.organization, refund.order, refund.id)
            if was.state is not State.SUBMITTED:
                return Outcome.SKIPPED
            refund = was.confirmed(actor.user) if actor is not None else was
            continue
        log.info("refund settled", organization=refund.organization, order=order.id, payment=refund.payment)
        return Outcome.SUCCESS
    raise Conflict("changed_meanwhile", "The order keeps changing.")


def _give_credit(refund: Refund) -> Outcome:
    order = orders.get(refund.organization, refund.order)
    if order.owner is None:
        return _fail(refund, "buyer_gone")  # with the wallet
    return settle(refund, refund, wallet.refund_grant(order.organization, order.owner), None)


def _fail(refund: Refund, why: str) -> Outcome:
    for _ in range(_TRIES):
        failed = refund.ended(State.FAILED, why, None, clock.now())
        fact = RefundFailed(organization=refund.organization, order=refund.order, refund=refund.id)
        try:
            transact(store.save(failed, was=refund), *restored(refund), outbox.publish(fact))
        except Conflict:
            refund = store.get(refund.organization, refund.order, refund.id)
            if refund.state is not State.SUBMITTED:
                return Outcome.SKIPPED
            continue
        tell = log.info if refund.way is Way.DISPUTE else log.error
        tell("refund failed", organization=refund.organization, order=refund.order, code=why)
        return Outcome.SUCCESS
    raise Conflict("changed_meanwhile", "The refund keeps changing.")


def restored(refund: Refund) -> list[Write]:
    """What was set aside for it is free again; holds only while the payment is as it is now."""
    payment = payments.get(refund.organization, refund.payment)
    free = payment_store.save(payment.restored(refund.amount, refund.excess), was=payment)
    return [free, *_of_deposit(refund, clock.now())]


def _of_deposit(refund: Refund, at: datetime) -> list[Write]:
    """What a refund that is over means for the deposit that it is of."""
    if refund.deposit_of is None or refund.deposit is None:
        return []
    settled = refund.state is State.SETTLED
    return [holding.ended(refund.organization, refund.deposit_of, refund.deposit, refund.id, at, settled=settled)]


def told(actor: Principal, was: Refund | None, now: Refund) -> Write:
    """For the audit log. Where the money goes is no business of its readers."""
    names = ("state", "amount", "way", "reference", "failure", "reason")
    return audit.entry(
        actor,
        action=f"refund.{now.state if was is None or was.state is not now.state else 'transferred'}",
        entity="refund",
        entity_id=now.id,
        before={name: getattr(was, name) for name in names} if was else None,
        after={name: getattr(now, name) for name in names},
    )


def _postpone(organization: str, order_id: str, refund_id: str) -> None:
    refund = store.get(organization, order_id, refund_id)
    if refund.state is State.SUBMITTED:
        try:
            transact(store.save(refund.waiting(clock.now()), was=refund))
        except Conflict:
            log.info("refund changed meanwhile", order=order_id)


def _entry(refund: Refund, order: Order) -> ledger.Entry:
    return ledger.refund(
        refund.id,
        organization=refund.organization,
        order=refund.order,
        source=_source(refund, order),
        sales=sum(part.amount for part in refund.parts),
        tail=refund.tail,
        suspended=refund.excess,
        deposit=refund.deposit or 0,
        currency=refund.currency,
        at=clock.now(),
    )


def _source(refund: Refund, order: Order) -> str:
    """The account that the money leaves. Raises Conflict for credit of somebody who was forgotten meanwhile."""
    if refund.way is Way.TRANSFER:
        return "bank"
    if refund.way is Way.DISPUTE:
        return "disputes"
    if refund.way is Way.CREDIT:
        if order.owner is None:
            raise Conflict("buyer_gone", "There is nobody any more whose credit it was.")
        return wallet.account(order.owner)
    return f"gateway:{payments.get(refund.organization, refund.payment).gateway}"


def _settled(order: Order) -> list[Refund]:
    return [each for each in store.of_order(order.organization, order.id) if each.state is State.SETTLED]


def _parts_now(order: Order, settled: Sequence[Refund], refund: Refund) -> list[Part]:
    """Its parts, given what the `settled` ones took: which withdraw their line, as the last of it, and what is tax."""
    parts = [replace(part, whole=order.line(part.line).left == part.amount) for part in refund.parts]
    return [_with_tax(order, settled, part) for part in parts] if order.is_delivered else parts


def _with_tax(order: Order, settled: Sequence[Refund], part: Part) -> Part:
    line = order.line(part.line)
    if line.tax is None:
        return part
    earlier = [each for refund in settled for each in refund.parts if each.line == line.id]
    line_left = line.amount - sum(each.amount for each in earlier)
    tax_left = line.tax.amount - sum(each.tax for each in earlier)
    return replace(part, tax=taxes.taken_back(part.amount, line_left, tax_left))


def _shares_back(order: Order, settled: Sequence[Refund], parts: Sequence[Part]) -> tuple[Returned, ...]:
    """What a refund takes back of each share, given what the `settled` ones took."""
    found = []
    for part in parts:
        line = order.line(part.line)
        earlier = [
            [each.things for refund in settled for each in refund.returned if (each.line, each.number) == (line.id, n)]
            for n in range(1, len(line.shares) + 1)
        ]
        returns = revenue.taken_back(line.shares, earlier, part.amount - part.tax, whole=part.whole)
        found += [Returned(line.id, number, things) for number, things in enumerate(returns, start=1)]
    return tuple(found)


def _why(refund: Refund) -> str:
    return f"refunded {refund.amount} by {refund.id}"
