"""Stripe: the contract against its sandbox, then what is its own: amounts, fees, keys, signatures."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable, Unprocessable
from chalicelib.payments.gateways.contract import (
    Charge,
    GatewayAccount,
    HostedFields,
    Method,
    Notification,
    Returned,
)
from chalicelib.payments.gateways.stripe import Stripe
from chalicelib.payments.gateways.stripe_wire import CURRENCIES, TOLERANCE, WEBHOOK_LIMIT
from infra.local.stripe import StripeSandbox
from infra.local.stripe_money_back import DisputeAction as StripeAction
from infra.local.stripe_wire import RefundState as StripeRefundState
from infra.local.stripe_wire import signature
from tests.payments.gateways.contract import (
    Call,
    DisputeAction,
    DisputeContract,
    Ending,
    GatewayContract,
    HolderContract,
    RefundContract,
    RefundState,
    SameChargeContract,
    Trouble,
)
from tests.payments.gateways.receiver import Answer, Receiver, receiver

KEY, SECRET, OLD = (secrets.token_hex(16) for _ in range(3))
ACCOUNT = GatewayAccount(KEY, publishable_key="pk_test_1", webhook_secrets=(OLD, SECRET))
STRANGER = GatewayAccount(secrets.token_hex(16), webhook_secrets=(secrets.token_hex(16),))
REFUNDS: dict[RefundState, StripeRefundState] = {
    "pending": "requires_action",
    "settled": "succeeded",
    "failed": "failed",
}
DISPUTES: dict[DisputeAction, StripeAction] = {
    "inquire": "inquire",
    "take": "dispute",
    "win": "win",
    "lose": "lose",
    "retract": "withdraw",
}


class StripeLab:
    account = ACCOUNT
    stranger = STRANGER
    currency = "THB"
    means = HostedFields
    lifetime = timedelta(hours=1)

    def __init__(self, told: Receiver) -> None:
        self.time = ExitStack()
        self.told = told
        self.sandbox = StripeSandbox(KEY, SECRET, f"{told.url}/hook", stage="test", backoff=(0.05,) * 20).start()
        self.gateway = Stripe(self.sandbox.url, timeout=(2, 0.5))

    def finish(self, transaction_id: str, how: Ending) -> None:
        if how == "captured":
            self.sandbox.pay(transaction_id)
        else:
            self.sandbox.end(transaction_id, how)

    def pass_time(self, by: timedelta) -> None:
        self.time.enter_context(clock.travel(by))

    def trouble(self, call: Call, kind: Trouble) -> None:
        self.sandbox.faults.set({call: {kind: 1}, "hang": 5})

    def webhook(self) -> tuple[bytes, dict[str, str]]:
        self.told.wait_for(1)
        return self.told.bodies[-1], self.told.headers[-1]

    def charges(self) -> list[str]:
        return [intent.reference for intent in self.sandbox.intents()]

    def requests(self) -> int:
        return self.sandbox.faults.calls.total()

    def returned(self, transaction_id: str) -> int:
        return self.sandbox.returned(transaction_id)

    def refunds_go(self, how: RefundState) -> None:
        self.sandbox.refunds_go(REFUNDS[how])

    def dispute(self, transaction_id: str, action: DisputeAction) -> str:
        self._all_told()  # several are on their way at once: what was told last is about the dispute
        id = self.sandbox.dispute(transaction_id, DISPUTES[action]).id
        self._all_told()
        return id

    def _all_told(self) -> None:
        self.told.wait(lambda: self.sandbox._webhook_stats()["queued"] == 0)


@pytest.fixture
def lab() -> Iterator[StripeLab]:
    with receiver() as told:
        made = StripeLab(told)
        yield made
        made.sandbox.stop()
        made.time.close()


class TestStripe(GatewayContract, HolderContract, SameChargeContract, RefundContract, DisputeContract):
    pass


def create(lab: StripeLab, amount: int = 100_00, currency: str = "THB", reference: str = "pay_1") -> Charge:
    return lab.gateway.create(ACCOUNT, amount=amount, currency=currency, reference=reference)


def test_acknowledges_as_the_gateway_expects():
    assert Stripe("http://127.0.0.1").acknowledgement(Notification("pi_1", "pay_1")) == {"received": True}


def test_costs_a_cold_start_no_sdk():
    program = "import sys, chalicelib.payments.gateways.stripe; sys.exit('stripe' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


# What it sends


def test_a_request_says_exactly_what_stripe_documents(told):
    with pytest.raises(Unavailable):  # the receiver's answer is none of Stripe's
        Stripe(f"{told.url}/").create(ACCOUNT, amount=10005, currency="THB", reference="pay_1")

    assert told.paths == ["/v1/payment_intents"]
    assert parse_qs(told.bodies[0].decode()) == {
        "amount": ["10005"],
        "currency": ["thb"],
        "automatic_payment_methods[enabled]": ["true"],
        "capture_method": ["automatic"],
        "metadata[reference]": ["pay_1"],
    }
    sent = told.headers[0]
    assert (sent["authorization"], sent["idempotency-key"]) == (f"Bearer {KEY}", "pay_1")
    assert "x-stripe-client-telemetry" not in sent


def test_a_refund_carries_its_key_twice(lab):
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")

    first = give_back(lab, charge, 1000)
    lab.sandbox.forget_keys()

    assert give_back(lab, charge, 1000) == first, "it is found though its idempotency key is forgotten"
    assert lab.returned(charge.transaction_id) == 1000


def give_back(lab: StripeLab, charge: Charge, amount: int) -> Returned:
    return lab.gateway.refund(
        ACCOUNT, transaction_id=charge.transaction_id, amount=amount, currency=charge.currency, key="rfd_1"
    )


# Amounts


@pytest.mark.parametrize(
    ("currency", "amount", "sent"),
    [("THB", 299_00, 29900), ("JPY", 500, 500), ("VND", 20_000, 20_000), ("KWD", 5_120, 5_120), ("ISK", 5, 500)],
)
def test_amounts_are_in_the_units_that_stripe_counts(lab, currency, amount, sent):
    charge = create(lab, amount, currency)
    lab.finish(charge.transaction_id, "captured")

    assert lab.sandbox.intent(charge.transaction_id).amount == sent
    status = lab.gateway.check(ACCOUNT, charge.transaction_id)
    assert (charge.payable, status.amount, status.currency) == (amount, amount, currency)
    assert give_back(lab, charge, amount).state == "settled"
    assert lab.returned(charge.transaction_id) == sent


def test_a_thousandth_is_refused_before_stripe_is_asked(lab):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        create(lab, 5_124, "KWD")

    assert lab.requests() == 0


def test_currencies_stand_once_each():
    assert len(set(CURRENCIES)) == len(CURRENCIES)
    assert {len(currency) for currency in CURRENCIES} == {3}


def test_the_fee_is_told_in_the_currency_that_was_paid_or_not_at_all(lab):
    charges = [create(lab, 100_00, currency, f"pay_{currency}") for currency in ("THB", "USD")]
    for charge in charges:
        assert lab.gateway.check(ACCOUNT, charge.transaction_id).fee is None
        lab.finish(charge.transaction_id, "captured")

    assert [lab.gateway.check(ACCOUNT, charge.transaction_id).fee for charge in charges] == [13_65, None]


# States


def test_a_card_that_was_declined_may_be_followed_by_another(lab):
    charge = create(lab)

    lab.sandbox.decline(charge.transaction_id)

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"
    lab.finish(charge.transaction_id, "captured")
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "captured"


def test_what_a_bank_is_busy_with_can_neither_be_cancelled_nor_expire(lab):
    charge = create(lab)
    lab.sandbox.process(charge.transaction_id)

    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.cancel(ACCOUNT, charge.transaction_id)
    lab.pass_time(timedelta(hours=2))

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"
    lab.finish(charge.transaction_id, "captured")
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "captured"


def test_what_has_run_out_is_cancelled_so_that_nobody_pays_it_any_more(lab):
    charge = create(lab)
    lab.pass_time(timedelta(hours=1, seconds=1))

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "expired"

    assert lab.sandbox.intent(charge.transaction_id).status == "canceled"


@pytest.mark.parametrize("call", ["create", "check", "cancel", "refund"])
def test_too_many_requests_are_no_refusal(lab, call):
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")
    lab.sandbox.faults.set({call: {"limit": 1}})

    with pytest.raises(Unavailable, match="payment_gateway_unavailable"):
        {
            "create": lambda: create(lab, reference="pay_2"),
            "check": lambda: lab.gateway.check(ACCOUNT, charge.transaction_id),
            "cancel": lambda: lab.gateway.cancel(ACCOUNT, charge.transaction_id),
            "refund": lambda: give_back(lab, charge, 1000),
        }[call]()


def test_a_key_that_is_refused_says_nothing_about_a_refund(lab):
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")

    with pytest.raises(Unavailable):
        lab.gateway.refund(STRANGER, transaction_id=charge.transaction_id, amount=1, currency="THB", key="rfd_1")


@pytest.mark.parametrize(
    "body",
    [
        {"id": "pi_1", "amount": 9999},
        {"id": "pi_1", "currency": "usd"},
        {"id": "pi 1"},
        {"client_secret": None},
        {"created": "yesterday"},
        {"amount": 100.5},
        {"amount": None},
    ],
)
def test_an_answer_that_makes_no_sense_is_none(told, body):
    sound = {
        "id": "pi_1",
        "amount": 10000,
        "currency": "thb",
        "client_secret": "pi_1_secret_x",
        "created": 1_800_000_000,
    }
    told.script.append(Answer(body=json.dumps(sound).encode()))
    told.script.append(Answer(body=json.dumps(sound | body).encode()))

    assert Stripe(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1").payable == 10000
    with pytest.raises(Unavailable):
        Stripe(told.url).create(ACCOUNT, amount=10000, currency="THB", reference="pay_1")


@pytest.mark.parametrize("body", [{"status": "reviewing"}, {"status": None}, {"id": 7}])
def test_a_refund_that_makes_no_sense_is_asked_about_again(told, body):
    sound = {"id": "re_1", "status": "succeeded", "amount": 100}
    told.script.append(Answer(body=b'{"object": "list", "data": []}'))
    told.script.append(Answer(body=json.dumps(sound | body).encode()))

    with pytest.raises(Unavailable):
        Stripe(told.url).refund(ACCOUNT, transaction_id="pi_1", amount=100, currency="THB", key="rfd_1")


# Saved methods


def test_a_saved_card_is_known_by_brand_last_digits_and_end(lab):
    assert lab.gateway.describe_method(ACCOUNT, "pm_card_visa") == Method("visa", "4242", "2040-01")


def test_what_is_no_card_is_not_saved(told):
    told.script.append(Answer(body=b'{"id": "pm_1", "object": "payment_method", "type": "promptpay"}'))

    with pytest.raises(Unprocessable, match="payment_method_unknown"):
        Stripe(told.url).describe_method(ACCOUNT, "pm_1")


def test_a_saved_card_is_forgotten_once_and_may_come_again(lab):
    customer = lab.gateway.enrol(ACCOUNT, "key-of-somebody")
    charge = create(lab)
    lab.gateway.confirm(ACCOUNT, charge.transaction_id, customer, "pm_card_visa", "https://shop.example/back")

    for _ in range(2):
        lab.gateway.detach(ACCOUNT, "pm_card_visa")
    lab.gateway.detach(ACCOUNT, "pm_of_nobody")
    assert lab.sandbox.detached == {"pm_card_visa"}

    again = create(lab, reference="pay_2")
    lab.gateway.confirm(ACCOUNT, again.transaction_id, customer, "pm_card_visa", "https://shop.example/back")
    assert lab.sandbox.detached == set()


def test_a_card_is_not_taken_for_forgotten_where_our_key_is_refused(lab):
    with pytest.raises(Unavailable):
        lab.gateway.detach(GatewayAccount("not our key"), "pm_card_visa")


# Disputes


def test_a_dispute_is_told_as_it_stands_and_by_its_events(lab):
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")
    lab.told.wait_for(1)
    dispute = lab.sandbox.dispute(charge.transaction_id, "inquire").id
    told = [lab.gateway.dispute(ACCOUNT, dispute)]

    for action in ("dispute", "review", "win"):
        lab.sandbox.dispute(charge.transaction_id, action)
        told.append(lab.gateway.dispute(ACCOUNT, dispute))

    assert [(each.state, each.withdrawn, each.fee) for each in told] == [
        ("inquiry", 0, 0),
        ("open", 100_00, 15_00),
        ("open", 100_00, 15_00),
        ("won", 0, 15_00),
    ]
    assert {(each.amount, each.currency, each.reason) for each in told} == {(100_00, "THB", "fraudulent")}
    assert all(each.due_at is not None and each.due_at > clock.now() for each in told)
    lab.told.wait_for(7)
    for body, headers in zip(lab.told.bodies[1:], lab.told.headers[1:], strict=True):
        expected = Notification(charge.transaction_id, "", dispute)
        assert lab.gateway.verify(ACCOUNT, body, headers) == expected
        with pytest.raises(Unauthorized):
            lab.gateway.verify(STRANGER, body, headers)


def test_what_was_taken_in_another_currency_is_taken_as_the_disputed_amount(lab):
    charge = create(lab, 100_00, "USD", "pay_usd")
    lab.finish(charge.transaction_id, "captured")
    dispute = lab.sandbox.dispute(charge.transaction_id, "dispute").id

    told = lab.gateway.dispute(ACCOUNT, dispute)
    lab.sandbox.dispute(charge.transaction_id, "win")

    assert (told.currency, told.withdrawn, told.fee) == ("USD", 100_00, None)
    assert lab.gateway.dispute(ACCOUNT, dispute).withdrawn == 0


# Saved cards

BACK = "https://shop.example/paid?payment=pay_1"


def test_a_card_is_kept_while_it_is_paid_with_and_pays_the_next_time(lab):
    customer = lab.gateway.enrol(ACCOUNT, "cus_anna")
    first, second = (create(lab, reference=reference) for reference in ("pay_1", "pay_2"))

    lab.gateway.keep(ACCOUNT, first.transaction_id, customer)
    assert lab.gateway.kept(ACCOUNT, first.transaction_id) is None
    lab.sandbox.pay(first.transaction_id)
    token = lab.gateway.kept(ACCOUNT, first.transaction_id)
    page = lab.gateway.confirm(ACCOUNT, second.transaction_id, customer, token, BACK)

    assert lab.gateway.enrol(ACCOUNT, "cus_anna") == customer, "asked again for the same person"
    assert (token, page) == ("pm_card_visa", None)
    assert lab.gateway.check(ACCOUNT, second.transaction_id).state == "captured"
    assert lab.sandbox.intent(second.transaction_id).customer == customer


def test_what_nobody_agreed_to_is_not_kept(lab):
    charge = create(lab)
    lab.sandbox.pay(charge.transaction_id)

    assert lab.gateway.kept(ACCOUNT, charge.transaction_id) is None


def test_a_bank_that_wants_the_buyer_to_agree_has_a_page_for_it(lab):
    charge, customer = create(lab), lab.gateway.enrol(ACCOUNT, "cus_anna")
    asking = "pm_card_authenticationRequired"

    pages = [lab.gateway.confirm(ACCOUNT, charge.transaction_id, customer, asking, BACK) for _ in range(2)]

    assert pages == [f"{lab.sandbox.url}/pay/{charge.transaction_id}"] * 2
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"
    lab.sandbox.pay(charge.transaction_id)
    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "captured"


def test_a_declined_card_leaves_the_charge_open(lab):
    charge, customer = create(lab), lab.gateway.enrol(ACCOUNT, "cus_anna")

    for token in ("pm_card_chargeDeclined", "pm_of_nobody"):
        with pytest.raises(Unprocessable, match="payment_gateway_refused"):
            lab.gateway.confirm(ACCOUNT, charge.transaction_id, customer, token, BACK)
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        lab.gateway.keep(ACCOUNT, charge.transaction_id, "cus_of_nobody")

    assert lab.gateway.check(ACCOUNT, charge.transaction_id).state == "pending"
    assert lab.gateway.confirm(ACCOUNT, charge.transaction_id, customer, "pm_card_visa", BACK) is None


@pytest.mark.parametrize("kind", ["timeout", "lost", "error", "garbage", "redirect", "limit"])
@pytest.mark.parametrize("call", ["customer", "confirm"])
def test_trouble_with_a_kept_card_is_over_with_the_next_call(lab, call, kind):
    charge, customer = create(lab), lab.gateway.enrol(ACCOUNT, "cus_anna")
    ask = {
        "customer": lambda: lab.gateway.enrol(ACCOUNT, "cus_ben"),
        "confirm": lambda: lab.gateway.keep(ACCOUNT, charge.transaction_id, customer),
    }[call]
    lab.sandbox.faults.set({call: {kind: 1}, "hang": 5})

    with pytest.raises(Unavailable):
        ask()
    ask()

    assert len(lab.sandbox.customers) == (2 if call == "customer" else 1)


def test_who_is_forgotten_is_forgotten_there_too(lab):
    customer = lab.gateway.enrol(ACCOUNT, "cus_anna")

    for _ in range(2):
        lab.gateway.dismiss(ACCOUNT, customer)

    assert lab.sandbox.customers == {}


def test_a_page_that_is_none_is_no_answer(told):
    action = {"type": "redirect_to_url", "redirect_to_url": {"url": "javascript:alert(1)"}}
    told.script += [
        Answer(body=b'{"id": "pi_1"}'),
        Answer(body=json.dumps({"id": "pi_1", "status": "requires_action", "next_action": action}).encode()),
    ]

    with pytest.raises(Unavailable):
        Stripe(told.url).confirm(ACCOUNT, "pi_1", "cus_1", "pm_1", BACK)

    assert told.paths == ["/v1/payment_intents/pi_1", "/v1/payment_intents/pi_1/confirm"]
    assert parse_qs(told.bodies[0].decode()) == {
        "customer": ["cus_1"],
        "payment_method": ["pm_1"],
        "setup_future_usage": ["on_session"],
    }
    assert parse_qs(told.bodies[1].decode()) == {
        "return_url": [BACK],
        "off_session": ["false"],
    }


# Webhooks


@pytest.fixture
def event(lab) -> bytes:
    charge = create(lab)
    lab.finish(charge.transaction_id, "captured")
    return lab.webhook()[0]


def signed(body: bytes, secret: str = SECRET, age: float = 0) -> dict[str, str]:
    return {"stripe-signature": signature(body, secret, clock.now() - timedelta(seconds=age))}


def test_any_of_the_accounts_secrets_proves_a_webhook(lab, event):
    for secret in (SECRET, OLD):
        notification = lab.gateway.verify(ACCOUNT, event, signed(event, secret))
        assert notification == Notification(json.loads(event)["data"]["object"]["id"], "pay_1")


@pytest.mark.parametrize("age", [0, TOLERANCE - 5])
def test_a_webhook_may_be_a_little_old(lab, event, age):
    assert lab.gateway.verify(ACCOUNT, event, signed(event, age=age)).reference == "pay_1"


def test_a_webhook_that_is_too_old_is_refused(lab, event):
    with pytest.raises(Unauthorized, match="invalid_signature"):
        lab.gateway.verify(ACCOUNT, event, signed(event, age=TOLERANCE + 5))


def test_what_is_not_signed_is_refused(lab, event):
    good = signed(event)["stripe-signature"]
    moment, proof, _ = good.split(",")
    forged = [
        "",
        "t=,v1=",
        moment,
        proof,
        f"t=soon,{proof}",
        f"{moment},{proof.replace('v1', 'v0')}",
        f"{moment},v1={'0' * 64}",
        f"t={int(moment[2:]) + 1},{proof}",
        f"{moment},{proof.upper()}",
        f"{moment},{proof[:-1]}",
        f"{moment},v1={'é' * 64}",
    ]

    for header in forged:
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, event, {"stripe-signature": header})
    for headers in ({}, {"stripe-signature": good.replace(proof, "")}):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            lab.gateway.verify(ACCOUNT, event, headers)
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
        b'{"object": "event", "data": {"object": {"object": "charge", "id": "ch_1", "metadata": {"reference": "p"}}}}',
        b'{"object": "event", "data": {"object": {"object": "payment_intent", "id": "pi_1", "metadata": {}}}}',
        b'{"object": "event", "data": {"object": {"object": "payment_intent", "id": 1, "metadata": {"reference": 1}}}}',
        b'{"object": "event", "data": {"object": {"object": "dispute", "id": "du_1", "payment_intent": null}}}',
        b'{"object": "event", "object": "event"}',
        b" " * WEBHOOK_LIMIT + b" {}",
    ],
)
def test_what_is_no_event_about_a_payment_of_ours_is_refused(lab, raw):
    for proven in (lambda: lab.gateway.locate(raw, {}), lambda: lab.gateway.verify(ACCOUNT, raw, signed(raw))):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            proven()
