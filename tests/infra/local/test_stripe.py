"""The Stripe sandbox: what its pages and its control API do. The wire format is held by the adapter's contract."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.payments.gateways.contract import Charge, GatewayAccount
from chalicelib.payments.gateways.stripe import Stripe
from infra.local.stripe import StripeSandbox
from tests.payments.gateways.receiver import Answer, Receiver, receiver

KEY, SECRET = secrets.token_hex(16), secrets.token_hex(16)
ACCOUNT = GatewayAccount(KEY, publishable_key="pk_test_1", webhook_secrets=(SECRET,))


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def sandbox(told: Receiver) -> Iterator[StripeSandbox]:
    with StripeSandbox(KEY, SECRET, f"{told.url}/hook", stage="test", backoff=(0.05,) * 5) as running:
        yield running


def create(sandbox: StripeSandbox, reference: str = "pay_1") -> Charge:
    return Stripe(sandbox.url).create(ACCOUNT, amount=100_00, currency="THB", reference=reference)


def control(sandbox: StripeSandbox, path: str, body: Any, **headers: str) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, headers=headers, timeout=5)


def call(
    sandbox: StripeSandbox, path: str, key: str = KEY, idempotency_key: str | None = None, **options: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency_key}
    return requests.request(
        options.pop("method", "POST"), f"{sandbox.url}/v1/{path}", headers=headers, timeout=5, **options
    )


@pytest.mark.parametrize(
    ("stage", "url"), [("prod", "http://127.0.0.1/hook"), ("local", "https://shop.example/payments/webhook/stripe")]
)
def test_it_takes_no_part_in_anything_real(stage, url):
    with pytest.raises(RuntimeError, match="the Stripe sandbox"):
        StripeSandbox(KEY, SECRET, url, stage=stage)


def test_a_person_pays_on_its_page(sandbox, told):
    charge = create(sandbox)
    assert f"/pay/{charge.transaction_id}" in requests.get(sandbox.url, timeout=5).text
    page = f"{sandbox.url}/pay/{charge.transaction_id}"
    assert "Pay by card" in requests.get(page, timeout=5).text

    form = {"action": "pay", "delay": "0", "duplicates": "1"}
    answer = requests.post(page, data=form, headers={"Origin": sandbox.url}, timeout=5)

    assert (answer.status_code, "succeeded" in answer.text) == (200, True)
    told.wait_for(2)
    assert sandbox.stats()["intents"] == {"succeeded": 1}
    assert requests.post(page, data=form, headers={"Origin": "https://evil.example"}, timeout=5).status_code == 403


def test_each_action_of_the_control_api(sandbox):
    states = []
    for action in ("pay", "decline", "process", "expire", "fail"):
        charge = create(sandbox, f"pay_{action}")
        answer = control(sandbox, f"{charge.transaction_id}/{action}", {"drop": True})
        states.append((answer.status_code, answer.json()["intent"]["status"]))

    assert states == [
        (200, state) for state in ("succeeded", "requires_payment_method", "processing", *["canceled"] * 2)
    ]
    found = requests.get(f"{sandbox.url}/_sandbox/intents", params={"reference": "pay_pay"}, timeout=5).json()[
        "intents"
    ]
    assert [each["status"] for each in found] == ["succeeded"]
    assert control(sandbox, f"{found[0]['id']}/pay", {}).status_code == 409
    assert control(sandbox, f"{found[0]['id']}/burn", {}).status_code == 404
    assert control(sandbox, f"{found[0]['id']}/win", {}).status_code == 409, "nothing is disputed yet"
    assert [control(sandbox, f"{found[0]['id']}/{action}", {}).status_code for action in ("dispute", "lose")] == [
        200
    ] * 2
    assert control(sandbox, f"{found[0]['id']}/win", {}).status_code == 409, "the bank has decided"
    assert control(sandbox, f"{found[0]['id']}/notify", {"speed": 1}).status_code == 400


def test_a_webhook_is_repeated_until_it_is_taken(sandbox, told):
    told.script.extend([Answer(status=503), Answer(status=302)])
    charge = create(sandbox)

    sandbox.pay(charge.transaction_id)

    told.wait_for(3)
    told.wait(lambda: sandbox.intent(charge.transaction_id).webhook.state == "delivered")


def test_what_was_paid_outlives_the_process(tmp_path: Path, told):
    state = tmp_path / "stripe.json"
    with StripeSandbox(KEY, SECRET, f"{told.url}/hook", stage="test", state=state) as first:
        charge = create(first)
        first.pay(charge.transaction_id, drop=True)
        Stripe(first.url).refund(
            ACCOUNT, transaction_id=charge.transaction_id, amount=1000, currency="THB", key="rfd_1"
        )
        disputed = first.dispute(charge.transaction_id, "dispute", drop=True).id

    with StripeSandbox(KEY, SECRET, f"{told.url}/hook", stage="test", state=state) as second:
        assert Stripe(second.url).check(ACCOUNT, charge.transaction_id).state == "captured"
        assert second.returned(charge.transaction_id) == 1000
        assert Stripe(second.url).dispute(ACCOUNT, disputed).withdrawn > 0


def test_errors_are_told_as_stripe_tells_them(sandbox):
    sound = {"amount": "100", "currency": "thb"}
    charge = create(sandbox)
    refund = {"payment_intent": charge.transaction_id, "amount": "1"}
    wrong = "invalid_request_error"
    cases = [
        (call(sandbox, "payment_intents", "another", data=sound), 401, wrong, None),
        (call(sandbox, "payment_intents", data=sound | {"amount": "1.5"}), 400, wrong, "parameter_invalid_integer"),
        (call(sandbox, "payment_intents", data=sound | {"color": "red"}), 400, wrong, "parameter_unknown"),
        (call(sandbox, "payment_intents/pi_none", method="GET"), 404, wrong, "resource_missing"),
        (call(sandbox, "nothing", method="GET"), 404, wrong, None),
        (call(sandbox, "payment_intents", data=sound, idempotency_key="pay_1"), 400, "idempotency_error", None),
        (call(sandbox, "refunds", data=refund), 400, wrong, None),
    ]

    for answer, status, kind, code in cases:
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error.get("code")) == (status, kind, code)
        assert answer.headers["Request-Id"].startswith("req_")
        assert KEY not in answer.text


def test_a_key_replays_what_was_answered(sandbox):
    first, again = (
        call(sandbox, "payment_intents", idempotency_key="once", data={"amount": "100", "currency": "thb"})
        for _ in range(2)
    )

    assert first.json() == again.json()
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")


def test_faults_can_be_set_and_healed(sandbox):
    assert control(sandbox, "faults", {"create": {"error": 1}}).json()["create"] == {"error": 1}
    assert call(sandbox, "payment_intents", data={"amount": "100", "currency": "thb"}).status_code == 500
    assert control(sandbox, "faults", {"create": {"sorcery": 1}}).status_code == 400
    form = {"fault": "check.odd_status", "times": "2", "action": "set"}
    page = requests.post(f"{sandbox.url}/faults", data=form, headers={"Origin": sandbox.url}, timeout=5)
    assert "a status nobody has heard of" in page.text
    assert sandbox.faults.shown()["check"] == {"odd_status": 2}
