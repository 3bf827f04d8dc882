"""CloudPayments: the contract against its sandbox, then what is its own: invoices, two steps, refunds, notices."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import requests

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways.cloudpayments import PAYABLE_FOR, WEBHOOK_LIMIT, CloudPayments
from chalicelib.payments.gateways.contract import Charge, GatewayAccount, Notification, Redirect
from chalicelib.payments.gateways.terms import Terms
from infra.local.cloudpayments import CloudPaymentsSandbox, Ended, Order, notice, proof_of
from tests.payments.gateways.contract import (
    REFERENCE,
    AnyGatewayContract,
    Call,
    Ending,
    HolderContract,
    KeptChargeContract,
    LateMoneyContract,
    RefundContract,
    RefundState,
    Trouble,
)
from tests.payments.gateways.hosted import HostedLab
from tests.payments.gateways.receiver import Answer, Receiver, receiver

SECRET, OLD = secrets.token_hex(16), secrets.token_hex(16)
ACCOUNT = GatewayAccount(SECRET, "pk_site", previous_api_key=OLD)
STRANGER = GatewayAccount(secrets.token_hex(16), "pk_site")
REFUNDS: dict[RefundState, Ended] = {
    "pending": "AwaitingAuthentication",
    "settled": "Completed",
    "failed": "Declined",
}


class CloudPaymentsLab(HostedLab):
    sandbox: CloudPaymentsSandbox
    account = ACCOUNT
    stranger = STRANGER
    currency = "KZT"
    means = Redirect
    lifetime = PAYABLE_FOR

    def __init__(self, told: Receiver) -> None:
        self.time = ExitStack()
        self.told = told
        told.otherwise = Answer(body=b'{"code": 0}')
        hook = f"{told.url}/hook"
        self.sandbox = CloudPaymentsSandbox("pk_site", SECRET, hook, stage="test", backoff=(0.05,) * 20).start()
        self.gateway = CloudPayments(self.sandbox.url, timeout=(2, 0.5))

    def order(self, transaction_id: str) -> Order:
        return self.sandbox.of_invoice(transaction_id)

    def finish(self, transaction_id: str, how: Ending) -> None:
        order = self.order(transaction_id)
        if how == "expired":
            self.pass_time(self.lifetime)
        elif how == "captured":
            self.sandbox.act(order.id, "pay")
        else:
            order.two_steps = True
            self.sandbox.act(order.id, "pay")
            self.sandbox.act(order.id, "void")

    def overpay(self, transaction_id: str, amount: int) -> None:
        self.sandbox.act(self.order(transaction_id).id, "pay", amount=amount)

    def pass_time(self, by: timedelta) -> None:
        self.time.enter_context(clock.travel(by))

    def trouble(self, call: Call, kind: Trouble) -> None:
        if kind == "odd_status":
            self.sandbox.act(self.sandbox.charges()[0].id, "pay")
        super().trouble(call, kind)

    def returned(self, transaction_id: str) -> int:
        return self.order(transaction_id).returned

    def refunds_go(self, how: RefundState) -> None:
        self.sandbox.refunds_go(REFUNDS[how])


@pytest.fixture
def lab() -> Iterator[CloudPaymentsLab]:
    with receiver() as told:
        made = CloudPaymentsLab(told)
        yield made
        made.sandbox.stop()
        made.time.close()


class TestCloudPayments(AnyGatewayContract, KeptChargeContract, HolderContract, RefundContract, LateMoneyContract):
    pass


def create(lab: CloudPaymentsLab, amount: int = 100_50, currency: str = "KZT") -> Charge:
    return lab.gateway.create(ACCOUNT, amount=amount, currency=currency, reference=REFERENCE)


def paid(lab: CloudPaymentsLab) -> Charge:
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")
    return charge


def test_costs_a_cold_start_no_http_client():
    program = "import sys, chalicelib.payments.gateways.cloudpayments; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# What it sends


@pytest.mark.parametrize("two_steps", [False, True])
def test_a_request_says_exactly_what_is_documented(told, two_steps):
    gateway = CloudPayments(f"{told.url}/")
    ask = gateway.hold if two_steps else gateway.create

    with pytest.raises(Unavailable):  # the receiver's answer is none of CloudPayments'
        ask(ACCOUNT, amount=10005, currency="RUB", reference=REFERENCE)

    assert told.paths == ["/orders/create"]
    sent, headers = json.loads(told.bodies[0], parse_float=str), told.headers[0]
    terms, currency = sent["InvoiceId"].split(".")
    assert sent | {"InvoiceId": ""} == {
        "Amount": "100.05",
        "Currency": "RUB",
        "Description": REFERENCE,
        "InvoiceId": "",
        "RequireConfirmation": two_steps,
        "SendEmail": False,
    }
    assert (Terms.read(terms).reference, Terms.read(terms).amount, currency) == (REFERENCE, 10005, "RUB")
    assert headers["x-request-id"] == sent["InvoiceId"]
    assert headers["authorization"] == requests.auth._basic_auth_str("pk_site", SECRET)


@pytest.mark.parametrize("currency", ["KZT", "RUB"])
@pytest.mark.parametrize("amount", [1, 29_900, 123_456_789])
def test_amounts_are_decimals_to_the_minor_unit(lab, currency, amount):
    charge = create(lab, amount, currency)
    lab.finish(charge.transaction_id, "captured")

    status = lab.gateway.check(ACCOUNT, charge.transaction_id)
    assert (status.amount, status.currency, status.state) == (amount, currency, "captured")
    assert lab.order(charge.transaction_id).amount == amount


def test_a_currency_that_is_not_offered_asks_nobody(lab):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        create(lab, currency="THB")

    assert lab.requests() == 0


@pytest.mark.parametrize("name", ["nobody", "0" * 40 + ".THB", f"{'0' * 39}.KZT", ".KZT", ""])
def test_a_name_of_no_charge_asks_nobody(lab, name):
    for call in (lab.gateway.check, lab.gateway.cancel, lab.gateway.capture):
        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            call(ACCOUNT, name)

    assert lab.requests() == 0


# The link


def test_a_withdrawn_link_takes_no_money(lab):
    charge = create(lab)

    for _ in range(2):
        lab.gateway.cancel(ACCOUNT, charge.transaction_id)

    answer = requests.post(f"{lab.sandbox.url}/_sandbox/{lab.order(charge.transaction_id).id}/pay", json={})
    assert answer.status_code == 409
    assert lab.charges() == [REFERENCE], "withdrawing found the link that was made"


def test_what_ran_out_is_over_without_a_word(lab):
    charge = create(lab)
    lab.pass_time(PAYABLE_FOR)
    before = lab.requests()

    lab.gateway.cancel(ACCOUNT, charge.transaction_id)

    assert lab.requests() == before + 1, "it was asked whether anybody paid"


def test_a_declined_card_may_be_followed_by_another(lab):
    charge = create(lab)
    order = lab.order(charge.transaction_id)

    states = []
    for action in ("decline", "authenticate", "pay"):
        lab.sandbox.act(order.id, action)
        states.append(lab.gateway.check(ACCOUNT, charge.transaction_id).state)

    assert states == ["pending", "pending", "captured"]


# Refunds


def refund(lab: CloudPaymentsLab, charge: Charge, amount: int, key: str) -> Any:
    return lab.gateway.refund(
        ACCOUNT, transaction_id=charge.transaction_id, amount=amount, currency=charge.currency, key=key
    )


def test_a_refund_is_found_though_its_request_is_forgotten(lab):
    charge = paid(lab)
    first = refund(lab, charge, 1000, "rfd_1")
    lab.sandbox.forget_requests()

    assert refund(lab, charge, 1000, "rfd_1") == first
    assert lab.returned(charge.transaction_id) == 1000


def test_a_payment_stays_what_it_is_when_the_latest_operation_is_a_refund(lab):
    charge = paid(lab)
    refund(lab, charge, 1000, "rfd_1")

    status = lab.gateway.check(ACCOUNT, charge.transaction_id)

    assert (status.state, status.amount) == ("captured", charge.payable)


def test_a_key_that_is_refused_says_nothing_about_a_refund(lab):
    charge = paid(lab)

    with pytest.raises(Unavailable):
        lab.gateway.refund(STRANGER, transaction_id=charge.transaction_id, amount=1, currency="KZT", key="rfd_1")


@pytest.mark.parametrize(
    "changes",
    [
        {"Amount": 1.001},
        {"Amount": -1},
        {"Amount": "much"},
        {"TransactionId": "x"},
        {"InvoiceId": "another"},
        {"Status": None},
        {"Currency": 5},
    ],
)
def test_an_answer_that_makes_no_sense_is_none(told, lab, changes):
    charge = paid(lab)
    order = lab.order(charge.transaction_id)
    sound = order.shown(order.operations[0])
    for model in (sound, sound | changes):
        told.script.append(Answer(body=json.dumps({"Success": True, "Model": model}).encode()))
    gateway = CloudPayments(told.url)

    assert gateway.check(ACCOUNT, charge.transaction_id).state == "captured"
    with pytest.raises(Unavailable):
        gateway.check(ACCOUNT, charge.transaction_id)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_too_many_requests_are_no_refusal(told, lab, status):
    charge = create(lab)
    told.script.append(Answer(status=status))

    with pytest.raises(Unavailable):
        CloudPayments(told.url).check(ACCOUNT, charge.transaction_id)


# Notices


def signed(body: bytes, secret: str = SECRET, kind: str = "application/x-www-form-urlencoded") -> dict[str, str]:
    return {"content-hmac": proof_of(body, secret), "content-type": kind}


def test_a_notice_comes_as_a_form_or_as_json(lab):
    charge = paid(lab)
    form = notice(lab.order(charge.transaction_id))
    written = json.dumps({"InvoiceId": charge.transaction_id, "TransactionId": 504, "Amount": 100.5}).encode()

    for body, kind in ((form, "application/x-www-form-urlencoded; charset=utf-8"), (written, "application/json")):
        told = lab.gateway.verify(ACCOUNT, body, signed(body, kind=kind))
        assert told == Notification(charge.transaction_id, REFERENCE)
        assert lab.gateway.acknowledgement(told) == {"code": 0}


def test_either_secret_proves_a_notice(lab):
    body = notice(lab.order(paid(lab).transaction_id))

    assert [lab.gateway.verify(ACCOUNT, body, signed(body, key)).reference for key in (SECRET, OLD)] == [REFERENCE] * 2


def test_what_is_not_signed_is_refused(lab):
    body = notice(lab.order(paid(lab).transaction_id))
    good = signed(body)
    proof = good["content-hmac"]

    for shown in ("", proof[:-1], proof.lower(), "é" * 44, secrets.token_urlsafe(32)):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, body, good | {"content-hmac": shown})
    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(ACCOUNT, body, {"content-type": good["content-type"]})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"InvoiceId=",
        b"InvoiceId=pay_1",
        b"Id=1&AccountId=user",
        b"\xff\xfe",
        b"&" * 70_000,
        b"InvoiceId=" + b"0" * 40 + b".KZT&InvoiceId=" + b"0" * 40 + b".KZT",
        b" " * (WEBHOOK_LIMIT + 1),
    ],
)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", ""])
def test_what_is_no_notice_about_a_charge_is_refused(body, kind):
    gateway = CloudPayments("http://127.0.0.1:9")

    with pytest.raises(Unauthorized, match="invalid_signature"):
        gateway.verify(ACCOUNT, body, signed(body, kind=kind))


# The sandbox


@pytest.mark.parametrize(("stage", "url"), [("prod", "http://127.0.0.1/"), ("local", "https://shop.example/")])
def test_the_sandbox_is_for_this_machine(stage, url):
    with pytest.raises(RuntimeError, match="sandbox"):
        CloudPaymentsSandbox("pk", SECRET, url, stage=stage)


def test_the_sandbox_keeps_what_happened(lab, tmp_path):
    state = tmp_path / "cloudpayments.json"
    with CloudPaymentsSandbox("pk_site", SECRET, "http://127.0.0.1:9/", stage="test", state=state) as kept:
        charge = CloudPayments(kept.url).create(ACCOUNT, amount=7900, currency="KZT", reference=REFERENCE)
        kept.act(kept.of_invoice(charge.transaction_id).id, "pay", drop=True)

    with CloudPaymentsSandbox("pk_site", SECRET, "http://127.0.0.1:9/", stage="test", state=state) as again:
        assert CloudPayments(again.url).check(ACCOUNT, charge.transaction_id).state == "captured"


def test_a_person_pays_on_the_page(lab):
    charge = create(lab)
    assert isinstance(charge.means, Redirect)
    origin = {"Origin": lab.sandbox.url}

    page = requests.get(charge.means.url).text
    requests.post(charge.means.url, data={"action": "pay", "drop": "on"}, headers=origin)

    assert (REFERENCE in page, "100.50 KZT" in page) == (True, True)
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "captured"
    assert "Completed" in requests.get(lab.sandbox.url).text
    assert requests.post(charge.means.url, data={"action": "pay"}, headers=origin).status_code == 409
    assert requests.post(charge.means.url, data={"action": "pay"}).status_code == 403
    stats = requests.get(f"{lab.sandbox.url}/_sandbox/stats").json()
    assert stats["calls"]["create"] == 1
