"""PromptPay at the bank: the contract against its sandbox, then what is its own: references, days, tokens, notices."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.contract import WEBHOOK_KEY, Charge, GatewayAccount, Notification, Picture
from chalicelib.payments.gateways.promptpay import THAILAND, WEBHOOK_LIMIT, PromptPay
from chalicelib.payments.gateways.terms import Terms
from chalicelib.payments.gateways.wire import ANSWER_LIMIT
from infra.local.bank import BankSandbox, Client, Money
from tests.payments.gateways.bank import serving
from tests.payments.gateways.contract import (
    OTHER,
    REFERENCE,
    AnyGatewayContract,
    Call,
    Ending,
    LateMoneyContract,
    NoRefundContract,
    Trouble,
)
from tests.payments.gateways.receiver import Answer, Receiver, receiver

BILLER = "099400012345678"
KEY, OLD_KEY = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
CLIENT = Client(secrets.token_urlsafe(16), secrets.token_urlsafe(16), BILLER)
ACCOUNT = GatewayAccount(CLIENT.secret, CLIENT.key, BILLER, "PIX", webhook_secrets=(KEY, OLD_KEY))
STRANGER = GatewayAccount(
    secrets.token_urlsafe(16), CLIENT.key, BILLER, "PIX", webhook_secrets=(secrets.token_urlsafe(16),)
)


class PromptPayLab:
    account = ACCOUNT
    stranger = STRANGER
    currency = "THB"
    means = Picture
    lifetime = timedelta(minutes=15)

    def __init__(self, told: Receiver, bank: BankSandbox, later: ExitStack) -> None:
        self.told, self.bank, self._later = told, bank, later
        self.gateway = PromptPay(bank.url, timeout=(2, 0.5))
        self.codes: dict[str, str] = {}
        create = self.gateway.create

        def kept(account: GatewayAccount, **asked: Any) -> Charge:
            """The buyer's banking app: what it scanned."""
            charge = create(account, **asked)
            assert isinstance(charge.means, Picture)
            self.codes[charge.transaction_id] = str(charge.means.text)
            return charge

        self.gateway.create = kept  # type: ignore[method-assign]

    def pay(self, transaction_id: str, **how: Any) -> Money:
        return self.bank.pay(self.codes[transaction_id], **how)

    def finish(self, transaction_id: str, how: Ending) -> None:
        if how == "expired":
            self.pass_time(self.lifetime)
        else:
            self.pay(transaction_id, take_back=how == "failed")

    def overpay(self, transaction_id: str, amount: int) -> None:
        self.pay(transaction_id, amount=amount)

    def pass_time(self, by: timedelta) -> None:
        self._later.enter_context(clock.travel(by))

    def trouble(self, call: Call, kind: Trouble) -> None:
        if kind == "odd_status":
            self.pay(next(reversed(self.codes)))
        self.bank.misbehave(kind)

    def webhook(self) -> tuple[bytes, dict[str, str]]:
        self.told.wait_for(1)
        key = self.told.paths[-1].partition("?key=")[2]
        return self.told.bodies[-1], {**self.told.headers[-1], WEBHOOK_KEY: key}

    def charges(self) -> list[str]:
        return []

    def requests(self) -> int:
        return len(self.bank.requests)


@pytest.fixture
def lab() -> Iterator[PromptPayLab]:
    with receiver() as told, ExitStack() as later:
        bank = BankSandbox(CLIENT, f"{told.url}/hook?key={KEY}", stage="test", between_notices=())
        bank.hang = 0.8
        with serving(bank):
            yield PromptPayLab(told, bank, later)


class TestPromptPay(AnyGatewayContract, LateMoneyContract, NoRefundContract):
    pass


def test_costs_a_cold_start_no_http_client():
    program = "import sys, chalicelib.payments.gateways.promptpay; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# What the buyer pays


def test_the_code_is_a_bill_to_the_biller_with_all_that_finds_the_payment_again(lab):
    charge = _create(lab)

    code = emvco.scanned(charge.means.text)
    bill = emvco.fields(code["30"])
    assert (bill["01"], bill["02"] + bill["03"], code["54"]) == (BILLER, charge.transaction_id, "79.00")
    assert emvco.fields(code["62"]) == {"07": "PIX"}
    assert Terms.read(charge.transaction_id) == Terms(REFERENCE, charge.expires_at.replace(microsecond=0), 7900)
    assert charge.means.png == emvco.png(charge.means.text)
    assert lab.requests() == 0


def test_nothing_but_baht_is_asked_for(lab):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.create(ACCOUNT, amount=7900, currency="USD", reference=REFERENCE)


def test_charges_of_two_payments_do_not_meet(lab):
    first, second = _create(lab), lab.gateway.create(ACCOUNT, amount=7900, currency="THB", reference=OTHER)

    lab.pay(first.transaction_id)

    assert [lab.gateway.check(ACCOUNT, each.transaction_id).state for each in (first, second)] == [
        "captured",
        "pending",
    ]


def test_the_code_can_be_paid_twice_and_the_second_money_has_a_name_of_its_own(lab):
    charge = _create(lab)
    lab.pay(charge.transaction_id, amount=7900)
    lab.told.wait_for(1)
    lab.pay(charge.transaction_id, amount=7000)
    lab.told.wait_for(2)
    first, second = (lab.gateway.locate(raw, {}) for raw in lab.told.bodies)

    found = [lab.gateway.check(ACCOUNT, each.transaction_id) for each in (first, second)]

    assert [each.transaction_id for each in found] == [charge.transaction_id, second.transaction_id]
    assert [(each.state, each.amount) for each in found] == [("captured", 7900), ("captured", 7000)]
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).amount == 7900


def test_money_that_was_taken_back_leaves_its_place_to_nobody(lab):
    charge = _create(lab)
    lab.bank.take_back(lab.pay(charge.transaction_id))
    lab.told.wait_for(1)
    lab.pay(charge.transaction_id)
    lab.told.wait_for(2)

    second = lab.gateway.check(ACCOUNT, lab.gateway.locate(lab.told.bodies[1], {}).transaction_id)

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "failed"
    assert (second.state, second.transaction_id == charge.transaction_id) == ("captured", False)


def test_money_that_comes_weeks_later_is_found_on_the_day_of_its_notice(lab):
    charge = _create(lab)
    lab.pass_time(timedelta(days=20))
    lab.pay(charge.transaction_id)
    lab.told.wait_for(1)

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "expired"
    late = lab.gateway.check(ACCOUNT, lab.gateway.locate(lab.told.bodies[0], {}).transaction_id)
    assert (late.state, late.transaction_id, late.reference) == ("captured", charge.transaction_id, REFERENCE)


def test_a_notice_of_money_that_the_bank_does_not_know_changes_nothing(lab):
    charge = _create(lab)
    told = lab.gateway.locate(_notice(charge, transactionId="20261121MADEUP"), {})

    assert lab.gateway.check(ACCOUNT, told.transaction_id).state == "pending"


# What it asks


def test_an_inquiry_says_exactly_what_the_bank_documents(told):
    told.script += [_granted(), Answer(body=_found())]
    charge = PromptPay(told.url).create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE)

    status = PromptPay(f"{told.url}/").check(ACCOUNT, charge.transaction_id)

    today = f"{clock.now().astimezone(THAILAND):%Y-%m-%d}"
    name = charge.transaction_id
    assert status.state == "pending"
    assert json.loads(told.bodies[0]) == {"applicationKey": CLIENT.key, "applicationSecret": CLIENT.secret}
    assert told.paths == [
        "/v1/oauth/token",
        f"/v1/payment/billpayment/inquiry?eventCode=00300100&transactionDate={today}&billerId={BILLER}"
        f"&reference1={name[:20]}&reference2={name[20:]}",
    ]
    assert told.headers[1]["authorization"] == "Bearer token-of-ours"
    assert {each["resourceownerid"] for each in told.headers} == {CLIENT.key}
    assert len({each["requestuid"] for each in told.headers}) == 2


def test_a_charge_that_begins_before_midnight_is_looked_for_on_both_days(told, monkeypatch):
    late = datetime(2026, 11, 21, 16, 50, tzinfo=UTC)  # ten minutes to midnight in Thailand
    monkeypatch.setattr(clock, "now", lambda: late)
    gateway = PromptPay(told.url)
    name = gateway.create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE).transaction_id
    monkeypatch.setattr(clock, "now", lambda: late + timedelta(minutes=12))
    told.script += [_granted(), Answer(body=_found()), Answer(body=_found())]

    gateway.check(ACCOUNT, name)

    assert [path.partition("transactionDate=")[2][:10] for path in told.paths[1:]] == ["2026-11-21", "2026-11-22"]


def test_a_token_is_asked_for_once_until_it_ends(lab):
    charge = _create(lab)

    for _ in range(3):
        lab.gateway.check(ACCOUNT, charge.transaction_id)
    lab.pass_time(timedelta(minutes=29, seconds=30))
    lab.gateway.check(ACCOUNT, charge.transaction_id)

    assert lab.bank.requests.count("v1/oauth/token") == 2


def test_a_token_that_the_bank_ended_is_replaced(lab):
    charge = _create(lab)
    lab.gateway.check(ACCOUNT, charge.transaction_id)
    lab.bank.misbehave("ended")

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"
    assert lab.bank.requests.count("v1/oauth/token") == 2


def test_a_token_is_nobody_elses(lab):
    charge = _create(lab)
    lab.gateway.check(ACCOUNT, charge.transaction_id)

    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.check(STRANGER, charge.transaction_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "79.005"},
        {"amount": "0.00"},
        {"amount": "-79.00"},
        {"amount": "NaN"},
        {"amount": "1e30"},
        {"amount": None},
        {"transactionId": "a b"},
        {"transactionDateandTime": "yesterday"},
        {"currencyCode": 764},
    ],
)
def test_an_answer_that_makes_no_sense_is_none(told, changes):
    gateway = PromptPay(told.url)
    charge = gateway.create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE)
    told.script += [_granted(), Answer(body=_found(_paid(charge) | changes))]

    with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
        gateway.check(ACCOUNT, charge.transaction_id)


@pytest.mark.parametrize("amount", ["79", "79.0", "79.00", 79, 79.0])
def test_amounts_come_as_text_or_as_numbers(told, amount):
    gateway = PromptPay(told.url)
    charge = gateway.create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE)
    told.script += [_granted(), Answer(body=_found(_paid(charge) | {"amount": amount}))]

    assert gateway.check(ACCOUNT, charge.transaction_id).amount == 7900


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"currencyCode": "840"}, ("captured", "840", BILLER)),
        ({"payeeProxyId": "0" * 15}, ("captured", "THB", "0" * 15)),
        ({"billPaymentRef2": "SOMETHINGELSE"}, ("pending", "THB", None)),
    ],
)
def test_what_the_bank_says_otherwise_is_told(told, changes, expected):
    gateway = PromptPay(told.url)
    charge = gateway.create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE)
    told.script += [_granted(), Answer(body=_found(_paid(charge) | changes))]

    status = gateway.check(ACCOUNT, charge.transaction_id)

    assert (status.state, status.currency, status.account) == expected


def test_an_endless_answer_is_not_read(told):
    told.script += [_granted(), Answer(body=b" " * (ANSWER_LIMIT + 1))]
    gateway = PromptPay(told.url)
    charge = gateway.create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE)

    with pytest.raises(Unavailable):
        gateway.check(ACCOUNT, charge.transaction_id)


@pytest.mark.parametrize(
    "name", ["", "nobody", "a" * 40, "A" * 39, "Z" * 41, "0" * 40 + ".2026.X", "0" * 40 + ".x.y.z"]
)
def test_a_name_of_no_charge_asks_nobody(told, name):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        PromptPay(told.url).check(ACCOUNT, name)

    assert told.paths == []


# What it is told


@pytest.mark.parametrize("key", [KEY, OLD_KEY], ids=["now", "before"])
def test_a_notice_is_proven_by_any_key_of_the_address(lab, key):
    charge = _create(lab)

    told = lab.gateway.verify(ACCOUNT, _notice(charge), {WEBHOOK_KEY: key})

    assert told == Notification(f"{charge.transaction_id}.20261121.20261121ABC", REFERENCE)
    assert lab.gateway.acknowledgement(told) == {
        "resCode": "00",
        "resDesc": "success",
        "transactionId": "20261121ABC",
    }


@pytest.mark.parametrize("headers", [{}, {WEBHOOK_KEY: ""}, {WEBHOOK_KEY: KEY[:-1]}, {WEBHOOK_KEY: "ก"}])
def test_without_the_key_nothing_is_believed(lab, headers):
    charge = _create(lab)

    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(ACCOUNT, _notice(charge), headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"billPaymentRef1": "short"},
        {"billPaymentRef1": None},
        {"billPaymentRef2": 1},
        {"transactionId": ""},
        {"transactionId": "a.b"},
        {"transactionDateandTime": "soon"},
    ],
)
def test_what_is_no_notice_about_a_charge_is_refused(lab, changes):
    raw = _notice(_create(lab), **changes)

    for call in (lab.gateway.locate, lambda *told: lab.gateway.verify(ACCOUNT, *told)):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            call(raw, {WEBHOOK_KEY: KEY})


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"\xff", b"{" * 10_000, b" " * (WEBHOOK_LIMIT + 1)])
def test_noise_is_refused(raw):
    with pytest.raises(Unauthorized, match="invalid_signature"):
        PromptPay("http://127.0.0.1:9").locate(raw, {})


def test_a_notice_without_a_zone_is_of_thailand(lab):
    raw = _notice(_create(lab), transactionDateandTime="2026-11-21T00:30:00")

    assert lab.gateway.locate(raw, {}).transaction_id.split(".")[1] == "20261121"


def test_the_bank_tells_again_until_somebody_takes_it(lab):
    lab.bank._between = (0.02, 0.02)
    lab.told.otherwise = Answer(body=b"{}")
    charge = _create(lab)

    lab.pay(charge.transaction_id)

    lab.told.wait_for(3)
    assert len(set(lab.told.bodies)) == 1


@pytest.mark.parametrize(("stage", "url"), [("prod", "http://127.0.0.1/"), ("local", "https://shop.example/")])
def test_the_sandbox_is_for_this_machine(stage, url):
    with pytest.raises(RuntimeError, match="sandbox"):
        BankSandbox(CLIENT, url, stage=stage)


def test_the_bank_keeps_its_money(lab, tmp_path):
    kept = BankSandbox(CLIENT, "http://127.0.0.1:9/", tmp_path / "bank.json", stage="test")
    paid = kept.pay(str(_create(lab).means.text), notices=0)

    assert BankSandbox(CLIENT, "http://127.0.0.1:9/", tmp_path / "bank.json", stage="test").money() == [paid]


# The bank's page


def test_a_person_pays_by_pasting_the_text_of_a_code(lab):
    charge, origin = _create(lab), lab.bank.url.rpartition("/_local")[0]
    form = {"qr": f" {charge.means.text} ", "amount": "80.50", "silent": "on"}

    answer = requests.post(f"{lab.bank.url}/payments", data=form, headers={"Origin": origin}, allow_redirects=False)

    assert (answer.status_code, answer.headers["Location"]) == (303, lab.bank.url)
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).amount == 8050
    page = requests.get(lab.bank.url).text
    assert "฿80.50" in page
    assert charge.transaction_id[:20] in page


@pytest.mark.parametrize("origin", [{}, {"Origin": "https://shop.example"}])
def test_no_other_web_site_pays(lab, origin):
    answer = requests.post(f"{lab.bank.url}/payments", data={"qr": _create(lab).means.text}, headers=origin)

    assert (answer.status_code, lab.bank.money()) == (403, [])


@pytest.mark.parametrize(
    "asked", [{"qr": "nonsense"}, {"qr": "", "amount": "1"}, {"amount": "0"}, {"amount": "1.005"}, {"amount": "much"}]
)
def test_what_is_no_payment_is_refused(lab, asked):
    answer = requests.post(f"{lab.bank.url}/payments", json={"qr": _create(lab).means.text} | asked)

    assert (answer.status_code, lab.bank.money()) == (400, [])


def test_bills_of_other_billers_are_not_paid_here(lab):
    code = emvco.bill_payment("0" * 15, "A", "B", 100)

    assert requests.post(f"{lab.bank.url}/payments", json={"qr": code}).status_code == 400


def test_a_fault_is_chosen_on_the_page(lab):
    charge, origin = _create(lab), lab.bank.url.rpartition("/_local")[0]
    requests.post(f"{lab.bank.url}/payments", data={"fault": "error"}, headers={"Origin": origin})

    with pytest.raises(Unavailable):
        lab.gateway.check(ACCOUNT, charge.transaction_id)
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"


def _create(lab: PromptPayLab) -> Any:
    return lab.gateway.create(ACCOUNT, amount=7900, currency="THB", reference=REFERENCE)


def _paid(charge: Charge) -> dict[str, object]:
    return {
        "amount": "79.00",
        "transactionId": "20261121ABC",
        "transactionDateandTime": "2026-11-21T10:00:00.000+07:00",
        "currencyCode": "764",
        "payeeProxyId": BILLER,
        "billPaymentRef1": charge.transaction_id[:20],
        "billPaymentRef2": charge.transaction_id[20:],
    }


def _notice(charge: Charge, **changes: object) -> bytes:
    return json.dumps(_paid(charge) | changes).encode()


def _found(*money: dict[str, object]) -> bytes:
    return json.dumps({"status": {"code": 1000, "description": "Success"}, "data": money or None}).encode()


def _granted() -> Answer:
    data = {"accessToken": "token-of-ours", "tokenType": "Bearer", "expiresIn": 1800}
    return Answer(body=json.dumps({"status": {"code": 1000}, "data": data}).encode())
