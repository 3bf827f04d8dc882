"""Stripe's webhooks, signed in a header: every forgery is refused, and a real one has its effect once."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.core import clock
from chalicelib.payments import gateways
from chalicelib.payments.gateways.stripe_wire import TOLERANCE
from chalicelib.payments.model import Payment
from infra.local.stripe_wire import Intent, event, signature
from tests import deliver
from tests.figures import Show
from tests.system.webhooks.forgeries import flipped, resized
from tests.system.webhooks.till import ONCE, Till, effects, signed
from tests.system.world import watched

SEED = 20_261_123
STRIPE = "/payments/webhook/stripe"


@dataclass(frozen=True)
class Captured:
    """What somebody may have: two real webhooks with their headers, another shop's secret, another gateway's notice."""

    raw: bytes
    header: str
    other: bytes
    other_header: str
    foreign_secret: str
    secret: str
    of_paynoi: bytes


Forged = tuple[bytes, str, str]
"""Body, signature and path."""


def flipped_bit(rng: random.Random, held: Captured) -> Forged:
    return flipped(rng, held.raw), held.header, STRIPE


def longer_or_shorter(rng: random.Random, held: Captured) -> Forged:
    return resized(rng, held.raw), held.header, STRIPE


def header_of_another(rng: random.Random, held: Captured) -> Forged:
    return (held.raw, held.other_header, STRIPE) if rng.random() < 0.5 else (held.other, held.header, STRIPE)


def strangers_secret(rng: random.Random, held: Captured) -> Forged:
    secret = held.foreign_secret if rng.random() < 0.5 else rng.randbytes(20).hex()
    return held.raw, signature(held.raw, secret, clock.now()), STRIPE


def too_old(rng: random.Random, held: Captured) -> Forged:
    at = clock.now() - timedelta(seconds=TOLERANCE + rng.randint(2, 10**6))
    return held.raw, signature(held.raw, held.secret, at), STRIPE


def fresh_time_old_proof(rng: random.Random, held: Captured) -> Forged:
    moment, proof, _ = held.header.split(",")
    return held.raw, f"t={int(moment[2:]) + rng.randint(1, 10**6)},{proof}", STRIPE


def no_proof(rng: random.Random, held: Captured) -> Forged:
    moment, proof, _ = held.header.split(",")
    headers = ["", moment, proof, f"{moment},v0={proof[3:]}", f"{moment},v1=", f"{moment},v1={rng.randbytes(32).hex()}"]
    return held.raw, rng.choice([*headers, "t=now,v1=x", ",,,", "=" * 99, f"{moment},v1=\xe9"]), STRIPE


def about_another_gateways_payment(rng: random.Random, held: Captured) -> Forged:
    """Well signed, by whoever has the account at Stripe; but that payment goes through PayNoi."""
    reference = json.loads(held.of_paynoi)["data"]["ref1"]
    raw = held.raw.replace(json.loads(held.raw)["data"]["object"]["metadata"]["reference"].encode(), reference.encode())
    return raw, signature(raw, held.secret, clock.now()), STRIPE


def at_another_gateways_door(rng: random.Random, held: Captured) -> Forged:
    if rng.random() < 0.5:
        return held.raw, held.header, rng.choice(["/payments/webhook", "/payments/webhook/paynoi"])
    return held.of_paynoi, signature(held.of_paynoi, held.secret, clock.now()), STRIPE


def noise(rng: random.Random, held: Captured) -> Forged:
    raw = rng.randbytes(rng.randrange(200))
    return raw, signature(raw, held.secret, clock.now()), STRIPE


FORGERIES: tuple[Callable[[random.Random, Captured], Forged], ...] = (
    flipped_bit,
    longer_or_shorter,
    header_of_another,
    strangers_secret,
    too_old,
    fresh_time_old_proof,
    no_proof,
    about_another_gateways_payment,
    at_another_gateways_door,
    noise,
)


def notice(payment: Payment) -> bytes:
    """As Stripe writes it."""
    assert payment.transaction is not None
    amount, currency = payment.payable or 0, payment.currency.lower()
    at = clock.now()
    intent = Intent(payment.transaction, "secret", amount, currency, {"reference": payment.id}, at, "succeeded", amount)
    return event(intent, at)


def secret_of(organization: str) -> str:
    return gateways.account_of(organization, "stripe").webhook_secrets[0]


def captured(till: Till) -> Captured:
    secret = secret_of(till.organization)
    raw, other = (notice(payment) for payment in till.payments(2, "stripe"))
    (by_qr,) = till.payments(1, "paynoi")
    of_paynoi = signed(json.dumps({"trans_id": by_qr.transaction, "ref1": by_qr.id}), till.key)
    headers = [signature(each, secret, clock.now()) for each in (raw, other)]
    return Captured(raw, headers[0], other, headers[1], secret_of(till.world.b.organization), secret, of_paynoi)


def test_no_forged_webhook_is_believed(till: Till, figure: Show, full: bool):
    held, rng = captured(till), random.Random(SEED)
    count = 10_000 if full else 400
    statuses: Counter[int] = Counter()

    with watched() as writes:
        for number in range(count):
            raw, header, path = FORGERIES[number % len(FORGERIES)](rng, held)
            statuses[till.send(raw, {"Stripe-Signature": header}, path).status] += 1

    text = f"{count:,} in {len(FORGERIES)} ways: {statuses[200]} accepted, {len(writes)} writes"
    figure("webhooks", "forged as Stripe's: not one is believed", text)
    assert statuses == {401: count}
    assert writes == []
    assert deliver.waiting() == []
    assert till.send(held.raw, {"Stripe-Signature": held.header}, STRIPE).status == 200, "what was forged from is good"
    deliver.all()


def test_a_real_one_counts_once_however_often_it_comes(till: Till, full: bool):
    rng = random.Random(SEED)
    opened = till.payments(200 if full else 4, "stripe")
    for payment in opened:
        till.pay(payment)
    sent = [notice(payment) for payment in opened] * 5
    rng.shuffle(sent)

    for raw in sent:
        header = signature(raw, secret_of(till.organization), clock.now())
        answer = till.send(raw, {"Stripe-Signature": header}, STRIPE)
        assert (answer.status, answer.json()) == (200, {"received": True})
    deliver.all()

    assert effects(opened) == [ONCE] * len(opened)
