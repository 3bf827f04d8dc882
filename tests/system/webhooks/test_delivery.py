"""Webhooks that are the gateway's, delivered in every way that a network knows: each payment has its effect once."""

import random
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import clock, ids
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.payments import service as payments
from chalicelib.payments.gateways.contract import Charge
from chalicelib.payments.model import State
from tests import deliver
from tests.figures import Show
from tests.system.webhooks.till import NEVER, ONCE, Effects, Till, balance, effects

SEED = 20_261_121
EACH = 10
"""How often each webhook is delivered."""
DAY, QR_LASTS = timedelta(hours=24, seconds=1), timedelta(minutes=15, seconds=1)


def counted(found: list[Effects]) -> str:
    """The sums, for a figure."""
    return (
        f"{sum(one.entries for one in found):,} ledger entries, {sum(one.completions for one in found):,} completions, "
        f"{sum(one.grants for one in found):,} grants, {sum(one.mails for one in found):,} mails"
    )


def test_repeated_and_permuted_webhooks_count_once(till: Till, figure: Show, full: bool):
    rng = random.Random(SEED)
    opened = till.payments(1000 if full else 5)
    for payment in opened:
        till.pay(payment)
    sent = [till.notice(payment.transaction, payment.id) for payment in opened] * EACH
    rng.shuffle(sent)

    for number, raw in enumerate(sent, start=1):
        assert till.send(raw).status == 200
        if number % 250 == 0:
            deliver.all()
    deliver.all()

    found = effects(opened)
    text = f"{len(sent):,} webhooks of {len(opened):,} payments: {counted(found)}"
    figure("webhooks", "delivered ten times in any order: one effect each", text)
    assert found == [ONCE] * len(opened)


def test_a_webhook_before_its_payment_waits_for_it(
    till: Till, figure: Show, full: bool, monkeypatch: pytest.MonkeyPatch
):
    """First the gateway tells of a payment that no row speaks of; then of one whose row knows no transaction yet."""
    bank, create = till.world.bank, till.world.bank.create
    count = 100 if full else 4
    refused = waited = 0

    def told_first(account: Any, *, amount: int, currency: str, reference: str) -> Charge:
        nonlocal waited
        charge = create(account, amount=amount, currency=currency, reference=reference)
        bank.set(charge.transaction_id, "captured")
        assert till.send(till.notice(charge.transaction_id, reference)).status == 200
        deliver.queue("payments")
        waited += payments.get(till.organization, reference).state is State.CREATED
        return charge

    monkeypatch.setattr(bank, "create", told_first)
    opened = []
    for _ in range(count):
        order = till.place()
        reference = ids.derived("pay", order.organization, order.id, "1")
        refused += till.send(till.notice("T9999", reference)).status == 401
        opened.append(till.open(order))
    deliver.all()

    found = effects(opened)
    text = f"{refused} before the row refused, {waited} before the answer kept; then {counted(found)}"
    figure("webhooks", "told before the payment is written down: one effect each", text)
    assert (refused, waited) == (count, count)
    assert found == [ONCE] * count


def test_money_after_the_order_expired_is_handed_over(till: Till, figure: Show, full: bool):
    count = 100 if full else 4
    late = till.payments(count)
    with clock.travel(DAY):
        orders.expire_due()
        expired = sum(orders.get(payment.organization, payment.order).status is Status.EXPIRED for payment in late)
        for payment in late:
            till.pay(payment)
        for payment in late * EACH:
            assert till.send(till.notice(payment.transaction, payment.id)).status == 200
        deliver.all()

        found = effects(late)
    figure("webhooks", "told after the order expired: handed over once", f"{expired} expired orders: {counted(found)}")
    assert expired == count
    assert found == [ONCE] * count


def test_a_second_payment_of_an_order_waits_for_a_person(till: Till, figure: Show, full: bool):
    count = 100 if full else 4
    first = till.payments(count)
    with clock.travel(QR_LASTS):
        second = [till.open(orders.get(payment.organization, payment.order)) for payment in first]
        before = balance("suspense", till.organization)
        for payment in (*first, *second) * 2:
            till.pay(payment)
            assert till.send(till.notice(payment.transaction, payment.id)).status == 200
        deliver.all()

        found = effects(first)
    reviewed = [payments.get(payment.organization, payment.id) for payment in second]
    kept = before - balance("suspense", till.organization)
    text = f"{len(reviewed)} second payments: {kept / 100:,.2f} baht in suspense, all under review; {counted(found)}"
    figure("webhooks", "an order paid twice is handed over once, the other money waits for a person", text)
    assert found == [ONCE] * count
    assert {(payment.state, payment.review_reason) for payment in reviewed} == {(State.REVIEW, "order_paid_already")}
    assert kept == sum(payment.payable or 0 for payment in second)


def test_lost_webhooks_are_found_by_one_sweep(till: Till, figure: Show, full: bool, monkeypatch: pytest.MonkeyPatch):
    count = 1000 if full else 8
    opened, booked = till.payments(count), balance("gateway:paynoi", till.organization)
    for payment in opened:
        till.pay(payment)
    deliver.all()
    assert effects(opened[:1]) == [NEVER]

    later = clock.now() + timedelta(seconds=40)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)  # a sweep ends in time; this one may take as long as it needs
        asked = payments.settle_due()
        deliver.all()
        again = payments.settle_due()

    found = effects(opened)
    received = sum(payment.payable or 0 for payment in opened)
    difference = received - (balance("gateway:paynoi", till.organization) - booked)
    text = f"{count:,} dropped, 1 sweep: {asked:,} asked, ledger difference {difference}, {counted(found)}"
    figure("webhooks", "lost: one sweep finds them all", text)
    assert (difference, again) == (0, 0)
    assert asked >= count
    assert found == [ONCE] * count
