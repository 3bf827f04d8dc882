"""PayPal: the contract against its sandbox, then what is its own: agreeing and capturing, amounts, certificates."""

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from typing import Any, Literal

import pytest

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.core.settings import PAYPAL, PAYPAL_SANDBOX
from chalicelib.payments.gateways.certificates import MOST_UNKNOWN, PATH
from chalicelib.payments.gateways.contract import Charge, GatewayAccount, Notification, Redirect, Returned
from chalicelib.payments.gateways.paypal import WEBHOOK_LIMIT, PayPal
from chalicelib.payments.gateways.paypal_wire import CURRENCIES, GRACE, LIFETIME
from infra.local.authority import Authority
from infra.local.paypal import PayPalSandbox
from infra.local.paypal_wire import RefundState as PayPalRefundState
from tests.payments.gateways.contract import (
    DisputeAction,
    DisputeContract,
    Ending,
    GatewayContract,
    RefundContract,
    RefundState,
    SameChargeContract,
)
from tests.payments.gateways.hosted import HostedLab
from tests.payments.gateways.receiver import Answer, Receiver

CLIENT, SECRET, WEBHOOK = (secrets.token_hex(16) for _ in range(3))
SHOP = "https://shop.example/paid"
ACCOUNT = GatewayAccount(SECRET, CLIENT, webhook_secrets=("WHOLD", WEBHOOK), return_url=SHOP)
STRANGER = GatewayAccount(secrets.token_hex(16), CLIENT, webhook_secrets=("WHOTHER",), return_url=SHOP)
REFUNDS: dict[RefundState, PayPalRefundState] = {"pending": "PENDING", "settled": "COMPLETED", "failed": "FAILED"}
HAPPENS = {"captured": "approve", "expired": "reverse", "failed": "deny"}


@cache
def authority() -> Authority:
    return Authority()


class PayPalLab(HostedLab):
    sandbox: PayPalSandbox
    account = ACCOUNT
    stranger = STRANGER
    currency = "THB"
    means = Redirect
    lifetime = LIFETIME

    def __init__(self, told: Receiver) -> None:
        self.time = ExitStack()
        self.told = told
        self.sandbox = PayPalSandbox(
            (CLIENT, SECRET), WEBHOOK, f"{told.url}/hook", authority(), stage="test", backoff=(0.05,) * 20
        ).start()
        self.gateway = PayPal(self.sandbox.url, timeout=(2, 1), authority=authority().root)

    def finish(self, transaction_id: str, how: Ending) -> None:
        """The money is taken by whoever looks first."""
        self.sandbox.act(transaction_id, HAPPENS[how])
        if how == "captured":
            self.gateway.check(ACCOUNT, transaction_id)

    def pass_time(self, by: timedelta) -> None:
        self.time.enter_context(clock.travel(by))

    def returned(self, transaction_id: str) -> int:
        return int(self.sandbox.returned(transaction_id) * 100)

    def refunds_go(self, how: RefundState) -> None:
        self.sandbox.refunds_go(REFUNDS[how])

    def dispute(self, transaction_id: str, action: DisputeAction | Literal["claim", "payout"]) -> str:
        self.told.wait(lambda: self.sandbox._webhook_stats()["queued"] == 0)  # those about the capture are through
        dispute = self.sandbox.act(transaction_id, action, wait=True).dispute
        assert dispute is not None
        return dispute.id


@pytest.fixture
def lab(told: Receiver) -> Iterator[PayPalLab]:
    made = PayPalLab(told)
    yield made
    made.sandbox.stop()
    made.time.close()


class TestPayPal(GatewayContract, SameChargeContract, RefundContract, DisputeContract):
    pass


def create(lab: PayPalLab, amount: int = 100_00, currency: str = "THB", reference: str = "pay_1") -> Charge:
    return lab.gateway.create(ACCOUNT, amount=amount, currency=currency, reference=reference)


def give_back(lab: PayPalLab, charge: Charge, amount: int) -> Returned:
    return lab.gateway.refund(
        ACCOUNT, transaction_id=charge.transaction_id, amount=amount, currency=charge.currency, key="rfd_1"
    )


def state(lab: PayPalLab, charge: Charge) -> str:
    return lab.gateway.check(ACCOUNT, charge.transaction_id).state


def test_costs_a_cold_start_no_cryptography():
    program = "import sys, chalicelib.payments.gateways.paypal; sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# What it sends


def test_a_request_says_exactly_what_paypal_documents(told):
    told.script.append(Answer(body=b'{"access_token": "A21", "token_type": "Bearer", "expires_in": 32400}'))
    with pytest.raises(Unavailable):  # the receiver's answer is none of PayPal's
        PayPal(f"{told.url}/").create(ACCOUNT, amount=10005, currency="THB", reference="pay_1")

    assert told.paths == ["/v1/oauth2/token", "/v2/checkout/orders"]
    assert told.bodies[0] == b"grant_type=client_credentials"
    assert base64.b64decode(told.headers[0]["authorization"].removeprefix("Basic ")) == f"{CLIENT}:{SECRET}".encode()
    back = f"{SHOP}?payment=pay_1"
    shown = {"user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING", "return_url": back, "cancel_url": back}
    assert json.loads(told.bodies[1]) == {
        "intent": "CAPTURE",
        "purchase_units": [{"invoice_id": "pay_1", "amount": {"currency_code": "THB", "value": "100.05"}}],
        "payment_source": {"paypal": {"experience_context": shown}},
    }
    sent = told.headers[1]
    assert (sent["authorization"], sent["paypal-request-id"]) == ("Bearer A21", "pay_1")
    assert sent["prefer"] == "return=representation"


def test_a_token_is_asked_for_once_until_it_ends(lab):
    create(lab, reference="pay_1")
    create(lab, reference="pay_2")
    assert lab.sandbox.faults.calls["token"] == 1

    lab.sandbox.faults.set({"create": {"ended": 1}})
    assert create(lab, reference="pay_3").transaction_id
    assert lab.sandbox.faults.calls["token"] == 2

    lab.pass_time(timedelta(hours=9))
    create(lab, reference="pay_4")
    assert lab.sandbox.faults.calls["token"] == 3


def test_a_refund_is_found_though_its_key_is_forgotten(lab):
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")

    first = give_back(lab, charge, 1000)
    lab.sandbox.forget_keys()

    assert give_back(lab, charge, 1000) == first
    assert lab.returned(charge.transaction_id) == 1000


@pytest.mark.parametrize("call", ["create", "check", "cancel", "capture", "refund"])
def test_too_many_requests_are_no_refusal(lab, call):
    charge = create(lab)
    if call in ("capture", "refund"):
        lab.sandbox.act(charge.transaction_id, "approve")
    if call == "refund":
        lab.gateway.check(ACCOUNT, charge.transaction_id)
    lab.sandbox.faults.set({call: {"limit": 1}})
    calls = {
        "create": lambda: create(lab, reference="pay_2"),
        "check": lambda: state(lab, charge),
        "capture": lambda: state(lab, charge),
        "cancel": lambda: lab.gateway.cancel(ACCOUNT, charge.transaction_id),
        "refund": lambda: give_back(lab, charge, 1000),
    }

    with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
        calls[call]()


def test_keys_that_are_refused_say_nothing_about_a_refund(lab):
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")

    with pytest.raises(Unavailable):
        lab.gateway.refund(STRANGER, transaction_id=charge.transaction_id, amount=1, currency="THB", key="rfd_1")


# Amounts


@pytest.mark.parametrize(
    ("currency", "amount", "written"),
    [
        ("THB", 299_05, "299.05"),
        ("JPY", 500, "500"),
        ("HUF", 1500_00, "1500"),
        ("TWD", 90_00, "90"),
        ("USD", 1, "0.01"),
    ],
)
def test_amounts_are_written_as_paypal_takes_them(lab, currency, amount, written):
    charge = create(lab, amount, currency)
    lab.finish(charge.transaction_id, "captured")

    assert lab.sandbox.charge(charge.transaction_id).value == written
    status = lab.gateway.check(ACCOUNT, charge.transaction_id)
    assert (charge.payable, status.amount, status.currency) == (amount, amount, currency)
    assert give_back(lab, charge, amount).state == "settled"
    assert str(lab.sandbox.returned(charge.transaction_id)) == written


@pytest.mark.parametrize(("amount", "currency"), [(1500_50, "HUF"), (90_01, "TWD"), (100_00, "KZT")])
def test_what_paypal_does_not_take_is_refused_before_it_is_asked(lab, amount, currency):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        create(lab, amount, currency)

    assert lab.requests() == 0


def test_currencies_stand_once_each():
    assert len(set(CURRENCIES)) == len(CURRENCIES) == 24


def test_the_fee_is_told_in_the_currency_that_was_paid_or_not_at_all(lab):
    charges = [create(lab, 100_00, currency, f"pay_{currency}") for currency in ("THB", "USD")]
    for charge in charges:
        assert lab.gateway.check(ACCOUNT, charge.transaction_id).fee is None
        lab.finish(charge.transaction_id, "captured")

    assert [lab.gateway.check(ACCOUNT, charge.transaction_id).fee for charge in charges] == [13_65, None]


# Agreeing and capturing


def test_what_the_buyer_agreed_to_is_captured_by_looking_at_it(lab):
    charge = create(lab)
    assert isinstance(charge.means, Redirect)
    assert charge.means.url == f"{lab.sandbox.url}/checkoutnow?token={charge.transaction_id}"
    lab.sandbox.act(charge.transaction_id, "approve")

    assert [state(lab, charge) for _ in range(2)] == ["captured", "captured"]

    assert lab.sandbox.faults.calls["capture"] == 1


@pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect"])
def test_a_capture_without_an_answer_is_looked_at_again(lab, kind):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "approve")
    lab.sandbox.faults.set({"capture": {kind: 1}, "hang": 5})

    with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
        state(lab, charge)

    assert state(lab, charge) == "captured"


def test_what_was_withdrawn_is_not_captured_though_the_buyer_agrees(lab):
    charge = create(lab)
    lab.gateway.cancel(ACCOUNT, charge.transaction_id)
    lab.sandbox.act(charge.transaction_id, "approve")

    assert state(lab, charge) == "expired"

    assert lab.sandbox.faults.calls["capture"] == 0


def test_what_was_agreed_to_may_still_be_withdrawn(lab):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "approve")

    lab.gateway.cancel(ACCOUNT, charge.transaction_id)

    assert state(lab, charge) == "expired"
    assert lab.sandbox.charge(charge.transaction_id).capture is None


def test_a_card_that_was_declined_may_be_followed_by_another(lab):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "decline")
    assert state(lab, charge) == "pending"

    lab.sandbox.act(charge.transaction_id, "approve")

    assert state(lab, charge) == "captured"


def test_what_paypal_looks_at_first_can_neither_be_withdrawn_nor_expire(lab):
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "hold")
    assert state(lab, charge) == "pending"

    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.cancel(ACCOUNT, charge.transaction_id)
    lab.pass_time(LIFETIME * 2)

    assert state(lab, charge) == "pending"
    lab.sandbox.act(charge.transaction_id, "release")
    assert state(lab, charge) == "captured"


@pytest.mark.parametrize(("after", "found"), [(LIFETIME, "captured"), (LIFETIME + GRACE, "expired")])
def test_what_is_agreed_to_in_the_last_moment_is_captured_a_little_later(lab, after, found):
    charge = create(lab)
    lab.pass_time(after + timedelta(seconds=1))
    lab.sandbox.act(charge.transaction_id, "approve")

    assert state(lab, charge) == found


def test_one_payment_is_captured_once_though_paypal_has_two_orders_for_it(lab):
    first = create(lab)
    lab.sandbox.forget_keys()
    second = create(lab)
    assert first.transaction_id != second.transaction_id
    for charge in (first, second):
        lab.sandbox.act(charge.transaction_id, "approve")

    assert (state(lab, first), state(lab, second)) == ("captured", "pending")


# Disputes


def contested(lab: PayPalLab, *actions: Any, currency: str = "THB") -> tuple[Charge, str]:
    charge = create(lab, currency=currency)
    lab.finish(charge.transaction_id, "captured")
    return charge, [lab.dispute(charge.transaction_id, action) for action in actions][-1]


def standing(lab: PayPalLab, dispute: str) -> tuple[str, int, int | None]:
    told = lab.gateway.dispute(ACCOUNT, dispute)
    return told.state, told.withdrawn, told.fee


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["inquire", "claim"], ("open", 0, 0)),
        (["take"], ("open", 100_00, 15_00)),
        (["inquire", "claim", "win"], ("won", 0, 0)),
        (["take", "win"], ("won", 0, 15_00)),
        (["claim", "lose"], ("lost", 100_00, 15_00)),
        (["claim", "payout"], ("won", 0, 0)),
        (["take", "payout"], ("won", 0, 15_00)),
        (["claim", "retract"], ("won", 0, 0)),
    ],
)
def test_a_claim_is_open_before_money_moves_and_who_lost_has_lost_it(lab, actions, expected):
    _, dispute = contested(lab, *actions)

    assert standing(lab, dispute) == expected


def test_each_event_of_a_dispute_is_known(lab):
    charge, dispute = contested(lab, "inquire", "claim", "lose")
    capture = lab.gateway.check(ACCOUNT, charge.transaction_id).capture

    told = [(raw, sent) for raw, sent in zip(lab.told.bodies, lab.told.headers, strict=True) if b"DISPUTE" in raw]
    kinds = [json.loads(raw)["event_type"].rsplit(".")[-1] for raw, _ in told]
    assert kinds == ["CREATED", "UPDATED", "RESOLVED"]
    assert {lab.gateway.verify(ACCOUNT, *each) for each in told} == {Notification(capture, "", dispute)}


def test_what_was_taken_in_another_currency_is_taken_as_the_disputed_amount(lab):
    charge, dispute = contested(lab, "take", currency="USD")
    assert standing(lab, dispute) == ("open", 100_00, None)

    lab.dispute(charge.transaction_id, "win")

    assert standing(lab, dispute) == ("won", 0, None)


def test_what_paypal_gave_the_buyer_is_not_given_back_again(lab):
    charge, _ = contested(lab, "claim", "lose")

    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        give_back(lab, charge, 1)


def test_a_claim_tells_until_when_it_may_be_answered(lab):
    charge, dispute = contested(lab, "claim")
    asked = lab.gateway.dispute(ACCOUNT, dispute)

    lab.dispute(charge.transaction_id, "lose")

    assert asked.due_at is not None
    assert clock.stamp(asked.due_at) == lab.sandbox.charge(charge.transaction_id).dispute.due
    assert lab.gateway.dispute(ACCOUNT, dispute).due_at is None


def disputed(**changes: Any) -> bytes:
    sound = {
        "dispute_id": "PP-R-1",
        "disputed_transactions": [{"seller_transaction_id": "CAP1"}],
        "reason": "UNAUTHORISED",
        "status": "UNDER_REVIEW",
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_amount": {"currency_code": "THB", "value": "79.00"},
    }
    return json.dumps(sound | changes).encode()


def moved(reason: str = "DISPUTE_SETTLEMENT", value: str = "79.00", **changes: Any) -> dict[str, Any]:
    money = {"currency_code": "THB", "value": value}
    return {"party": "SELLER", "type": "DEBIT", "reason": reason, "amount": money} | changes


def renamed() -> dict[str, Any]:
    """By its older name."""
    movement = moved()
    party = movement.pop("party")
    return movement | {"affected_party": party}


def resolved(code: str, **changes: Any) -> dict[str, Any]:
    return {"status": "RESOLVED", "dispute_outcome": {"outcome_code": code}} | changes


TAKEN = {"fund_movements": [moved()]}
ASKED = {"dispute_life_cycle_stage": "INQUIRY"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (ASKED | {"status": "OPEN"}, ("inquiry", 0, 0)),
        (ASKED | {"status": "WAITING_FOR_BUYER_RESPONSE"} | TAKEN, ("open", 79_00, 0)),
        ({"dispute_life_cycle_stage": "PRE_ARBITRATION"}, ("open", 0, 0)),
        ({"dispute_life_cycle_stage": "MEDITATION"}, ("unknown", 0, 0)),
        ({"status": "OTHER"} | TAKEN, ("unknown", 79_00, 0)),
        (resolved("RESOLVED_BUYER_FAVOUR"), ("lost", 0, 0)),
        (resolved("RESOLVED_BUYER_FAVOUR", **ASKED), ("closed", 0, 0)),
        (resolved("RESOLVED_BUYER_FAVOUR", **ASKED, **TAKEN), ("lost", 79_00, 0)),
        (resolved("ACCEPTED", **TAKEN), ("lost", 79_00, 0)),
        (resolved("DENIED", **TAKEN), ("won", 79_00, 0)),
        (resolved("CANCELED_BY_BUYER"), ("won", 0, 0)),
        (resolved("RESOLVED_WITH_PAYOUT", **TAKEN), ("lost", 79_00, 0)),
        (resolved("RESOLVED_WITH_PAYOUT"), ("won", 0, 0)),
        (resolved("NONE", **TAKEN), ("lost", 79_00, 0)),
        (resolved("ENLIGHTENED", **TAKEN), ("unknown", 79_00, 0)),
        ({"status": "RESOLVED"}, ("unknown", 0, 0)),
        ({"money_movements": [renamed()]}, ("open", 79_00, 0)),
        ({"money_movements": [renamed()], "fund_movements": [moved(value="80.00")]}, ("open", 80_00, 0)),
        ({"fund_movements": [moved(), moved(party="BUYER", type="CREDIT")]}, ("open", 79_00, 0)),
        ({"fund_movements": [moved(), moved(type="CREDIT", value="100.00")]}, ("open", 0, 0)),
        ({"fund_movements": [moved("CHARGEBACK_FEE", "15.00"), moved("DISPUTE_FEE", "1.00")]}, ("open", 0, 16_00)),
        ({"fund_movements": [moved("REVERSED_TRANSACTION_FEE", "3.00", type="CREDIT")]}, ("open", 0, -3_00)),
    ],
)
def test_a_dispute_stands_as_stage_outcome_and_money_tell(told, changes, expected):
    told.script += [Answer(body=GRANTED), Answer(body=disputed(**changes))]

    found = PayPal(told.url).dispute(ACCOUNT, "PP-R-1")

    assert (found.state, found.withdrawn, found.fee) == expected
    assert (found.transaction_id, found.amount, found.currency) == ("CAP1", 79_00, "THB")
    assert told.paths[-1] == "/v1/customer/disputes/PP-R-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"dispute_id": "PP-R-2"},
        {"disputed_transactions": []},
        {"disputed_transactions": [{"seller_transaction_id": "CAP1"}, {"seller_transaction_id": "CAP2"}]},
        {"disputed_transactions": [{"seller_transaction_id": "../CAP1"}]},
        {"dispute_amount": {"currency_code": "THB", "value": "79.001"}},
        {"reason": "a word\n"},
        {"seller_response_due_date": "tomorrow"},
        {"fund_movements": [moved(type="HOLD")]},
        {"fund_movements": [moved(party="SOMEBODY")]},
        {"fund_movements": [moved(amount=None)]},
    ],
)
def test_a_dispute_that_makes_no_sense_is_no_answer(told, changes):
    told.script += [Answer(body=GRANTED), Answer(body=disputed(**changes))]

    with pytest.raises(Unavailable):
        PayPal(told.url).dispute(ACCOUNT, "PP-R-1")


# Answers that make no sense


def order(**changes: Any) -> bytes:
    sound = {
        "id": "5O190127TN364715T",
        "status": "PAYER_ACTION_REQUIRED",
        "create_time": clock.stamp(clock.now()),
        "purchase_units": [{"invoice_id": "pay_1", "amount": {"currency_code": "THB", "value": "100.00"}}],
        "links": [{"rel": "payer-action", "href": "https://www.paypal.com/checkoutnow?token=5O190127TN364715T"}],
    }
    return json.dumps(sound | changes).encode()


def unit(**changes: Any) -> dict[str, Any]:
    return {
        "purchase_units": [{"invoice_id": "pay_1", "amount": {"currency_code": "THB", "value": "100.00"}} | changes]
    }


GRANTED = b'{"access_token": "A21", "expires_in": 32400}'


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "5O 190"},
        {"create_time": "yesterday"},
        {"create_time": "2026-11-21T10:00:00"},
        {"purchase_units": []},
        {"links": []},
        {"links": [{"rel": "payer-action", "href": "http://elsewhere.example"}]},
        unit(invoice_id="pay_2"),
        unit(amount={"currency_code": "USD", "value": "100.00"}),
        unit(amount={"currency_code": "THB", "value": "100.01"}),
        unit(amount={"currency_code": "THB", "value": "100.001"}),
        unit(amount={"currency_code": "THB", "value": "-1"}),
        unit(amount={"currency_code": "THB", "value": "NaN"}),
    ],
)
def test_an_answer_that_makes_no_sense_is_none(told, changes):
    gateway = PayPal(told.url)
    told.script += [Answer(body=GRANTED), Answer(status=201, body=order()), Answer(status=201, body=order(**changes))]

    assert gateway.create(ACCOUNT, amount=10000, currency="THB", reference="pay_1").payable == 10000
    with pytest.raises(Unavailable):
        gateway.create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")


def test_an_answer_about_another_order_is_none(told):
    told.script += [Answer(body=GRANTED), Answer(body=order(id="6O190127TN364715T"))]

    with pytest.raises(Unavailable):
        PayPal(told.url).check(ACCOUNT, "5O190127TN364715T")


def test_the_link_may_go_by_its_older_name(told):
    links = [{"rel": "approve", "href": "https://www.paypal.com/checkoutnow?token=1"}]
    told.script += [Answer(body=GRANTED), Answer(status=201, body=order(status="CREATED", links=links))]

    charge = PayPal(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")

    assert charge.means == Redirect("https://www.paypal.com/checkoutnow?token=1")


# Webhooks


@pytest.fixture
def event(lab) -> bytes:
    charge = create(lab)
    lab.sandbox.act(charge.transaction_id, "approve")
    return lab.webhook()[0]


def headers(lab: PayPalLab, body: bytes, webhook: str = WEBHOOK) -> dict[str, str]:
    return {name.lower(): value for name, value in lab.sandbox.signed(body, webhook_id=webhook).items()}


def test_each_kind_of_event_is_known(lab):
    seen = {}
    for number, action in enumerate(("approve", "hold", "deny", "reverse")):
        charge = create(lab, reference=f"pay_{number}")
        lab.sandbox.act(charge.transaction_id, action, wait=True)
        raw, sent = lab.told.bodies[-1], lab.told.headers[-1]
        told = lab.gateway.verify(ACCOUNT, raw, sent)
        assert told == Notification(charge.transaction_id, f"pay_{number}")
        seen[action] = json.loads(raw)["event_type"]

    assert seen == {
        "approve": "CHECKOUT.ORDER.APPROVED",
        "hold": "CHECKOUT.ORDER.APPROVED",
        "deny": "PAYMENT.CAPTURE.DECLINED",
        "reverse": "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    }


def test_any_of_the_accounts_webhooks_proves_one(lab, event):
    for webhook in (WEBHOOK, "WHOLD"):
        assert lab.gateway.verify(ACCOUNT, event, headers(lab, event, webhook)).reference == "pay_1"


def test_a_certificate_is_fetched_once(lab, event):
    for _ in range(3):
        lab.gateway.verify(ACCOUNT, event, headers(lab, event))
    assert lab.sandbox.faults.calls["certificate"] == 1

    lab.pass_time(timedelta(hours=13))
    lab.gateway.verify(ACCOUNT, event, headers(lab, event))
    assert lab.sandbox.faults.calls["certificate"] == 2


@pytest.mark.parametrize("kind", ["timeout", "error"])
def test_where_the_certificate_cannot_be_had_the_webhook_is_to_come_again(lab, event, kind):
    lab.sandbox.faults.set({"certificate": {kind: 1}, "hang": 5})

    with pytest.raises(Unavailable):
        lab.gateway.verify(ACCOUNT, event, headers(lab, event))
    assert lab.gateway.verify(ACCOUNT, event, headers(lab, event)).reference == "pay_1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "{url}",
        "{url}/v1/notifications/certs/",
        "{url}/v1/notifications/certs/../../v2/checkout/orders",
        "{url}/v1/notifications/certs/CERT-1",
        "{url}/v1/notifications/certs/made-up",
        "{url}/v1/notifications/certs/CERT-12345678-12345678-1234567g",
        "{url}/v1/notifications/certs/CERT-12345678-12345678-12345678?x=1",
        "{url}/v1/notifications/certs/CERT-12345678-12345678-12345678#x",
        "{url}.evil.example/v1/notifications/certs/CERT-1",
        "{url}@evil.example/v1/notifications/certs/CERT-1",
        "http://evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
    ],
)
def test_a_certificate_from_elsewhere_is_not_even_fetched(lab, event, url):
    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(ACCOUNT, event, headers(lab, event) | {"paypal-cert-url": url.format(url=lab.sandbox.url)})

    assert lab.sandbox.faults.calls["certificate"] == lab.sandbox.faults.calls["other"] == 0


def test_a_made_up_certificate_is_asked_for_once_and_few_of_them(lab, event):
    made_up = [f"{lab.sandbox.url}{PATH}CERT-{number:08x}-12345678-12345678" for number in range(2 * MOST_UNKNOWN)]

    for url in made_up * 3:
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, event, headers(lab, event) | {"paypal-cert-url": url})
    assert lab.sandbox.faults.calls["certificate"] == MOST_UNKNOWN

    lab.pass_time(timedelta(minutes=11))
    assert lab.gateway.verify(ACCOUNT, event, headers(lab, event)).reference == "pay_1"


def test_a_certificate_that_is_known_is_renewed_whatever_strangers_make_up(lab, event):
    lab.gateway.verify(ACCOUNT, event, headers(lab, event))
    lab.pass_time(timedelta(hours=13))
    for number in range(MOST_UNKNOWN):
        url = f"{lab.sandbox.url}{PATH}CERT-{number:08x}-12345678-12345678"
        with pytest.raises(Unauthorized):
            lab.gateway.verify(ACCOUNT, event, headers(lab, event) | {"paypal-cert-url": url})

    assert lab.gateway.verify(ACCOUNT, event, headers(lab, event)).reference == "pay_1"


def test_the_live_account_believes_no_certificate_of_the_sandbox():
    live, practice = (PayPal(url)._certificates for url in (PAYPAL, PAYPAL_SANDBOX))

    assert set(live._lines) == {f"https://{host}{PATH}" for host in ("api-m.paypal.com", "api.paypal.com")}
    assert set(practice._lines) == {
        f"https://{host}{PATH}" for host in ("api-m.sandbox.paypal.com", "api.sandbox.paypal.com")
    }
    assert (live._subject, practice._subject) == (
        "messageverificationcerts.paypal.com",
        "messageverificationcerts.sandbox.paypal.com",
    )


def test_the_roots_that_the_public_has_vouch_for_no_one_here(lab, event):
    public = PayPal(lab.sandbox.url)

    with pytest.raises(Unauthorized, match="invalid_signature"):
        public.verify(ACCOUNT, event, headers(lab, event))
    assert lab.sandbox.faults.calls["certificate"] == 1


def test_another_root_vouches_for_nobody(lab, event):
    lab.sandbox.authority = Authority()

    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(ACCOUNT, event, headers(lab, event))


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Authority("messageverificationcerts.paypal.com"),
        lambda: Authority("paypal.com.evil.example"),
        lambda: Authority(since=clock.now() - 9 * DAY, lasts=8 * DAY),
        lambda: Authority(since=clock.now() + DAY),
    ],
)
def test_a_certificate_of_somebody_else_or_another_time_proves_nothing(lab, event, made):
    lab.sandbox.authority = made()
    gateway = PayPal(lab.sandbox.url, authority=lab.sandbox.authority.root)

    with pytest.raises(Unauthorized, match="invalid_signature"):
        gateway.verify(ACCOUNT, event, headers(lab, event))


def test_certificates_lead_to_the_root_or_prove_nothing(lab, event):
    whole = authority().certificates
    end = b"-----END CERTIFICATE-----\n"
    lab.sandbox.authority = made = Authority()
    own, between = (part + end for part in made.certificates.split(end)[:2])

    for chain in (own, between, whole, b"", b"<html>", between + own):
        made.certificates, gateway = chain, PayPal(lab.sandbox.url, authority=made.root)
        with pytest.raises(Unauthorized, match="invalid_signature"):
            gateway.verify(ACCOUNT, event, headers(lab, event))
    made.certificates, gateway = own + between, PayPal(lab.sandbox.url, authority=made.root)
    assert gateway.verify(ACCOUNT, event, headers(lab, event)).reference == "pay_1"


def test_what_is_not_signed_is_refused(lab, event):
    good = headers(lab, event)
    proof = good["paypal-transmission-sig"]
    wrong = [
        {"transmission-id": ""},
        {"transmission-id": "another"},
        {"transmission-id": f"{good['paypal-transmission-id']}|x"},
        {"transmission-time": "2026-11-21T00:00:00Z"},
        {"transmission-sig": ""},
        {"transmission-sig": proof[:-4]},
        {"transmission-sig": f"{proof} "},
        {"transmission-sig": base64.b64encode(secrets.token_bytes(256)).decode()},
        {"transmission-sig": "é" * 64},
        {"auth-algo": "SHA1withRSA"},
        {"auth-algo": ""},
    ]

    assert lab.gateway.verify(ACCOUNT, event, good).reference == "pay_1"
    others = [good | {f"paypal-{name}": value for name, value in changes.items()} for changes in wrong]
    for sent in (*others, {}, headers(lab, event, "WHNONE"), headers(lab, event + b" ")):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, event, sent)
    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(GatewayAccount(SECRET, CLIENT), event, good)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"resource": {}}',
        b'{"resource": {"id": "5O1", "purchase_units": []}}',
        b'{"resource": {"id": "5O1", "purchase_units": [{"invoice_id": 1}]}}',
        b'{"resource": {"id": "../x", "purchase_units": [{"invoice_id": "pay_1"}]}}',
        b'{"resource": {"id": "2GG", "invoice_id": "pay_1", "status": "COMPLETED"}}',
        b'{"resource": {"id": "5O1", "purchase_units": [{"invoice_id": "pay_1"}, {"invoice_id": "pay_2"}]}}',
        b'{"resource": {"dispute_id": "PP-1", "disputed_transactions": []}}',
        b'{"resource": {"dispute_id": "PP-1/../x", "disputed_transactions": [{"seller_transaction_id": "C1"}]}}',
        b'{"resource": {"dispute_id": "PP-1", "disputed_transactions": [{"seller_transaction_id": "c:1"}]}}',
        b" " * WEBHOOK_LIMIT + b" {}",
    ],
)
def test_what_is_no_event_about_a_payment_of_ours_is_refused(lab, raw):
    for proven in (lambda: lab.gateway.locate(raw, {}), lambda: lab.gateway.verify(ACCOUNT, raw, headers(lab, raw))):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            proven()
    assert lab.sandbox.faults.calls["certificate"] == 0
