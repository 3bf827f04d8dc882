"""The PayNoi sandbox: its webhooks, its control API, its pages and what it refuses to do.

That it speaks PayNoi's wire format is shown by the adapter's suite, tests/payments/gateways/test_paynoi.py.
"""

import base64
import io
import json
import re
import secrets
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from chalicelib.core import clock
from chalicelib.core.errors import Unauthorized, Unavailable
from chalicelib.payments.gateways import emvco
from chalicelib.payments.gateways.contract import Charge, GatewayAccount, Picture
from chalicelib.payments.gateways.paynoi import PayNoi
from infra.local.paynoi import PayNoiSandbox
from infra.local.paynoi_wire import promptpay
from tests.payments.gateways.receiver import Answer, Receiver, receiver

KEY = secrets.token_hex(16)
ACCOUNT = GatewayAccount(KEY, "KBANK", "0812345678", "1")
QUICK = (0.02,) * 5


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def sandbox(told: Receiver) -> Iterator[PayNoiSandbox]:
    with PayNoiSandbox(KEY, f"{told.url}/hook", stage="test", backoff=QUICK) as running:
        yield running


def create(sandbox: PayNoiSandbox, reference: str = "pay_1", amount: int = 10000) -> Charge:
    return PayNoi(sandbox.url).create(ACCOUNT, amount=amount, currency="THB", reference=reference)


def control(sandbox: PayNoiSandbox, path: str, body: object = None, status: int = 200) -> Any:
    url = f"{sandbox.url}/_sandbox/{path}"
    answer = requests.get(url, timeout=5) if body is None else requests.post(url, json=body, timeout=5)
    assert answer.status_code == status, answer.text
    return answer.json()


def webhooks(told: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body, parse_float=str)["data"] for body in told.bodies]


def settled(sandbox: PayNoiSandbox, trans_id: str) -> dict[str, Any]:
    """The transaction once no webhook is on its way any more."""
    give_up = time.monotonic() + 10
    while control(sandbox, "stats")["webhooks"]["queued"]:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    found: dict[str, Any] = control(sandbox, f"transactions/{trans_id}")["transaction"]
    return found


# Where it runs


@pytest.mark.parametrize("stage", ["prod", "dev", "staging", "", "LOCAL", "test "])
def test_refuses_every_stage_that_other_people_use(stage):
    with pytest.raises(RuntimeError, match="takes no part"):
        PayNoiSandbox(KEY, "http://127.0.0.1:1/hook", stage=stage)


@pytest.mark.parametrize("url", ["https://api.example.com/hook", "http://127.0.0.1.example.com/", "hook", ""])
def test_refuses_to_send_webhooks_elsewhere(url):
    with pytest.raises(RuntimeError, match="this machine only"):
        PayNoiSandbox(KEY, url)


def test_refuses_to_start_without_a_key_of_its_own():
    with pytest.raises(RuntimeError, match="API key"):
        PayNoiSandbox("", "http://127.0.0.1:1/hook")


def test_has_no_address_before_it_starts_and_frees_it_when_it_stops():
    sandbox = PayNoiSandbox(KEY, "http://127.0.0.1:1/hook")
    with pytest.raises(RuntimeError, match="no address"):
        assert sandbox.url

    with sandbox:
        url = sandbox.url
        assert requests.get(url, timeout=5).status_code == 200

    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


# Webhooks


def test_a_payment_is_told_once_with_all_that_paynoi_tells(sandbox, told):
    charge = create(sandbox)

    control(sandbox, f"{charge.transaction_id}/pay", {})

    transaction = settled(sandbox, charge.transaction_id)
    assert told.paths == ["/hook"]
    assert webhooks(told) == [
        {
            "trans_id": charge.transaction_id,
            "ref1": "pay_1",
            "payment_status": "completed",
            "created_at": webhooks(told)[0]["created_at"],
            "amount": f"{charge.payable / 100:.2f}",
        }
    ]
    assert (transaction["status"], transaction["webhook"]["state"]) == ("completed", "delivered")
    assert (transaction["webhook"]["attempts"], transaction["webhook"]["accepted"]) == (1, 1)


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(500),
        Answer(401),
        Answer(202),
        Answer(200, b'{"status": 0}'),
        Answer(200, b"ok"),
        Answer(200, b"1"),
    ],
    ids=lambda refusal: f"{refusal.status} {refusal.body!r}",
)
def test_a_webhook_comes_again_until_it_is_acknowledged(sandbox, told, refusal):
    told.script.extend([refusal] * 3)
    charge = create(sandbox)

    sandbox.pay(charge.transaction_id)

    webhook = settled(sandbox, charge.transaction_id)["webhook"]
    assert (webhook["state"], webhook["attempts"], webhook["accepted"]) == ("delivered", 4, 1)
    assert len(set(told.bodies)) == 1


def test_a_redirected_webhook_is_not_followed(sandbox, told):
    told.script.append(Answer(307, b"", {"Location": f"{told.url}/elsewhere"}))
    charge = create(sandbox)

    sandbox.pay(charge.transaction_id)

    assert settled(sandbox, charge.transaction_id)["webhook"]["attempts"] == 2
    assert told.paths == ["/hook", "/hook"]


def test_a_webhook_nobody_takes_is_given_up_and_can_be_sent_by_hand(sandbox, told):
    told.otherwise = Answer(503)
    charge = create(sandbox)

    sandbox.pay(charge.transaction_id)

    webhook = settled(sandbox, charge.transaction_id)["webhook"]
    assert (webhook["state"], webhook["attempts"], webhook["answer"]) == ("abandoned", 1 + len(QUICK), "503")
    told.otherwise = Answer()
    control(sandbox, f"{charge.transaction_id}/notify", {})
    assert settled(sandbox, charge.transaction_id)["webhook"]["state"] == "delivered"


def test_nobody_listening_is_an_attempt_like_any_other():
    with receiver() as gone:
        url = gone.url
    with PayNoiSandbox(KEY, url, backoff=(0.01,)) as sandbox:
        charge = create(sandbox)

        sandbox.pay(charge.transaction_id)

        webhook = settled(sandbox, charge.transaction_id)["webhook"]
        assert (webhook["state"], webhook["attempts"], webhook["answer"]) == (
            "abandoned",
            2,
            "ConnectionError",
        )


def test_duplicates_are_sent_at_once(sandbox, told):
    charge = create(sandbox)

    control(sandbox, f"{charge.transaction_id}/pay", {"duplicates": 9})

    assert settled(sandbox, charge.transaction_id)["webhook"]["accepted"] == 10
    assert len(told.bodies) == 10
    assert len(set(told.bodies)) == 1


def test_a_dropped_webhook_never_comes_but_the_money_did(sandbox, told):
    charge = create(sandbox)

    control(sandbox, f"{charge.transaction_id}/pay", {"drop": True, "duplicates": 3})

    assert settled(sandbox, charge.transaction_id)["webhook"]["state"] == "dropped"
    assert told.bodies == []
    assert PayNoi(sandbox.url).check(ACCOUNT, charge.transaction_id).state == "captured"


def test_a_delayed_webhook_lets_others_pass(sandbox, told):
    late, soon = create(sandbox, "pay_late"), create(sandbox, "pay_soon")

    control(sandbox, f"{late.transaction_id}/pay", {"delay": 0.3})
    control(sandbox, f"{soon.transaction_id}/pay", {})

    told.wait_for(2)
    assert [webhook["ref1"] for webhook in webhooks(told)] == ["pay_soon", "pay_late"]


@pytest.mark.parametrize("amount", ["1.00", 1, "99999.99", 99999.99])
def test_a_wrong_amount_shows_in_the_webhook_and_in_the_check(sandbox, told, amount):
    charge = create(sandbox)

    control(sandbox, f"{charge.transaction_id}/pay", {"amount": amount})

    told.wait_for(1)
    satang = round(float(amount) * 100)
    assert webhooks(told)[0]["amount"] == f"{satang / 100:.2f}"
    assert PayNoi(sandbox.url).check(ACCOUNT, charge.transaction_id).amount == satang


def test_a_bad_signature_proves_nothing(sandbox, told):
    charge = create(sandbox)

    control(sandbox, f"{charge.transaction_id}/pay", {"bad_signature": True})

    told.wait_for(1)
    with pytest.raises(Unauthorized):
        PayNoi(sandbox.url).verify(ACCOUNT, told.bodies[0], {})


def test_signs_in_base64_as_older_gateways_did(told):
    with PayNoiSandbox(KEY, told.url, encoding="base64") as sandbox:
        charge = create(sandbox)
        sandbox.pay(charge.transaction_id)
        told.wait_for(1)

    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", json.loads(told.bodies[0])["signature"])
    assert PayNoi("").verify(ACCOUNT, told.bodies[0], {}).transaction_id == charge.transaction_id


def test_a_webhook_can_overtake_the_answer_to_create(sandbox, told):
    control(sandbox, "faults", {"create": {"early_webhook": 1}})

    charge = create(sandbox)

    assert [webhook["trans_id"] for webhook in webhooks(told)] == [charge.transaction_id]
    transaction = settled(sandbox, charge.transaction_id)
    assert (transaction["status"], transaction["webhook"]["attempts"]) == ("completed", 1)


def test_an_overtaking_webhook_that_is_refused_comes_again(sandbox, told):
    told.script.append(Answer(404))
    control(sandbox, "faults", {"create": {"early_webhook": 1}})

    charge = create(sandbox)

    assert settled(sandbox, charge.transaction_id)["webhook"]["attempts"] == 2


# States


def test_of_fifty_people_who_pay_one_charge_one_succeeds(sandbox, told):
    charge = create(sandbox)
    url = f"{sandbox.url}/_sandbox/{charge.transaction_id}/pay"

    with ThreadPoolExecutor(10) as people:
        answers = list(people.map(lambda _: requests.post(url, json={}, timeout=5).status_code, range(50)))

    assert sorted(answers) == [200] + [409] * 49
    assert settled(sandbox, charge.transaction_id)["webhook"]["attempts"] == 1


def test_what_is_over_stays_over(sandbox):
    charge = create(sandbox)
    control(sandbox, f"{charge.transaction_id}/fail", {"drop": True})

    for action in ("pay", "expire", "fail"):
        control(sandbox, f"{charge.transaction_id}/{action}", {}, status=409)

    assert PayNoi(sandbox.url).check(ACCOUNT, charge.transaction_id).state == "failed"


def test_running_out_is_silent_and_letting_it_expire_is_not(told):
    offset = timedelta()
    with PayNoiSandbox(KEY, told.url, now=lambda: clock.now() + offset) as sandbox:
        silent, loud = create(sandbox, "pay_silent"), create(sandbox, "pay_loud")
        control(sandbox, f"{loud.transaction_id}/expire", {})
        offset = timedelta(minutes=15)

        assert [t["status"] for t in control(sandbox, "transactions")["transactions"]] == ["expired"] * 2
        assert settled(sandbox, silent.transaction_id)["webhook"]["state"] == "none"
    assert [(webhook["ref1"], webhook["payment_status"]) for webhook in webhooks(told)] == [("pay_loud", "expired")]


def test_a_pending_charge_has_nothing_to_tell(sandbox):
    charge = create(sandbox)

    control(sandbox, f"{charge.transaction_id}/notify", {}, status=409)


def test_charges_and_unsent_webhooks_outlive_the_process(tmp_path: Path, told):
    file = tmp_path / "new" / "paynoi.json"
    told.otherwise = Answer(503)
    with PayNoiSandbox(KEY, told.url, state=file, backoff=(60,)) as before:
        paid, open_ = create(before, "pay_paid"), create(before, "pay_open", 49900)
        before.pay(paid.transaction_id)
        told.wait_for(1)
    told.otherwise = Answer()

    with PayNoiSandbox(KEY, told.url, state=file, backoff=QUICK) as after:
        told.wait_for(2)
        gateway = PayNoi(after.url)
        assert settled(after, paid.transaction_id)["webhook"]["state"] == "delivered"
        assert gateway.check(ACCOUNT, paid.transaction_id).state == "captured"
        status = gateway.check(ACCOUNT, open_.transaction_id)
        assert (status.state, status.amount, status.reference) == ("pending", open_.payable, "pay_open")

    assert len(told.bodies) == 2
    assert KEY not in file.read_text("utf-8")
    assert [path.name for path in file.parent.iterdir()] == ["paynoi.json"]


# The gateway's own refusals


@pytest.mark.parametrize(
    "change",
    [
        {"api_key": "wrong"},
        {"api_key": None},
        {"method": "refund"},
        {"amount": 0},
        {"amount": -1},
        {"amount": "1.005"},
        {"amount": "NaN"},
        {"amount": True},
        {"account": "12345"},
        {"account": "๐๘๑๒๓๔๕๖๗๘"},
        {"type": "2"},
        {"type": "3"},
        {"ref1": ""},
        {"ref1": 5},
        {"ref1": "x" * 65},
        {"key_id": ""},
    ],
    ids=str,
)
def test_a_create_that_paynoi_would_refuse(sandbox, change):
    good = {
        "method": "create",
        "api_key": KEY,
        "amount": "100.00",
        "ref1": "pay_1",
        "key_id": "KBANK",
        "account": "0812345678",
        "type": "1",
    }

    answer = requests.post(f"{sandbox.url}/ppay_api", json=good | change, timeout=5)

    assert answer.status_code == 200
    assert answer.json()["status"] == 0
    assert answer.json()["msg"]
    assert control(sandbox, "transactions") == {"transactions": []}


def test_the_answer_to_create_is_what_paynoi_documents(sandbox):
    body = {"method": "create", "api_key": KEY, "amount": 100, "ref1": "pay_1", "key_id": "KBANK"}
    body |= {"account": "1234567890123", "type": 2}

    answer = requests.post(f"{sandbox.url}/ppay_api", json=body, timeout=5).json()

    assert answer.keys() == {"status", "trans_id", "qr_image_base64", "amount", "amount_check", "expire_at"}
    assert answer["status"] == 1
    assert 100 < answer["amount"] < 101
    assert answer["amount_check"] == round(answer["amount"] * 100)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", answer["expire_at"])
    with Image.open(io.BytesIO(base64.b64decode(answer["qr_image_base64"], validate=True))) as picture:
        assert picture.format == "PNG"


def test_more_open_charges_of_one_price_than_there_are_tails(sandbox):
    charges = [create(sandbox, f"pay_{n}") for n in range(101)]

    assert len({charge.payable for charge in charges}) == 99
    assert {charge.payable for charge in charges} == set(range(10001, 10100))


# QR codes


@pytest.mark.parametrize(
    ("account", "kind", "target"),
    [("0812345678", "1", "01130066812345678"), ("1234567890123", "2", "02131234567890123")],
)
def test_the_qr_text_names_account_amount_and_currency(account, kind, target):
    text = promptpay(account, kind, 10024)

    assert emvco.scanned(text) == {
        "00": "01",
        "01": "12",
        "29": f"0016A000000677010111{target}",
        "53": "764",
        "54": "100.24",
        "58": "TH",
        "63": emvco.checksum(text[:-4]),
    }


# The control API


def test_transactions_are_listed_newest_first_and_filtered(sandbox):
    create(sandbox, "pay_1")
    charge = create(sandbox, "pay_2", 49900)
    control(sandbox, f"{charge.transaction_id}/pay", {"drop": True})

    every = control(sandbox, "transactions")["transactions"]
    assert {transaction["ref1"] for transaction in every} == {"pay_1", "pay_2"}
    (paid,) = control(sandbox, "transactions?status=completed")["transactions"]
    assert control(sandbox, "transactions?ref1=pay_2")["transactions"] == [paid]
    assert paid["trans_id"] == charge.transaction_id
    assert paid["requested"] == "499.00"
    assert paid["payable"] == paid["received"] == f"{charge.payable / 100:.2f}"
    assert paid["page"] == f"{sandbox.url}/pay/{charge.transaction_id}"


def test_statistics_count_what_happened(sandbox, told):
    charges = [create(sandbox, f"pay_{n}") for n in range(3)]
    sandbox.pay(charges[0].transaction_id, amount=12345)
    sandbox.pay(charges[1].transaction_id, amount=100, drop=True)
    settled(sandbox, charges[0].transaction_id)

    assert control(sandbox, "stats") == {
        "transactions": {"completed": 2, "pending": 1},
        "received": "124.45",
        "calls": {"create": 3},
        "webhooks": {"delivered": 1, "dropped": 1, "attempts": 1, "accepted": 1, "queued": 0},
    }


def test_faults_are_set_as_a_whole_used_up_and_healed(sandbox):
    wanted = {"create": {"error": 2}, "check": {"garbage": 1}, "hang": 3}
    full = {"create": {"error": 2}, "check": {"garbage": 1}, "cancel": {}, "hang": 3.0}

    assert control(sandbox, "faults", wanted) == full
    with pytest.raises(Unavailable):
        create(sandbox)
    assert control(sandbox, "faults") == full | {"create": {"error": 1}}
    assert control(sandbox, "faults", {}) == {"create": {}, "check": {}, "cancel": {}, "hang": 12.0}
    create(sandbox)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("faults", {"refund": {}}, 400),
        ("faults", {"create": 1}, 400),
        ("faults", {"create": {"odd_status": 1}}, 400),
        ("faults", {"create": {"lost": -1}}, 400),
        ("faults", {"create": {"lost": True}}, 400),
        ("faults", {"hang": "long"}, 400),
        ("faults", {"hang": 1e9}, 400),
        ("faults", [], 400),
        ("{id}/pay", {"delay": -1}, 400),
        ("{id}/pay", {"delay": "soon"}, 400),
        ("{id}/pay", {"duplicates": 101}, 400),
        ("{id}/pay", {"duplicates": "many"}, 400),
        ("{id}/pay", {"drop": "yes"}, 400),
        ("{id}/pay", {"amount": "0"}, 400),
        ("{id}/pay", {"amount": "1.234"}, 400),
        ("{id}/pay", {"amount": "x"}, 400),
        ("{id}/pay", {"ammount": 1}, 400),
        ("{id}/expire", {"amount": "1.00"}, 400),
        ("{id}/refund", {}, 404),
        ("nobody/pay", {}, 404),
        ("nothing", {}, 404),
    ],
    ids=str,
)
def test_the_control_api_refuses_what_it_does_not_know(sandbox, told, path, body, status):
    charge = create(sandbox)

    answer = control(sandbox, path.replace("{id}", charge.transaction_id), body, status)

    assert answer["error"]
    assert control(sandbox, f"transactions/{charge.transaction_id}")["transaction"]["status"] == "pending"
    assert told.bodies == []


def test_unknown_addresses_and_filters_are_refused(sandbox):
    assert control(sandbox, "transactions?amount=1", status=400)["error"]
    assert control(sandbox, "transactions/nobody", status=404)["error"]
    assert requests.get(f"{sandbox.url}/pay/nobody", timeout=5).status_code == 404
    assert requests.get(f"{sandbox.url}/nothing", timeout=5).status_code == 404
    assert requests.post(f"{sandbox.url}/nothing", json={}, timeout=5).status_code == 404
    assert requests.delete(sandbox.url, timeout=5).status_code == 501


# Other web sites


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", None])
def test_a_form_of_another_page_changes_nothing(sandbox, origin):
    charge = create(sandbox)
    headers = {"Origin": origin} if origin else {}

    for path, form in (
        (f"pay/{charge.transaction_id}", {"action": "pay"}),
        ("faults", {"fault": "create.lost"}),
    ):
        answer = requests.post(f"{sandbox.url}/{path}", data=form, headers=headers, timeout=5)
        assert answer.status_code == 403

    assert control(sandbox, f"transactions/{charge.transaction_id}")["transaction"]["status"] == "pending"
    assert control(sandbox, "faults")["create"] == {}


def test_the_control_api_takes_only_json_and_only_of_its_own(sandbox):
    charge = create(sandbox)
    url = f"{sandbox.url}/_sandbox/{charge.transaction_id}/pay"

    assert requests.post(url, data="{}", headers={"Content-Type": "text/plain"}, timeout=5).status_code == 415
    assert requests.post(url, json={}, headers={"Origin": "https://evil.example"}, timeout=5).status_code == 403
    assert control(sandbox, f"transactions/{charge.transaction_id}")["transaction"]["status"] == "pending"
    assert requests.post(url, json={}, headers={"Origin": sandbox.url}, timeout=5).status_code == 200


def test_a_foreign_name_for_this_machine_is_refused(sandbox):
    answer = requests.get(f"{sandbox.url}/_sandbox/stats", headers={"Host": "evil.example"}, timeout=5)

    assert answer.status_code == 421


def test_bodies_have_a_length_and_it_is_bounded(sandbox):
    url = f"{sandbox.url}/_sandbox/faults"
    json_type = {"Content-Type": "application/json"}

    assert requests.post(url, data=iter([b"{}"]), headers=json_type, timeout=5).status_code == 411
    assert requests.post(url, data=b" " * 65537, headers=json_type, timeout=5).status_code == 413
    assert requests.post(url, data=b"{", headers=json_type, timeout=5).status_code == 400


def test_a_client_that_hangs_up_disturbs_nobody(sandbox, capfd):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", int(sandbox.url.rsplit(":", 1)[1]))) as connection:
            connection.sendall(b"POST /ppay_api HTTP/1.1\r\nContent-Le")

    create(sandbox)
    assert capfd.readouterr().err == ""


# The pages


def test_a_person_pays(sandbox, told):
    charge = create(sandbox)
    assert f"/pay/{charge.transaction_id}" in requests.get(sandbox.url, timeout=5).text
    page = requests.get(f"{sandbox.url}/pay/{charge.transaction_id}", timeout=5)
    assert isinstance(charge.means, Picture)
    assert f"data:image/png;base64,{base64.b64encode(charge.means.png).decode()}" in page.text
    assert f"฿{charge.payable // 100}.{charge.payable % 100:02d}" in page.text

    answer = _press(sandbox, charge, "pay", amount=f"{charge.payable / 100:.2f}", delay="0", duplicates="2")

    assert answer.status_code == 200
    assert "completed" in answer.text
    assert settled(sandbox, charge.transaction_id)["webhook"]["accepted"] == 3
    assert len(told.bodies) == 3


@pytest.mark.parametrize(("button", "status"), [("expire", "expired"), ("fail", "failed")])
def test_a_person_ends_a_charge_and_sends_its_webhook_again(sandbox, told, button, status):
    charge = create(sandbox)

    _press(sandbox, charge, button, amount="1.00", drop="on")
    assert settled(sandbox, charge.transaction_id)["webhook"]["state"] == "dropped"
    _press(sandbox, charge, "notify", delay="0", duplicates="0", bad_signature="on")

    told.wait_for(1)
    assert webhooks(told)[0]["payment_status"] == status
    with pytest.raises(Unauthorized):
        PayNoi("").verify(ACCOUNT, told.bodies[0], {})


def test_pressing_twice_says_why_nothing_happened(sandbox):
    charge = create(sandbox)
    _press(sandbox, charge, "pay")

    answer = _press(sandbox, charge, "pay")

    assert answer.status_code == 409
    assert "already completed" in answer.text


def test_a_person_sets_and_clears_faults(sandbox):
    form = {"fault": "create.lost", "times": "2", "action": "set"}
    own = {"Origin": sandbox.url}

    page = requests.post(f"{sandbox.url}/faults", data=form, headers=own, timeout=5)
    requests.post(f"{sandbox.url}/faults", data=form | {"fault": "check.error"}, headers=own, timeout=5)

    assert page.status_code == 200
    assert "it happened, but the answer is lost" in page.text
    faults = control(sandbox, "faults")
    assert (faults["create"], faults["check"]) == ({"lost": 2}, {"error": 2})
    bad = requests.post(f"{sandbox.url}/faults", data=form | {"times": "x"}, headers=own, timeout=5)
    assert bad.status_code == 400
    requests.post(f"{sandbox.url}/faults", data={"action": "heal"}, headers=own, timeout=5)
    assert control(sandbox, "faults")["create"] == {}


def test_a_reference_is_text_and_not_markup(sandbox):
    create(sandbox, "<script>alert(1)</script>")

    page = requests.get(sandbox.url, timeout=5)

    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def _press(sandbox: PayNoiSandbox, charge: Charge, button: str, **switches: str) -> requests.Response:
    url = f"{sandbox.url}/pay/{charge.transaction_id}"
    return requests.post(url, data={"action": button} | switches, headers={"Origin": sandbox.url}, timeout=5)
