"""What staff and buyers see over HTTP of disputes, statements and deposits."""

import hashlib
import json
from datetime import timedelta

import pytest

import app
from chalicelib import lines
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.core import clock
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import service as payments
from chalicelib.payments.disputes import service as disputes
from infra.local.gateway import Gateway
from tests import deliver
from tests.hiring import DEPOSIT, PRICE, with_tools
from tests.stack import ENVIRONMENT, client

PASSWORD = "a long enough phrase"


@pytest.fixture
def ask(aws, monkeypatch):
    """Asks as `buyer` or `boss`; answers status and data, or the error's code."""
    monkeypatch.setattr(lines, "discover", with_tools({}))
    tokens = {}
    for name, role in (("buyer", "customer"), ("boss", "admin")):
        accounts.create_user(DEFAULT, email=f"{name}@shop.example", password=PASSWORD, name=name, roles=[role])
        opened = accounts.log_in(DEFAULT, email=f"{name}@shop.example", password=PASSWORD)
        assert isinstance(opened, Tokens)
        tokens[name] = opened.access_token

    def send(who, method, path, body=None, key=None):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {tokens[who]}"}
        headers |= {"Idempotency-Key": key} if key else {}
        content = json.dumps(body).encode() if body is not None else b""
        answer = Gateway(app.app).handle(method, path, headers, content)
        if answer.header("Content-Type") != "application/json":
            return answer.status, answer.body.decode()
        told = answer.json()
        return answer.status, told["data"] if told.get("data") is not None else told["error"]["code"]

    return send


@pytest.fixture
def order(ask, gateway):
    gateway.disputes, gateway.tail = True, 0
    _, cart = ask("buyer", "POST", "/cart/items", {"items": [{"kind": "tools", "ref": "drill"}]})
    assert (cart["quote"]["total"], cart["quote"]["deposit"]) == (PRICE + DEPOSIT, DEPOSIT)
    _, placed = ask("buyer", "POST", "/orders", {"email": "buyer@shop.example"}, "checkout-1")
    assert (placed["deposit"], placed["lines"][0]["deposit"]["amount"]) == (DEPOSIT, DEPOSIT)
    _, payment = ask("buyer", "POST", "/payments/create", {"orderId": placed["id"]})
    gateway.set(payments.get(DEFAULT, payment["id"]).transaction, "captured")
    payments.settle(DEFAULT, payment["id"])
    deliver.all()
    return placed | {"payment": payment["id"]}


def test_a_deposit_is_seen_given_back_and_kept(ask, order):
    status, held = ask("boss", "GET", "/admin/deposits")
    (shown,) = held["items"]
    assert (status, shown["status"], shown["paymentId"]) == (200, "held", order["payment"])

    path = f"/admin/deposits/{shown['id']}"
    status, released = ask("boss", "POST", f"{path}/release", {"amount": 100_00}, "release-1")
    assert (status, released["releasing"]) == (202, 100_00)
    assert released["history"][-1]["refundId"].startswith("rfd_")
    status, kept = ask("boss", "POST", f"{path}/forfeit", {"amount": 50_00, "reason": "broken"}, "forfeit-1")
    assert (status, kept["forfeited"], kept["outstanding"]) == (200, 50_00, DEPOSIT - 150_00)
    deliver.all()

    _, own = ask("buyer", "GET", "/deposits")
    (mine,) = own["items"]
    assert (mine["released"], mine["history"][2]["reason"], "owner" in mine) == (100_00, "broken", False)
    assert "by" not in mine["history"][1]


@pytest.mark.parametrize(
    ("action", "body", "key", "refusal"),
    [
        ("release", {}, None, (400, "idempotency_key_required")),
        ("release", {"amount": 0}, "release-1", (400, "validation_failed")),
        ("forfeit", {"amount": 1}, "forfeit-1", (400, "validation_failed")),
        ("forfeit", {"amount": DEPOSIT + 1, "reason": "broken"}, "forfeit-1", (422, "more_than_held")),
    ],
)
def test_what_makes_no_sense_of_a_deposit_is_refused(ask, order, action, body, key, refusal):
    _, held = ask("boss", "GET", "/admin/deposits")

    status, code = ask("boss", "POST", f"/admin/deposits/{held['items'][0]['id']}/{action}", body, key)

    assert (status, code) == refusal
    assert ask("buyer", "POST", f"/admin/deposits/{held['items'][0]['id']}/{action}", body, key)[0] == 403


def test_a_dispute_is_seen_with_its_order(ask, order, gateway):
    payment = payments.get(DEFAULT, order["payment"])
    gateway.set_dispute("dp_1", payment.transaction, "open", amount=PRICE)
    disputes.settle(DEFAULT, payment.id, "dp_1")
    deliver.all()

    status, found = ask("boss", "GET", "/admin/payments/disputes")

    (shown,) = found["items"]
    assert (status, shown["status"], shown["reference"], shown["withdrawn"]) == (200, "open", "dp_1", PRICE)
    assert shown["dueAt"] > clock.stamp(clock.now())
    _, file = ask("boss", "GET", f"/admin/orders/{order['id']}")
    assert ([each["id"] for each in file["disputes"]], file["refunds"][0]["way"]) == ([shown["id"]], "dispute")
    wish = {"reason": "rain"}
    refused = ask("boss", "POST", f"/admin/orders/{order['id']}/refund", wish, "refund-01")
    assert refused == (409, "payment_disputed")


def test_a_statement_is_announced_sent_and_compared(ask, order):
    content = f"ours,amount,fee\n{order['payment']},600.00,12.00\n=nobody,1.00,\n".encode()
    at = clock.now()
    asked = {
        "gateway": "paynoi",
        "columns": {"reference": "ours", "amount": "amount", "fee": "fee"},
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "since": clock.stamp(at - timedelta(days=3)),
        "until": clock.stamp(at - timedelta(days=1)),
    }
    status, offered = ask("boss", "POST", "/admin/reconciliations", asked)
    assert (status, offered["reconciliation"]["status"]) == (202, "awaited")
    fields = offered["form"]["fields"]
    client("s3").put_object(Bucket=ENVIRONMENT["PIX_DOCUMENTS_BUCKET"], Key=fields["key"], Body=content)
    assert ask("boss", "POST", "/admin/reconciliations", asked)[1]["reconciliation"]["status"] == "running"
    deliver.all()

    path = f"/admin/reconciliations/{offered['reconciliation']['id']}"
    _, done = ask("boss", "GET", path)
    assert (done["status"], done["counts"]) == ("done", {"matched": 1, "missing_here": 1, "fees_booked": 1})
    assert done["totals"]["THB"]["feesTheirs"] == 12_00
    _, differences = ask("boss", "GET", f"{path}/differences")
    assert [(each["kind"], each["key"]) for each in differences["items"]] == [("missing_here", "=nobody")]
    status, sheet = ask("boss", "GET", f"{path}/export")
    assert (status, "'=nobody" in sheet) == (200, True)
    assert len(ask("boss", "GET", "/admin/reconciliations")[1]["items"]) == 1


@pytest.mark.parametrize(
    "wrong", [{"columns": None}, {"format": "stripe_balance"}, {"size": 6 * 1024 * 1024}, {"sha256": "x"}, {"since": 1}]
)
def test_what_makes_no_sense_of_a_statement_is_refused(ask, wrong):
    at = clock.now()
    asked = {
        "gateway": "paynoi",
        "columns": {"reference": "ours", "amount": "amount"},
        "size": 9,
        "sha256": "0" * 64,
        "since": clock.stamp(at - timedelta(days=3)),
        "until": clock.stamp(at - timedelta(days=1)),
    }
    assert ask("boss", "POST", "/admin/reconciliations", asked)[0] == 202

    assert ask("boss", "POST", "/admin/reconciliations", asked | wrong) == (400, "validation_failed")
