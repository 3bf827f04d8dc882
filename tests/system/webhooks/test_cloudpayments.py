"""CloudPayments' notices, signed in a header: every forgery is refused, and a real one has its effect once."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import pytest

from chalicelib.core import clock
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations
from chalicelib.organizations import store as organization_store
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.gateways.cloudpayments import CloudPayments
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.model import Payment, State
from infra.local.cloudpayments import CloudPaymentsSandbox, Order, notice, proof_of
from tests import deliver
from tests.figures import Show
from tests.payments.gateways.receiver import receiver
from tests.system.webhooks.forgeries import flipped, resized
from tests.system.webhooks.till import ONCE, Till, effects, signed
from tests.system.world import watched

SEED = 20_261_125
DOOR = "/payments/webhook/cloudpayments"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Captured:
    """What somebody may have: two real notices, another shop's secret, and the id of another gateway's payment."""

    raw: bytes
    other: bytes
    secret: str
    foreign_secret: str
    of_paynoi: str

    @property
    def proof(self) -> str:
        return proof_of(self.raw, self.secret)


Forged = tuple[bytes, str, str, str]
"""Body, signature, its media type and path."""


def flipped_bit(rng: random.Random, held: Captured) -> Forged:
    return flipped(rng, held.raw), held.proof, FORM, DOOR


def longer_or_shorter(rng: random.Random, held: Captured) -> Forged:
    return resized(rng, held.raw), held.proof, FORM, DOOR


def proof_of_another(rng: random.Random, held: Captured) -> Forged:
    if rng.random() < 0.5:
        return held.other, held.proof, FORM, DOOR
    return held.raw, proof_of(held.other, held.secret), FORM, DOOR


def strangers_secret(rng: random.Random, held: Captured) -> Forged:
    secret = held.foreign_secret if rng.random() < 0.5 else rng.randbytes(20).hex()
    return held.raw, proof_of(held.raw, secret), FORM, DOOR


def another_amount(rng: random.Random, held: Captured) -> Forged:
    told = dict(parse_qsl(held.raw.decode())) | {"Amount": f"{rng.randrange(1, 10**6)}.5"}
    return urlencode(told).encode(), held.proof, FORM, DOOR


def written_otherwise(rng: random.Random, held: Captured) -> Forged:
    """The same facts as JSON, which were not signed that way."""
    return json.dumps(dict(parse_qsl(held.raw.decode()))).encode(), held.proof, "application/json", DOOR


def another_media_type(rng: random.Random, held: Captured) -> Forged:
    return held.raw, held.proof, "application/json", DOOR


def a_name_twice(rng: random.Random, held: Captured) -> Forged:
    raw = held.raw + b"&InvoiceId=" + dict(parse_qsl(held.other.decode()))["InvoiceId"].encode()
    return raw, proof_of(raw, held.secret), FORM, DOOR


def no_proof(rng: random.Random, held: Captured) -> Forged:
    shown = ["", held.proof[:-1], held.proof.swapcase(), "=" * 44, rng.randbytes(32).hex(), "\xe9" * 44]
    return held.raw, rng.choice(shown), FORM, DOOR


def about_another_gateways_payment(rng: random.Random, held: Captured) -> Forged:
    """Well signed, by whoever has the account; but that payment goes through PayNoi."""
    invoice = f"{Terms(held.of_paynoi, clock.now() + timedelta(minutes=rng.randrange(99)), 7900).name}.KZT"
    raw = urlencode({"InvoiceId": invoice, "TransactionId": 504}).encode()
    return raw, proof_of(raw, held.secret), FORM, DOOR


def at_another_gateways_door(rng: random.Random, held: Captured) -> Forged:
    names = ["paynoi", "stripe", "promptpay", "bank_transfer", "kaspi"]
    return held.raw, held.proof, FORM, f"/payments/webhook/{rng.choice(names)}"


def noise(rng: random.Random, held: Captured) -> Forged:
    raw = rng.randbytes(rng.randrange(200))
    return raw, proof_of(raw, held.secret), rng.choice([FORM, "application/json"]), DOOR


FORGERIES: tuple[Callable[[random.Random, Captured], Forged], ...] = (
    flipped_bit,
    longer_or_shorter,
    proof_of_another,
    strangers_secret,
    another_amount,
    written_otherwise,
    another_media_type,
    a_name_twice,
    no_proof,
    about_another_gateways_payment,
    at_another_gateways_door,
    noise,
)


@pytest.fixture
def site(till: Till, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudPaymentsSandbox]:
    """The first shop sells in tenge, and has a site at CloudPayments."""
    found = organizations.get(till.organization)
    transact(organization_store.save(replace(found, currency="KZT"), was=found))
    organizations.forget()
    secret, called = secret_of(till.organization), till.world.bank.called
    site = gateways.account_of(till.organization, "cloudpayments").key_id
    with (
        receiver() as nowhere,
        CloudPaymentsSandbox(site, secret, f"{nowhere.url}/", stage="test", backoff=()) as sandbox,
    ):
        adapter = CloudPayments(sandbox.url)
        monkeypatch.setattr(gateways, "of_name", lambda name: adapter if name == adapter.name else called(name))
        yield sandbox
    found = organizations.get(till.organization)
    transact(organization_store.save(replace(found, currency="THB"), was=found))
    organizations.forget()


def secret_of(organization: str) -> str:
    return gateways.account_of(organization, "cloudpayments").api_key


def order_of(site: CloudPaymentsSandbox, payment: Payment) -> Order:
    return site.of_invoice(str(payment.transaction))


def captured(till: Till, site: CloudPaymentsSandbox) -> Captured:
    raw, other = (notice(order_of(site, each)) for each in till.payments(2, "cloudpayments"))
    (by_app,) = till.payments(1, "kaspi")
    secret, foreign = secret_of(till.organization), secret_of(till.world.b.organization)
    return Captured(raw, other, secret, foreign, by_app.id)


def send(till: Till, forged: Forged) -> int:
    raw, proof, kind, path = forged
    status: int = till.send(raw, {"Content-HMAC": proof, "Content-Type": kind}, path).status
    return status


def test_no_forged_notice_is_believed(till: Till, site: CloudPaymentsSandbox, figure: Show, full: bool):
    held, rng = captured(till, site), random.Random(SEED)
    asked = site.faults.calls.total()
    count = 10_000 if full else 420
    statuses: Counter[int] = Counter()

    with watched() as writes:
        for number in range(count):
            statuses[send(till, FORGERIES[number % len(FORGERIES)](rng, held))] += 1

    text = f"{count:,} in {len(FORGERIES)} ways: {statuses[200]} accepted, {len(writes)} writes"
    figure("webhooks", "forged as CloudPayments': not one is believed", text)
    assert statuses == {401: count}
    assert writes == []
    assert deliver.waiting() == []
    assert site.faults.calls.total() == asked, "nobody was asked"
    assert send(till, (held.raw, held.proof, FORM, DOOR)) == 200, "what was forged from is good"
    deliver.all()


def test_nobody_tells_of_money_at_kaspi(till: Till):
    raw = signed(json.dumps({"trans_id": "1", "ref1": "pay_1"}), till.key)

    assert till.send(raw, path="/payments/webhook/kaspi").status == 401


def test_a_notice_before_anybody_paid_makes_us_ask_and_no_more(till: Till, site: CloudPaymentsSandbox):
    held = captured(till, site)
    reference = dict(parse_qsl(held.raw.decode()))["Description"]

    answer = till.send(held.raw, {"Content-HMAC": held.proof, "Content-Type": FORM}, DOOR)
    deliver.all()

    assert (answer.status, answer.json()) == (200, {"code": 0})
    assert payments.get(till.organization, reference).state is State.PENDING


def test_a_real_one_counts_once_however_often_it_comes(till: Till, site: CloudPaymentsSandbox, full: bool):
    rng, secret = random.Random(SEED), secret_of(till.organization)
    opened = till.payments(200 if full else 4, "cloudpayments")
    sent = []
    for payment in opened:
        order = order_of(site, payment)
        site.act(order.id, "pay", drop=True)
        sent += [notice(order)] * 5
    rng.shuffle(sent)

    for raw in sent:
        assert send(till, (raw, proof_of(raw, secret), FORM, DOOR)) == 200
    deliver.all()

    assert effects(opened) == [ONCE] * len(opened)
