"""Cryptocurrencies: the contract against the sandbox, then what is its own: what came otherwise than asked."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways.contract import Charge, GatewayAccount, Notification, Redirect, Status
from chalicelib.payments.gateways.crypto import CURRENCIES, WEBHOOK_LIMIT, Crypto
from infra.local.crypto import LIFETIME, CryptoSandbox
from tests.payments.gateways.contract import (
    Ending,
    GatewayContract,
    LateMoneyContract,
    NoRefundContract,
)
from tests.payments.gateways.hosted import HostedLab
from tests.payments.gateways.receiver import Answer, Receiver

KEY, SECRET, OLD = (secrets.token_hex(16) for _ in range(3))
SHOP = "https://shop.example/paid?lang=th"
ACCOUNT = GatewayAccount(KEY, webhook_secrets=(OLD, SECRET), return_url=SHOP)
STRANGER = GatewayAccount(secrets.token_hex(16), webhook_secrets=(secrets.token_hex(16),), return_url=SHOP)
HAPPENS = {"captured": "pay", "expired": "expire", "failed": "fail"}


class CryptoLab(HostedLab):
    sandbox: CryptoSandbox
    account = ACCOUNT
    stranger = STRANGER
    currency = "THB"
    means = Redirect
    lifetime = LIFETIME

    def __init__(self, told: Receiver) -> None:
        self.offset = timedelta()
        self.told = told
        self.sandbox = CryptoSandbox(
            KEY,
            SECRET,
            f"{told.url}/hook",
            stage="test",
            now=lambda: clock.now() + self.offset,
            backoff=(0.05,) * 20,
        ).start()
        self.gateway = Crypto(self.sandbox.url, timeout=(2, 1))

    def finish(self, transaction_id: str, how: Ending) -> None:
        self.sandbox.act(transaction_id, HAPPENS[how])

    def overpay(self, transaction_id: str, amount: int) -> None:
        self.sandbox.act(transaction_id, "pay", amount=amount)

    def pass_time(self, by: timedelta) -> None:
        self.offset += by


@pytest.fixture
def lab(told: Receiver) -> Iterator[CryptoLab]:
    made = CryptoLab(told)
    yield made
    made.sandbox.stop()


class TestCrypto(GatewayContract, LateMoneyContract, NoRefundContract):
    pass


def create(lab: CryptoLab, amount: int = 100_00, currency: str = "THB", reference: str = "pay_1") -> Charge:
    return lab.gateway.create(ACCOUNT, amount=amount, currency=currency, reference=reference)


def check(lab: CryptoLab, charge: Charge) -> Status:
    return lab.gateway.check(ACCOUNT, charge.transaction_id)


def test_it_is_offered_only_by_choice():
    assert Crypto.offer.by_choice
    assert len(set(CURRENCIES)) == len(CURRENCIES) == 23


def test_a_request_says_exactly_what_is_documented(told):
    with pytest.raises(Unavailable):  # the receiver's answer is no charge
        Crypto(f"{told.url}/").create(ACCOUNT, amount=10005, currency="THB", reference="pay_1")

    assert told.paths == ["/charges"]
    assert json.loads(told.bodies[0]) == {
        "name": "Photos",
        "description": "pay_1",
        "pricing_type": "fixed_price",
        "local_price": {"amount": "100.05", "currency": "THB"},
        "metadata": {"reference": "pay_1"},
        "redirect_url": f"{SHOP}&payment=pay_1",
        "cancel_url": f"{SHOP}&payment=pay_1",
    }
    assert (told.headers[0]["x-cc-api-key"], told.headers[0]["x-cc-version"]) == (KEY, "2018-03-22")


@pytest.mark.parametrize(
    ("currency", "amount", "written"), [("THB", 299_05, "299.05"), ("JPY", 500, "500"), ("KRW", 9000, "9000")]
)
def test_amounts_are_written_with_the_currencys_decimals(lab, currency, amount, written):
    charge = create(lab, amount, currency)
    lab.finish(charge.transaction_id, "captured")

    assert lab.sandbox.charge(charge.transaction_id).value == written
    assert (check(lab, charge).amount, check(lab, charge).currency) == (amount, currency)


def test_a_currency_it_does_not_know_is_refused_before_it_is_asked(lab):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        create(lab, 100_00, "KZT")

    assert lab.requests() == 0


# What came


@pytest.mark.parametrize(("action", "came"), [("underpay", 50_00), ("overpay", 200_00), ("pay", 100_00)])
def test_whatever_came_is_told_as_it_came(lab, action, came):
    charge = create(lab)

    lab.sandbox.act(charge.transaction_id, action)

    assert (check(lab, charge).state, check(lab, charge).amount) == ("captured", came)


def test_what_was_called_paid_over_there_is_still_what_came(lab):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "underpay")

    lab.sandbox.act(charge.transaction_id, "resolve")

    assert (check(lab, charge).state, check(lab, charge).amount) == ("captured", 50_00)


def test_what_was_seen_but_is_not_yet_in_a_block_is_no_money(lab):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "see")

    assert check(lab, charge).state == "pending"
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.cancel(ACCOUNT, charge.transaction_id)
    lab.finish(charge.transaction_id, "captured")
    assert check(lab, charge).state == "captured"


def told_of(status: str, *payments: tuple[str, str, str], asked: str = "100.00") -> bytes:
    """A charge with payments: status, amount, currency."""
    paid = [
        {"status": state, "value": {"local": {"amount": amount, "currency": currency}}}
        for state, amount, currency in payments
    ]
    data = {
        "id": "2aee9dd1-67b8-43ef-8dfe-977959850f27",
        "hosted_url": "https://commerce.coinbase.com/charges/XA6G6ZFR",
        "expires_at": "2026-11-21T20:29:20Z",
        "pricing": {"local": {"amount": asked, "currency": "THB"}, "settlement": {"amount": "3", "currency": "USDC"}},
        "metadata": {"reference": "pay_1"},
        "timeline": [{"status": "NEW", "time": "2026-11-21T19:29:20Z"}, {"status": status}],
        "payments": paid,
    }
    return json.dumps({"data": data}).encode()


@pytest.mark.parametrize(
    ("body", "state", "amount"),
    [
        (told_of("COMPLETED", ("CONFIRMED", "99.97", "THB")), "captured", 100_00),  # paid in full, says the gateway
        (told_of("UNRESOLVED", ("CONFIRMED", "99.997", "THB")), "captured", 99_99),
        (told_of("UNRESOLVED", ("CONFIRMED", "100.004", "THB")), "captured", 100_00),
        (told_of("COMPLETED", ("CONFIRMED", "60.00", "THB"), ("CONFIRMED", "40.00", "THB")), "captured", 60_00),
        (told_of("UNRESOLVED", ("CONFIRMED", "60.00", "THB"), ("PENDING", "40.00", "THB")), "captured", 60_00),
        (told_of("UNRESOLVED", ("FAILED", "60.00", "THB"), ("confirmed", "40.00", "THB")), "captured", 40_00),
        (told_of("UNRESOLVED", ("PENDING", "100.00", "THB")), "pending", 100_00),
        (told_of("UNRESOLVED"), "pending", 100_00),
        (told_of("REFUNDED", ("CONFIRMED", "100.00", "THB")), "captured", 100_00),
        (told_of("SIGNED"), "pending", 100_00),
        (told_of("CANCELED"), "expired", 100_00),
        (told_of("FAILED", ("CONFIRMED", "60.00", "THB")), "captured", 60_00),
        (told_of("EXPIRED", ("CONFIRMED", "60.00", "THB")), "captured", 60_00),
        (told_of("EXPIRED", ("PENDING", "60.00", "THB")), "pending", 60_00),
        (told_of("PENDING", ("CONFIRMED", "60.00", "THB")), "pending", 100_00),
        (told_of("MINTED"), "unknown", 100_00),
    ],
)
def test_each_end_of_a_story(told, body, state, amount):
    told.script.append(Answer(body=body))

    status = Crypto(told.url).check(ACCOUNT, "2aee9dd1-67b8-43ef-8dfe-977959850f27")

    assert (status.state, status.amount, status.currency, status.reference) == (state, amount, "THB", "pay_1")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "another"},
        {"timeline": []},
        {"timeline": None},
        {"metadata": {}},
        {"pricing": {}},
        {"pricing": {"local": {"amount": "-1", "currency": "THB"}}},
        {"pricing": {"local": {"amount": "Infinity", "currency": "THB"}}},
        {"expires_at": "2026-11-21T20:29:20"},
    ],
)
def test_an_answer_that_makes_no_sense_is_none(told, change):
    data = json.loads(told_of("NEW"))["data"]
    told.script.append(Answer(body=json.dumps({"data": data | change}).encode()))

    with pytest.raises(Unavailable):
        Crypto(told.url).check(ACCOUNT, "2aee9dd1-67b8-43ef-8dfe-977959850f27")


@pytest.mark.parametrize("change", [{"asked": "100.01"}, {"page": "http://elsewhere.example"}])
def test_a_charge_that_was_not_asked_for_is_none(told, change):
    body = json.loads(told_of("NEW", asked=change.get("asked", "100.00")))
    body["data"] |= {"hosted_url": change["page"]} if "page" in change else {}
    told.script.append(Answer(status=201, body=json.dumps(body).encode()))

    with pytest.raises(Unavailable):
        Crypto(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")


def test_each_further_money_is_a_transaction_of_its_own(lab):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "underpay")
    lab.sandbox.act(charge.transaction_id, "topup", wait=True)
    second = f"{charge.transaction_id}.2"

    told = lab.gateway.verify(ACCOUNT, lab.told.bodies[-1], lab.told.headers[-1])

    assert told == Notification(second, "pay_1")
    found = [lab.gateway.check(ACCOUNT, name) for name in (charge.transaction_id, second, f"{charge.transaction_id}.3")]
    assert [(each.transaction_id, each.state, each.amount) for each in found] == [
        (charge.transaction_id, "captured", 50_00),
        (second, "captured", 50_00),
        (f"{charge.transaction_id}.3", "pending", 100_00),
    ]


@pytest.mark.parametrize("name", ["", "a.0", "a.b", "a.1000", "../charges", "a/b", "a.2.3"])
def test_what_is_no_transactions_name_is_not_asked_about(lab, name):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.check(ACCOUNT, name)

    assert lab.requests() == 0


def test_money_in_another_currency_is_told_in_it(told):
    told.script.append(Answer(body=told_of("UNRESOLVED", ("CONFIRMED", "3.00", "USD"))))

    status = Crypto(told.url).check(ACCOUNT, "2aee9dd1-67b8-43ef-8dfe-977959850f27")

    assert (status.state, status.amount, status.currency) == ("captured", 3_00, "USD")


# Webhooks


@pytest.fixture
def event(lab) -> bytes:
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")
    return lab.webhook()[0]


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-cc-webhook-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_any_of_the_accounts_secrets_proves_a_webhook(lab, event):
    for secret in (SECRET, OLD):
        assert lab.gateway.verify(ACCOUNT, event, signed(event, secret)).reference == "pay_1"


def test_what_is_not_signed_is_refused(lab, event):
    good = signed(event)["x-cc-webhook-signature"]
    forged = ["", good.upper(), good[:-1], f"{good} ", f"sha256={good}", "0" * 64, "é" * 64]

    for proof in forged:
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, event, {"x-cc-webhook-signature": proof})
    for raw, headers in ((event, {}), (event + b" ", signed(event)), (event, signed(event, KEY))):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, raw, headers)
    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(GatewayAccount(KEY), event, signed(event))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"event": {}}',
        b'{"event": {"data": {"id": "../x", "metadata": {"reference": "pay_1"}}}}',
        b'{"event": {"data": {"id": "2aee9dd1", "metadata": {}}}}',
        b'{"event": {"data": {"id": 1, "metadata": {"reference": 1}}}}',
        b" " * WEBHOOK_LIMIT + b" {}",
    ],
)
def test_what_is_no_event_about_a_payment_of_ours_is_refused(raw):
    gateway: Any = Crypto("http://127.0.0.1")
    for proven in (lambda: gateway.locate(raw, {}), lambda: gateway.verify(ACCOUNT, raw, signed(raw))):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            proven()
