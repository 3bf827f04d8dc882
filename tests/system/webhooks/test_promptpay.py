"""Notices of the bank, which signs nothing: without the key of the address none is believed, and with it none alone."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.gateways.promptpay import PromptPay
from chalicelib.payments.model import Payment, State
from infra.local.bank import BankSandbox, Client
from tests import deliver
from tests.figures import Show
from tests.payments.gateways.bank import serving
from tests.system.webhooks.till import ONCE, Till, effects
from tests.system.world import watched

SEED = 20_261_124
DOOR = "/payments/webhook/promptpay"


@pytest.fixture
def bank(till: Till, monkeypatch: pytest.MonkeyPatch) -> Iterator[BankSandbox]:
    """The adapter asks a bank over HTTP."""
    account = gateways.account_of(till.organization, "promptpay")
    client = Client(account.key_id, account.api_key, account.account)
    with serving(BankSandbox(client, "http://127.0.0.1:9/", stage="test")) as served:
        others, ours = gateways.of_name, PromptPay(served.url)
        monkeypatch.setattr(gateways, "of_name", lambda name: ours if name == ours.name else others(name))
        yield served


@dataclass(frozen=True)
class Captured:
    """What somebody may have: a real notice, the keys of this shop and of another one, another gateway's payment."""

    notice: dict[str, Any]
    key: str
    foreign_key: str
    of_paynoi: str


Forged = tuple[bytes, str]
"""Body and path."""


def no_key(rng: random.Random, held: Captured) -> Forged:
    return _body(held.notice), rng.choice([DOOR, f"{DOOR}?key=", f"{DOOR}?Key={held.key}", f"{DOOR}?token={held.key}"])


def wrong_key(rng: random.Random, held: Captured) -> Forged:
    at = rng.randrange(len(held.key))
    wrong = [
        held.foreign_key,
        held.key[:-1],
        held.key + "x",
        held.key[:at] + "~" + held.key[at + 1 :],
        rng.randbytes(9).hex(),
    ]
    return _body(held.notice), f"{DOOR}?key={rng.choice(wrong)}"


def key_elsewhere(rng: random.Random, held: Captured) -> Forged:
    return _body(held.notice | {"key": held.key, "x-webhook-key": held.key}), DOOR


def other_references(rng: random.Random, held: Captured) -> Forged:
    name = "".join(rng.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(40))
    changed = held.notice | {"billPaymentRef1": name[:20], "billPaymentRef2": name[20:]}
    return _body(changed), f"{DOOR}?key={held.key}"


def about_another_gateways_payment(rng: random.Random, held: Captured) -> Forged:
    name = held.of_paynoi.removeprefix("pay_") + held.notice["billPaymentRef2"][6:]
    changed = held.notice | {"billPaymentRef1": name[:20], "billPaymentRef2": name[20:]}
    return _body(changed), f"{DOOR}?key={held.key}"


def at_another_gateways_door(rng: random.Random, held: Captured) -> Forged:
    doors = [
        "/payments/webhook",
        "/payments/webhook/paynoi",
        "/payments/webhook/stripe",
        "/payments/webhook/bank_transfer",
    ]
    return _body(held.notice), f"{rng.choice(doors)}?key={held.key}"


def malformed(rng: random.Random, held: Captured) -> Forged:
    name = rng.choice(["billPaymentRef1", "billPaymentRef2", "transactionId", "transactionDateandTime"])
    changed = held.notice | {name: rng.choice([None, "", [], {}, "a b"])}
    return _body(changed), f"{DOOR}?key={held.key}"


def noise(rng: random.Random, held: Captured) -> Forged:
    return rng.randbytes(rng.randrange(200)), f"{DOOR}?key={held.key}"


FORGERIES: tuple[Callable[[random.Random, Captured], Forged], ...] = (
    no_key,
    wrong_key,
    key_elsewhere,
    other_references,
    about_another_gateways_payment,
    at_another_gateways_door,
    malformed,
    noise,
)


def captured(till: Till) -> Captured:
    key, foreign = (
        gateways.account_of(shop.organization, "promptpay").webhook_secrets[0] for shop in (till.world.a, till.world.b)
    )
    (payment,), (by_qr,) = till.payments(1, "promptpay"), till.payments(1, "paynoi")
    return Captured(notice(payment), key, foreign, by_qr.id)


def notice(payment: Payment, **changes: str) -> dict[str, Any]:
    """As the bank writes it of money that came."""
    assert payment.transaction is not None
    return {
        "transactionId": "20261121ABCDEF",
        "transactionDateandTime": f"{payment.created_at.isoformat()}",
        "billPaymentRef1": payment.transaction[:20],
        "billPaymentRef2": payment.transaction[20:],
        "amount": "79.00",
        "currencyCode": "764",
    } | changes


def _body(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode()


def test_no_forged_notice_is_believed(till: Till, bank: BankSandbox, figure: Show, full: bool):
    held, rng = captured(till), random.Random(SEED)
    count = 10_000 if full else 400
    statuses: Counter[int] = Counter()

    with watched() as writes:
        for number in range(count):
            raw, path = FORGERIES[number % len(FORGERIES)](rng, held)
            statuses[till.send(raw, path=path).status] += 1

    text = f"{count:,} in {len(FORGERIES)} ways: {statuses[200]} accepted, {len(writes)} writes"
    figure("webhooks", "forged as the bank's: not one is believed", text)
    assert statuses == {401: count}
    assert writes == []
    assert deliver.waiting() == []
    assert bank.requests == []


def test_a_notice_with_the_key_makes_us_ask_the_bank_and_no_more(till: Till, bank: BankSandbox):
    held = captured(till)
    reference = f"pay_{held.notice['billPaymentRef1']}{held.notice['billPaymentRef2'][:6]}"

    answer = till.send(_body(held.notice), path=f"{DOOR}?key={held.key}")

    assert (answer.status, answer.json()["resCode"]) == (200, "00")
    deliver.all()
    assert payments.get(till.organization, reference).state is State.PENDING, "the bank says: not paid"
    assert "v1/payment/billpayment/inquiry" in bank.requests


def test_a_real_one_counts_once_however_often_it_comes(till: Till, bank: BankSandbox, full: bool):
    rng, key = random.Random(SEED), gateways.account_of(till.organization, "promptpay").webhook_secrets[0]
    opened = till.payments(200 if full else 4, "promptpay")
    money = [bank.pay(str(payment.qr_text), notices=0) for payment in opened]
    sent = [_body(each.written()) for each in money] * 5
    rng.shuffle(sent)

    for raw in sent:
        assert till.send(raw, path=f"{DOOR}?key={key}").status == 200
    deliver.all()

    assert effects(opened) == [ONCE] * len(opened)
