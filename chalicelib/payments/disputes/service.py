"""Disputes: webhook and sweep both ask the gateway how one stands, and book what that changes, once.

The money goes the way of a refund. When the bank takes it, it is set aside, so that nobody gives it back a second
time, and who earned by it is not paid it meanwhile. If the bank keeps it the refund is settled, with all that follows;
if not, the refund has failed.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from chalicelib.core import clock, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.disputes import store
from chalicelib.payments.disputes.messages import DisputeRaised
from chalicelib.payments.disputes.model import Dispute, State, id_of
from chalicelib.payments.gateways.contract import Disputed
from chalicelib.payments.model import Payment
from chalicelib.payments.refunds import service as refunds
from chalicelib.revenue.model import Takings

_TRIES = 8
_SWEEP_AT_MOST = 100
_SWEEP_LASTS = timedelta(seconds=20)


def settle(organization: str, payment_id: str, reference: str) -> Outcome:
    """Ask the gateway about a dispute, by its own name, and book what it says. Raises Unavailable, Unprocessable."""
    payment = payments.get(organization, payment_id)
    account = gateways.account_of(organization, payment.gateway)
    told = gateways.disputer(payment.gateway).dispute(account, reference)
    is_ours = payments.is_known_as(payment, told.transaction_id)
    if not is_ours or told.currency != (payment.other_currency or payment.currency):
        log.error("gateway names another payment", payment=payment.id)
        return Outcome.SKIPPED
    if told.state == "unknown":
        log.error("gateway state unknown", payment=payment.id)
    outcome = Outcome.SKIPPED
    for _ in range(_TRIES):
        was = store.find(organization, payment.order, id_of(payment, reference))
        try:
            if was is not None and was.agrees_with(told):
                if was.next_check_at is not None:
                    transact(store.save(was.now(was.state, told, clock.now()), was=was))
                return outcome
            _follow(payments.get(organization, payment_id), was, reference, told)
            outcome = Outcome.SUCCESS
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The dispute keeps changing.")


def settle_due() -> int:
    """Ask about every dispute whose turn it is, as far as time allows; returns how many were asked."""
    start, asked = clock.now(), 0
    for dispute in store.due(start, _SWEEP_AT_MOST):
        if clock.now() - start > _SWEEP_LASTS:
            break
        try:
            settle(dispute.organization, dispute.payment, dispute.reference)
            asked += 1
        except AppError as refusal:
            log.warning("dispute not asked about", payment=dispute.payment, code=refusal.code)
            _postpone(dispute)
        except Exception as failure:  # noqa: BLE001 (asked again later; the others have their turn now)
            log.bug("dispute not asked about", failure, payment=dispute.payment)
            _postpone(dispute)
    return asked


def _postpone(dispute: Dispute) -> None:
    """Else those that always fail would stand at the head of every sweep."""
    with suppress(Conflict):
        transact(store.save(dispute.postponed(clock.now()), was=dispute))


def follow_shares(organization: str, order_id: str, dispute_id: str, state: State) -> Outcome:
    """Hold back what is at stake of each share, and let it go once the dispute is over. May run twice."""
    dispute = store.get(organization, order_id, dispute_id)
    if state is State.INQUIRY or not dispute.held:
        return Outcome.SKIPPED
    kind, sign = ("dispute-hold", -1) if state is State.OPEN else ("dispute-free", 1)
    order = orders.get(organization, order_id)
    outcome = Outcome.SKIPPED
    for each in dispute.held:
        line = order.line(each.line)
        takings = sum(each.things, Takings())
        entry = ledger.distribution(
            f"{dispute.id}#{each.line}#{each.number}",
            organization=organization,
            order=order.id,
            subject=line.subject,
            photographer=line.shares[each.number - 1].photographer,
            platform_part=sign * takings.platform,
            photographer_part=sign * takings.photographer,
            organizer_part=sign * takings.organizer,
            currency=dispute.currency,
            at=clock.now(),
            kind=kind,
            against="disputed-shares",
        )
        try:
            transact(*ledger.book(entry))
            outcome = Outcome.SUCCESS
        except ledger.Booked:
            continue
    return outcome


def list_disputes(principal: Principal, request: PageRequest) -> Page[Dispute]:
    return store.listed(principal.organization, request)


def of_order(organization: str, order_id: str) -> list[Dispute]:
    return store.of_order(organization, order_id)


def get(organization: str, order_id: str, dispute_id: str) -> Dispute:
    """Raises NotFound."""
    return store.get(organization, order_id, dispute_id)


def _follow(payment: Payment, was: Dispute | None, reference: str, told: Disputed) -> None:
    """Book one step of what the gateway says. Raises Conflict where something changed meanwhile."""
    at = clock.now()
    dispute = was or Dispute.begun(payment, reference, told, at)
    state, moved = dispute.risen(told), dispute.moved(told)
    now = moved.now(state, told, at)
    writes = _movement(payment, dispute, moved)
    if state is State.LOST and _keeps_less(moved):
        state, (now, redrawn) = State.OPEN, _redrawn(moved.now(State.OPEN, told, at))
        writes += redrawn
    if state is State.OPEN and dispute.state is not State.OPEN:
        now, set_aside = _opened(payment, now)
        writes += set_aside
    if now.is_over and not dispute.is_over:
        writes += _decided(now)
    if was is None or state is not was.state:
        fact = DisputeRaised(organization=now.organization, order=now.order, dispute=now.id, state=state)
        writes.append(outbox.publish(fact))
        log.warning("payment disputed", organization=now.organization, payment=now.payment, status=state.value)
    transact(store.save(now, was=was), *writes)


def _movement(payment: Payment, before: Dispute, after: Dispute) -> list[Write]:
    """Of a dispute that was lost the loss alone can change."""
    if before is after:
        return []
    entry = ledger.dispute(
        f"{after.id}#{after.movements}",
        organization=after.organization,
        order=after.order,
        source=f"gateway:{payment.gateway}",
        into="dispute-losses" if before.state is State.LOST else "disputes",
        withdrawn=after.withdrawn - before.withdrawn,
        fee=after.fee - before.fee,
        currency=after.currency,
        at=clock.now(),
    )
    return [*ledger.book(entry)]


def _opened(payment: Payment, dispute: Dispute) -> tuple[Dispute, list[Write]]:
    """With what of the payment is set aside for the bank, as far as anything is left of it."""
    begun = refunds.take_for_bank(payment, dispute.amount, f"disputed: {dispute.reason}")
    if begun is None:
        return dispute, []
    refund, writes = begun
    held = refunds.at_stake(orders.get(dispute.organization, dispute.order), refund)
    return replace(dispute, refund=refund.id, held=held), writes


def _keeps_less(dispute: Dispute) -> bool:
    """Whether a part of what was set aside is the buyer's, as the gateway decided, and the rest stays ours."""
    if dispute.refund is None or dispute.is_over:
        return False
    return refunds.get(dispute.organization, dispute.order, dispute.refund).amount > dispute.withdrawn


def _redrawn(dispute: Dispute) -> tuple[Dispute, list[Write]]:
    """With that part set aside and no more: then it is lost. Shares are held as they were, and let go whole."""
    assert dispute.refund is not None
    refunds.end_dispute(dispute.organization, dispute.order, dispute.refund, dispute.reference, lost=False)
    payment = payments.get(dispute.organization, dispute.payment)
    begun = refunds.take_for_bank(payment, dispute.withdrawn, f"disputed: {dispute.reason}")
    refund, writes = begun or (None, [])
    return replace(dispute, refund=refund.id if refund else None), writes


def _decided(dispute: Dispute) -> list[Write]:
    """What was set aside is gone for good, or free again; what the bank keeps beyond that is lost."""
    kept, lost = 0, dispute.state is State.LOST
    if dispute.refund is not None:
        refunds.end_dispute(dispute.organization, dispute.order, dispute.refund, dispute.reference, lost=lost)
        kept = refunds.get(dispute.organization, dispute.order, dispute.refund).amount
    if not lost or dispute.withdrawn == kept:
        return []
    entry = ledger.dispute_loss(
        dispute.id,
        organization=dispute.organization,
        order=dispute.order,
        amount=dispute.withdrawn - kept,
        currency=dispute.currency,
        at=clock.now(),
    )
    return [*ledger.book(entry)]
