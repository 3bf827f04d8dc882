"""Webhooks about coins, signed in a header: no forgery is believed; what came otherwise than asked is looked at."""

import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.model import Payment, State
from tests import deliver
from tests.figures import Show
from tests.system.webhooks.forgeries import flipped, resized
from tests.system.webhooks.till import NEVER, ONCE, Till, effects, signed
from tests.system.world import watched

SEED = 20_261_126
CRYPTO = "/payments/webhook/crypto"


@dataclass(frozen=True)
class Captured:
    """What somebody may have: two real webhooks with their proofs, another shop's secret, another gateway's notice."""

    raw: bytes
    proof: str
    other: bytes
    other_proof: str
    foreign_secret: str
    secret: str
    of_paynoi: bytes


Forged = tuple[bytes, str, str]
"""Body, signature and path."""


def flipped_bit(rng: random.Random, held: Captured) -> Forged:
    return flipped(rng, held.raw), held.proof, CRYPTO


def longer_or_shorter(rng: random.Random, held: Captured) -> Forged:
    return resized(rng, held.raw), held.proof, CRYPTO


def proof_of_another(rng: random.Random, held: Captured) -> Forged:
    return (held.raw, held.other_proof, CRYPTO) if rng.random() < 0.5 else (held.other, held.proof, CRYPTO)


def strangers_secret(rng: random.Random, held: Captured) -> Forged:
    secret = held.foreign_secret if rng.random() < 0.5 else rng.randbytes(20).hex()
    return held.raw, proof_of(held.raw, secret), CRYPTO


def no_proof(rng: random.Random, held: Captured) -> Forged:
    wrong = ["", held.proof[:-1], held.proof.upper(), f"sha256={held.proof}", rng.randbytes(32).hex(), "\xe9", "0" * 64]
    return held.raw, rng.choice(wrong), CRYPTO


def about_another_gateways_payment(rng: random.Random, held: Captured) -> Forged:
    """Well signed, by whoever has the account; but that payment goes through PayNoi."""
    theirs = json.loads(held.raw)["event"]["data"]["metadata"]["reference"].encode()
    raw = held.raw.replace(theirs, json.loads(held.of_paynoi)["data"]["ref1"].encode())
    return raw, proof_of(raw, held.secret), CRYPTO


def at_another_gateways_door(rng: random.Random, held: Captured) -> Forged:
    if rng.random() < 0.5:
        doors = ["/payments/webhook", *(f"/payments/webhook/{name}" for name in ("paynoi", "stripe", "promptpay"))]
        return held.raw, held.proof, rng.choice(doors)
    return held.of_paynoi, proof_of(held.of_paynoi, held.secret), CRYPTO


def noise(rng: random.Random, held: Captured) -> Forged:
    raw = rng.randbytes(rng.randrange(200))
    return raw, proof_of(raw, held.secret), CRYPTO


FORGERIES: tuple[Callable[[random.Random, Captured], Forged], ...] = (
    flipped_bit,
    longer_or_shorter,
    proof_of_another,
    strangers_secret,
    no_proof,
    about_another_gateways_payment,
    at_another_gateways_door,
    noise,
)


def proof_of(raw: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def notice(payment: Payment, kind: str = "charge:confirmed", **more: object) -> bytes:
    """As the gateway writes it, without most of what nobody reads."""
    data = {"id": payment.transaction, "metadata": {"reference": payment.id}, "timeline": [{"status": "COMPLETED"}]}
    return json.dumps({"attempt_number": 1, "event": {"type": kind, "data": data | more}}).encode()


def secret_of(organization: str) -> str:
    return gateways.account_of(organization, "crypto").webhook_secrets[0]


def captured(till: Till) -> Captured:
    secret = secret_of(till.organization)
    raw, other = (notice(payment) for payment in till.payments(2, "crypto"))
    (by_qr,) = till.payments(1, "paynoi")
    of_paynoi = signed(json.dumps({"trans_id": by_qr.transaction, "ref1": by_qr.id}), till.key)
    foreign = secret_of(till.world.b.organization)
    return Captured(raw, proof_of(raw, secret), other, proof_of(other, secret), foreign, secret, of_paynoi)


def send(till: Till, raw: bytes) -> int:
    return till.send(raw, {"X-CC-Webhook-Signature": proof_of(raw, secret_of(till.organization))}, CRYPTO).status


def test_no_forged_webhook_is_believed(till: Till, figure: Show, full: bool):
    held, rng = captured(till), random.Random(SEED)
    count = 10_000 if full else 400
    statuses: Counter[int] = Counter()

    with watched() as writes:
        for number in range(count):
            raw, proof, path = FORGERIES[number % len(FORGERIES)](rng, held)
            statuses[till.send(raw, {"X-CC-Webhook-Signature": proof}, path).status] += 1

    text = f"{count:,} in {len(FORGERIES)} ways: {statuses[200]} accepted, {len(writes)} writes"
    figure("webhooks", "forged about coins: not one is believed", text)
    assert statuses == {401: count}
    assert writes == []
    assert deliver.waiting() == []
    assert send(till, held.raw) == 200, "what was forged from is good"
    deliver.all()


def test_a_real_one_counts_once_however_often_it_comes(till: Till, full: bool):
    rng = random.Random(SEED)
    opened = till.payments(200 if full else 4, "crypto")
    for payment in opened:
        till.pay(payment)
    kinds = ("charge:pending", "charge:confirmed", "charge:delayed", "charge:failed", "charge:resolved")
    sent = [notice(payment, kind) for payment in opened for kind in kinds]
    rng.shuffle(sent)

    assert {send(till, raw) for raw in sent} == {200}
    deliver.all()

    assert effects(opened) == [ONCE] * len(opened)


def test_what_is_sent_afterwards_is_not_lost_either(till: Till):
    (payment,) = till.payments(1, "crypto")
    half = (payment.payable or 0) // 2
    till.pay(payment, amount=half)
    assert send(till, notice(payment)) == 200
    deliver.all()
    second = f"{payment.transaction}.2"
    till.world.bank.charges[second] = replace(till.world.bank.charges[str(payment.transaction)], transaction_id=second)
    paid = [{"status": "CONFIRMED", "value": {"local": {"amount": "50.00", "currency": "THB"}}}] * 2

    assert {send(till, notice(payment, payments=paid)) for _ in range(2)} == {200}
    deliver.all()

    held = payments.get(till.organization, payment.id)
    assert (held.state, held.waiting) == (State.REVIEW, half * 2)


def test_too_little_or_too_much_is_not_lost_but_waits_for_a_person(till: Till):
    opened = till.payments(2, "crypto")
    for payment, factor in zip(opened, (1, 4), strict=True):
        till.pay(payment, amount=(payment.payable or 0) * factor // 2)

    assert {send(till, notice(payment)) for payment in opened} == {200}
    deliver.all()

    held = [payments.get(till.organization, payment.id) for payment in opened]
    assert [payment.state for payment in held] == [State.REVIEW, State.REVIEW]
    assert [payment.review_reason for payment in held] == ["wrong_amount", "wrong_amount"]
    assert [payment.waiting for payment in held] == [(opened[0].payable or 0) // 2, (opened[1].payable or 0) * 2]
    assert effects(opened) == [NEVER] * 2
