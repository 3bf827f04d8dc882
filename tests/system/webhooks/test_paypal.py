"""PayPal's webhooks, signed with a certificate: every forgery is refused, and a real one has its effect once."""

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from chalicelib.payments import gateways
from chalicelib.payments.disputes import service as disputes
from chalicelib.payments.disputes.model import State
from chalicelib.payments.gateways.paypal import PayPal
from chalicelib.payments.model import Payment
from infra.local.authority import Authority
from infra.local.paypal import PayPalSandbox
from tests import deliver
from tests.figures import Show
from tests.system.webhooks.forgeries import flipped, resized
from tests.system.webhooks.till import ONCE, Till, balance, effects, signed
from tests.system.world import watched

SEED = 20_261_125
PAYPAL = "/payments/webhook/paypal"
PROOF, WHERE = "PAYPAL-TRANSMISSION-SIG", "PAYPAL-CERT-URL"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def paypal(till: Till, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[PayPalSandbox]:
    """The adapter asks a PayPal over HTTP. What that sends itself reaches nobody."""
    account = gateways.account_of(till.organization, "paypal")
    keys, ours = (account.key_id, account.api_key), account.webhook_secrets[0]
    with PayPalSandbox(keys, ours, "http://127.0.0.1:9/", authority, stage="test", backoff=()) as running:
        others, real = gateways.of_name, PayPal(running.url, authority=authority.root)
        monkeypatch.setattr(gateways, "of_name", lambda name: real if name == real.name else others(name))
        yield running


@dataclass(frozen=True)
class Captured:
    """What somebody may have: two real webhooks with their headers, one of a dispute, what PayPal signs for another
    shop, an authority of their own, and another gateway's notice."""

    raw: bytes
    headers: dict[str, str]
    other: bytes
    other_headers: dict[str, str]
    foreign_webhook: str
    dispute: bytes
    dispute_headers: dict[str, str]
    paypal: PayPalSandbox
    own: Authority
    of_paynoi: bytes


Forged = tuple[bytes, dict[str, str], str]
"""Body, headers and path."""


def flipped_bit(rng: random.Random, held: Captured) -> Forged:
    return flipped(rng, held.raw), held.headers, PAYPAL


def longer_or_shorter(rng: random.Random, held: Captured) -> Forged:
    return resized(rng, held.raw), held.headers, PAYPAL


def dispute_with_a_flipped_bit(rng: random.Random, held: Captured) -> Forged:
    return flipped(rng, held.dispute), held.dispute_headers, PAYPAL


def dispute_for_another_shop(rng: random.Random, held: Captured) -> Forged:
    return held.dispute, held.paypal.signed(held.dispute, webhook_id=held.foreign_webhook), PAYPAL


def dispute_of_a_capture_that_is_not_ours(rng: random.Random, held: Captured) -> Forged:
    """Well signed, but nobody here was ever paid with it: an order's id is no capture's, nor is a made-up one."""
    told = json.loads(held.dispute)
    (sold,) = told["resource"]["disputed_transactions"]
    sold["seller_transaction_id"] = rng.choice([sold["seller_transaction_id"][::-1], f"{rng.randrange(10**17):017d}"])
    raw = json.dumps(told).encode()
    return raw, held.paypal.signed(raw), PAYPAL


def headers_of_another(rng: random.Random, held: Captured) -> Forged:
    return (held.raw, held.other_headers, PAYPAL) if rng.random() < 0.5 else (held.other, held.headers, PAYPAL)


def one_header_of_another(rng: random.Random, held: Captured) -> Forged:
    name = rng.choice(["PAYPAL-TRANSMISSION-ID", PROOF])
    return held.raw, held.headers | {name: held.other_headers[name]}, PAYPAL


def for_another_shop(rng: random.Random, held: Captured) -> Forged:
    """PayPal signs for whoever has an account what they want to hear, but for them."""
    return held.raw, held.paypal.signed(held.raw, webhook_id=held.foreign_webhook), PAYPAL


def by_an_authority_of_ones_own(rng: random.Random, held: Captured) -> Forged:
    id, at = held.headers["PAYPAL-TRANSMISSION-ID"], held.headers["PAYPAL-TRANSMISSION-TIME"]
    proof = held.own.sign(f"{id}|{at}|{rng.randrange(2**32)}")
    there = held.headers[WHERE].replace(held.paypal.authority.name, held.own.name)
    hosts = [there, f"https://evil.example/{held.own.name}", there.replace("127.0.0.1", "127.0.0.1.evil.example")]
    return held.raw, held.headers | {PROOF: proof, WHERE: rng.choice([held.headers[WHERE], *hosts])}, PAYPAL


def no_proof(rng: random.Random, held: Captured) -> Forged:
    proof = held.headers[PROOF]
    made = base64.b64encode(rng.randbytes(256)).decode()
    wrong = rng.choice(["", proof[:-4], proof[::-1], proof.lower(), made, "not base64!", "=" * 99, "\xe9"])
    return held.raw, held.headers | {PROOF: wrong}, PAYPAL


def another_way_to_sign(rng: random.Random, held: Captured) -> Forged:
    return held.raw, held.headers | {"PAYPAL-AUTH-ALGO": rng.choice(["", "none", "SHA1withRSA", "HS256"])}, PAYPAL


def a_header_less(rng: random.Random, held: Captured) -> Forged:
    gone = rng.choice(list(held.headers))
    return held.raw, {name: value for name, value in held.headers.items() if name != gone}, PAYPAL


def about_another_gateways_payment(rng: random.Random, held: Captured) -> Forged:
    """Well signed, by whoever has the account at PayPal; but that payment goes through PayNoi."""
    theirs = json.loads(held.raw)["resource"]["purchase_units"][0]["invoice_id"].encode()
    raw = held.raw.replace(theirs, json.loads(held.of_paynoi)["data"]["ref1"].encode())
    return raw, held.paypal.signed(raw), PAYPAL


def at_another_gateways_door(rng: random.Random, held: Captured) -> Forged:
    if rng.random() < 0.5:
        doors = ["/payments/webhook", *(f"/payments/webhook/{name}" for name in ("paynoi", "stripe", "crypto"))]
        return held.raw, held.headers, rng.choice(doors)
    return held.of_paynoi, held.paypal.signed(held.of_paynoi), PAYPAL


def noise(rng: random.Random, held: Captured) -> Forged:
    raw = rng.randbytes(rng.randrange(200))
    return raw, held.paypal.signed(raw), PAYPAL


FORGERIES: tuple[Callable[[random.Random, Captured], Forged], ...] = (
    flipped_bit,
    longer_or_shorter,
    dispute_with_a_flipped_bit,
    dispute_for_another_shop,
    dispute_of_a_capture_that_is_not_ours,
    headers_of_another,
    one_header_of_another,
    for_another_shop,
    by_an_authority_of_ones_own,
    no_proof,
    another_way_to_sign,
    a_header_less,
    about_another_gateways_payment,
    at_another_gateways_door,
    noise,
)


def notice(paypal: PayPalSandbox, payment: Payment) -> bytes:
    """As PayPal writes it of an order that was approved."""
    assert payment.transaction is not None
    order = paypal.act(payment.transaction, "approve", drop=True)
    return json.dumps(order.event(paypal.now())).encode()


def told_of(paypal: PayPalSandbox, payment: Payment, action: str) -> bytes:
    """As PayPal writes of a dispute what happened to it just now."""
    assert payment.transaction is not None
    return json.dumps(paypal.act(payment.transaction, action, drop=True).event(paypal.now())).encode()


def paid(till: Till, paypal: PayPalSandbox, count: int) -> list[Payment]:
    opened = till.payments(count, "paypal")
    for payment in opened:
        raw = notice(paypal, payment)
        assert till.send(raw, paypal.signed(raw), PAYPAL).status == 200
    deliver.all()
    return opened


def captured(till: Till, paypal: PayPalSandbox) -> Captured:
    (contested,) = paid(till, paypal, 1)
    dispute = told_of(paypal, contested, "claim")
    raw, other = (notice(paypal, payment) for payment in till.payments(2, "paypal"))
    (by_qr,) = till.payments(1, "paynoi")
    of_paynoi = signed(json.dumps({"trans_id": by_qr.transaction, "ref1": by_qr.id}), till.key)
    foreign = gateways.account_of(till.world.b.organization, "paypal").webhook_secrets[0]
    headers = [paypal.signed(each) for each in (raw, other, dispute)]
    return Captured(raw, headers[0], other, headers[1], foreign, dispute, headers[2], paypal, Authority(), of_paynoi)


def test_no_forged_webhook_is_believed(till: Till, paypal: PayPalSandbox, figure: Show, full: bool):
    held, rng = captured(till, paypal), random.Random(SEED)
    count = 10_000 if full else 360
    statuses: Counter[int] = Counter()

    with watched() as writes:
        for number in range(count):
            raw, headers, path = FORGERIES[number % len(FORGERIES)](rng, held)
            statuses[till.send(raw, headers, path).status] += 1

    text = f"{count:,} in {len(FORGERIES)} ways: {statuses[200]} accepted, {len(writes)} writes"
    figure("webhooks", "forged as PayPal's: not one is believed", text)
    assert statuses == {401: count}
    assert writes == []
    assert deliver.waiting() == []
    assert (paypal.faults.calls["capture"], paypal.faults.calls["dispute"]) == (1, 0)
    for raw, headers in ((held.raw, held.headers), (held.dispute, held.dispute_headers)):
        assert till.send(raw, headers, PAYPAL).status == 200, "what was forged from is good"
    deliver.all()


def test_a_real_one_counts_once_however_often_it_comes(till: Till, paypal: PayPalSandbox, full: bool):
    rng = random.Random(SEED)
    opened = till.payments(200 if full else 4, "paypal")
    sent = [notice(paypal, payment) for payment in opened] * 5
    rng.shuffle(sent)

    for raw in sent:
        answer = till.send(raw, paypal.signed(raw), PAYPAL)
        assert (answer.status, answer.json()) == (200, {"received": True})
    deliver.all()

    assert effects(opened) == [ONCE] * len(opened)
    assert paypal.faults.calls["capture"] == len(opened)


def test_a_dispute_counts_once_however_often_and_late_it_is_told(till: Till, paypal: PayPalSandbox, full: bool):
    rng = random.Random(SEED)
    contested = paid(till, paypal, 20 if full else 3)
    accounts = ("gateway:paypal", "disputes", "disputed-shares")
    before = [balance(account, till.organization) for account in accounts]
    steps = ("inquire", "claim", "take", "lose")
    sent = [told_of(paypal, payment, action) for action in steps for payment in contested] * 3
    rng.shuffle(sent)

    for raw in sent:
        answer = till.send(raw, paypal.signed(raw), PAYPAL)
        assert (answer.status, answer.json()) == (200, {"received": True})
    deliver.all()

    found = [disputes.of_order(till.organization, payment.order) for payment in contested]
    assert [(each.state, each.withdrawn, each.fee) for (each,) in found] == [
        (State.LOST, payment.amount, 15_00) for payment in contested
    ]
    taken = sum(payment.amount + 15_00 for payment in contested)
    now = [balance(account, till.organization) for account in accounts]
    assert [after - earlier for after, earlier in zip(now, before, strict=True)] == [-taken, 0, 0]
    assert paypal.faults.calls["refund"] == 0, "PayPal paid the buyers: nobody does so again"


def test_a_certificate_that_is_not_there_is_waited_for(till: Till, paypal: PayPalSandbox):
    """PayPal sends a webhook again that was answered with 503."""
    (payment,) = till.payments(1, "paypal")
    raw = notice(paypal, payment)
    paypal.faults.set({"certificate": {"error": 1}})

    answers = [till.send(raw, paypal.signed(raw), PAYPAL).status for _ in range(2)]

    assert answers == [503, 200]
    deliver.all()
    assert effects([payment]) == [ONCE]
