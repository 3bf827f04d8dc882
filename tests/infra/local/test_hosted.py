"""The sandboxes with pages of their own: what pages and control API do. Wire formats are held by the contracts."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.payments.gateways.contract import Charge, GatewayAccount
from chalicelib.payments.gateways.crypto import Crypto
from chalicelib.payments.gateways.paypal import PayPal
from infra.local.authority import Authority
from infra.local.crypto import CryptoSandbox
from infra.local.hosted import HostedSandbox
from infra.local.paypal import PayPalSandbox
from tests.payments.gateways.receiver import Answer, Receiver, receiver

CLIENT, KEY, SECRET = (secrets.token_hex(16) for _ in range(3))
ACCOUNT = GatewayAccount(KEY, CLIENT, webhook_secrets=(SECRET,), return_url="https://shop.example/paid")
Made = Callable[..., HostedSandbox[Any]]


@cache
def authority() -> Authority:
    return Authority()


def paypal(url: str, **options: Any) -> PayPalSandbox:
    return PayPalSandbox((CLIENT, KEY), SECRET, url, authority(), **options)


def crypto(url: str, **options: Any) -> CryptoSandbox:
    return CryptoSandbox(KEY, SECRET, url, **options)


BOTH = pytest.mark.parametrize("made", [paypal, crypto])
FIRST = {"PayPal": ("approve", "APPROVED"), "Crypto": ("pay", "COMPLETED")}


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@contextmanager
def running(made: Made, told: Receiver, **options: Any) -> Iterator[HostedSandbox[Any]]:
    with made(f"{told.url}/hook", stage="test", backoff=(0.05,) * 5, **options) as sandbox:
        yield sandbox


def gateway(sandbox: HostedSandbox[Any]) -> PayPal | Crypto:
    return (PayPal if sandbox.who == "PayPal" else Crypto)(sandbox.url)


def create(sandbox: HostedSandbox[Any], reference: str = "pay_1") -> Charge:
    return gateway(sandbox).create(ACCOUNT, amount=100_00, currency="THB", reference=reference)


def control(sandbox: HostedSandbox[Any], path: str, body: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=5)


@BOTH
@pytest.mark.parametrize(("stage", "url"), [("prod", "http://127.0.0.1/hook"), ("local", "https://shop.example/hook")])
def test_it_takes_no_part_in_anything_real(made, stage, url):
    with pytest.raises(RuntimeError, match="sandbox"):
        made(url, stage=stage)


@BOTH
def test_a_person_pays_on_the_page_that_the_buyer_is_sent_to(made, told):
    with running(made, told) as sandbox:
        charge = create(sandbox)
        action, state = FIRST[sandbox.who]
        assert f"/pay/{charge.transaction_id}" in requests.get(sandbox.url, timeout=5).text
        page = requests.get(charge.means.url, timeout=5)  # type: ignore[union-attr]
        assert (page.url, page.status_code) == (f"{sandbox.url}/pay/{charge.transaction_id}", 200)
        assert "100.00 THB" in page.text
        assert "https://shop.example/paid?payment=pay_1" in page.text

        form = {"action": action, "delay": "0", "duplicates": "1"}
        answer = requests.post(page.url, data=form, headers={"Origin": sandbox.url}, timeout=5)

        assert (answer.status_code, state in answer.text) == (200, True)
        told.wait_for(2)
        assert sandbox.stats()["charges"] == {state: 1}
        foreign = requests.post(page.url, data=form, headers={"Origin": "https://evil.example"}, timeout=5)
        assert foreign.status_code == 403


@BOTH
def test_the_control_api_finds_and_moves_charges(made, told):
    with running(made, told) as sandbox:
        action, state = FIRST[sandbox.who]
        charge, _ = create(sandbox), create(sandbox, "pay_2")
        answer = control(sandbox, f"{charge.transaction_id}/{action}", {"drop": True})
        found = requests.get(f"{sandbox.url}/_sandbox/charges", params={"reference": "pay_1"}, timeout=5).json()
        one = requests.get(f"{sandbox.url}/_sandbox/charges/{charge.transaction_id}", timeout=5).json()["charge"]

        assert answer.json()["charge"] == one
        assert [(each["id"], each["status"]) for each in found["charges"]] == [(charge.transaction_id, state)]
        assert one["webhook"]["state"] == "dropped"
        assert control(sandbox, f"{charge.transaction_id}/burn", {}).status_code == 404
        assert control(sandbox, "nobody/notify", {}).status_code == 404
        assert control(sandbox, f"{charge.transaction_id}/notify", {"speed": 1}).status_code == 400
        assert requests.get(f"{sandbox.url}/_sandbox/stats", timeout=5).json()["charges"][state] == 1


@BOTH
def test_a_webhook_is_repeated_until_it_is_taken(made, told):
    told.script.extend([Answer(status=503), Answer(status=302)])
    with running(made, told) as sandbox:
        charge = create(sandbox)

        sandbox.act(charge.transaction_id, FIRST[sandbox.who][0])

        told.wait_for(3)
        told.wait(lambda: sandbox.charge(charge.transaction_id).webhook.state == "delivered")


@BOTH
def test_what_was_paid_outlives_the_process(made, told, tmp_path: Path):
    state = tmp_path / "charges.json"
    with running(made, told, state=state) as first:
        charge = create(first)
        first.act(charge.transaction_id, FIRST[first.who][0], drop=True)

    with running(made, told, state=state) as second:
        assert gateway(second).check(ACCOUNT, charge.transaction_id).state == "captured"


@BOTH
def test_faults_can_be_set_and_healed(made, told):
    with running(made, told) as sandbox:
        assert control(sandbox, "faults", {"create": {"error": 1}}).json()["create"] == {"error": 1}
        assert control(sandbox, "faults", {"create": {"sorcery": 1}}).status_code == 400
        form = {"fault": "check.odd_status", "times": "2", "action": "set"}
        page = requests.post(f"{sandbox.url}/faults", data=form, headers={"Origin": sandbox.url}, timeout=5)
        assert "a status nobody has heard of" in page.text
        assert sandbox.faults.shown()["check"] == {"odd_status": 2}


def test_errors_are_told_as_the_gateways_tell_them(told):
    with running(paypal, told) as sandbox:
        unknown = requests.get(f"{sandbox.url}/v2/checkout/orders/1", timeout=5)
        assert (unknown.status_code, unknown.json()) == (401, {"error": "invalid_token"})
        granted = requests.post(
            f"{sandbox.url}/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=(CLIENT, KEY), timeout=5
        ).json()
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        missing = requests.get(f"{sandbox.url}/v2/checkout/orders/1", headers=bearer, timeout=5)
        assert (missing.status_code, missing.json()["name"]) == (404, "RESOURCE_NOT_FOUND")
        empty = requests.post(f"{sandbox.url}/v2/checkout/orders", json={}, headers=bearer, timeout=5)
        assert (empty.status_code, empty.json()["name"]) == (400, "INVALID_REQUEST")
    with running(crypto, told) as sandbox:
        refused = requests.get(f"{sandbox.url}/charges/1", timeout=5)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
        missing = requests.get(f"{sandbox.url}/charges/1", headers={"X-CC-Api-Key": KEY}, timeout=5)
        assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found")
