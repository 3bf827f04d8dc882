"""Money that is not as agreed, in every way a gateway can tell of it: it pays nothing, and it is in the books."""

import random
from collections.abc import Callable
from typing import Any

from chalicelib.core import ids
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.payments import service as payments
from chalicelib.payments.model import Payment, State
from tests import deliver
from tests.figures import Show
from tests.system.webhooks.till import NEVER, Till, balance, effects

SEED = 20_261_122
Wrong = Callable[[random.Random, Payment], dict[str, Any]]


def amount(rng: random.Random, payment: Payment) -> dict[str, Any]:
    """A satang less, the price without its tail, baht for satang, anything at all."""
    agreed = payment.payable or 0
    near = [agreed - 1, agreed + 1, payment.amount, agreed // 100, agreed * 100, agreed + 10_000]
    return {"amount": rng.choice([*near, rng.randrange(1, agreed), rng.randrange(agreed + 1, 10**9)])}


def currency(rng: random.Random, payment: Payment) -> dict[str, Any]:
    return {"currency": rng.choice(["USD", "thb", "THB ", "VND", "", "XXX"])}


def account(rng: random.Random, payment: Payment) -> dict[str, Any]:
    return {"account": rng.choice(["0899999999", "", "0812345678 ", "812345678", str(rng.randrange(10**10))])}


def reference(rng: random.Random, payment: Payment) -> dict[str, Any]:
    return {"reference": rng.choice([ids.new("pay"), payment.id.lower(), f"{payment.id} ", "", payment.order])}


def transaction(rng: random.Random, payment: Payment) -> dict[str, Any]:
    """The gateway answers about another charge than the one that was asked for."""
    return {"transaction_id": rng.choice(["T9999", f"{payment.transaction}0", "", "t0001"])}


WRONG: tuple[Wrong, ...] = (amount, currency, account, reference, transaction)
BOOKED_NOWHERE = {reference}
"""Money that the gateway holds for another reference is no business of this payment."""


def test_money_that_is_not_as_agreed_pays_nothing(till: Till, figure: Show, full: bool):
    rng = random.Random(SEED)
    opened = till.payments(300 if full else 8)
    wrongs = [WRONG[number % len(WRONG)] for number in range(len(opened))]
    suspense = balance("suspense", till.organization)
    expected = 0

    for payment, wrong in zip(opened, wrongs, strict=True):
        told = wrong(rng, payment)
        till.pay(payment, **told)
        expected += 0 if wrong in BOOKED_NOWHERE else told.get("amount", payment.payable)
        for _ in range(2):
            assert till.send(till.notice(payment.transaction, payment.id)).status == 200
    deliver.all()

    kept = [payments.get(payment.organization, payment.id) for payment in opened]
    paid = sum(orders.get(p.organization, p.order).status is not Status.AWAITING_PAYMENT for p in opened)
    reviewed = [bool(payment.review_reason) for payment in kept]
    held = suspense - balance("suspense", till.organization)
    text = (
        f"{len(opened)} in {len(WRONG)} ways: {paid} paid, {sum(reviewed)} with a person, difference {expected - held}"
    )
    figure("webhooks", "wrong amount, currency, account, reference or transaction pays nothing", text)
    assert effects(opened) == [NEVER] * len(opened)
    assert paid == 0
    assert held == expected
    assert reviewed == [wrong not in BOOKED_NOWHERE for wrong in wrongs]
    assert {payment.state for payment in kept} <= {State.REVIEW, State.PENDING}
