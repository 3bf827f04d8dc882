"""The whole way of a purchase over HTTP, with a line of sale and a gateway that are fakes."""

import json
from datetime import timedelta

import pytest

import app
from chalicelib.core import clock
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from infra.local.gateway import Gateway, LambdaContext
from tests import deliver

SCHEDULED = dict.fromkeys(("version", "account", "region", "detail", "source", "time", "id", "resources"), "")
SCHEDULED["detail-type"] = "Scheduled Event"

pytestmark = pytest.mark.usefixtures("things")


@pytest.fixture
def shop():
    return Shop()


class Shop:
    """A guest's browser: remembers the tokens it is given."""

    def __init__(self):
        self.gateway = Gateway(app.app)
        self.headers = {"Content-Type": "application/json"}

    def call(self, method, path, body=None, **headers):
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.handle(method, path, sent, json.dumps(body).encode() if body is not None else b"")

    def fill(self, *names):
        items = [{"kind": "things", "ref": name} for name in names]
        answer = self.call("POST", "/cart/items", {"items": items}).json()["data"]
        self.headers["X-Cart-Token"] = answer["token"] or self.headers["X-Cart-Token"]
        return answer

    def order(self, key="checkout-1"):
        answer = self.call("POST", "/orders", {"email": "guest@example.com"}, Idempotency_Key=key)
        data = answer.json()["data"]
        self.headers["X-Order-Token"] = data["token"]
        return answer, data

    def pay(self, order):
        return self.call("POST", "/payments/create", {"orderId": order["id"]}).json()["data"]


def test_a_guest_buys_with_nothing_but_tokens(shop, gateway):
    cart = shop.fill("a", "b")
    assert (cart["quote"]["total"], cart["quote"]["currency"]) == (100_00, "THB")

    answer, order = shop.order()
    assert (answer.status, answer.header("Location")) == (201, f"/orders/{order['id']}")
    payment = shop.pay(order)
    assert (payment["status"], payment["amount"], payment["payable"]) == ("pending", 100_00, 100_24)
    transaction = next(iter(gateway.charges))
    gateway.set(transaction, "captured")
    key = gateways.account_of(DEFAULT, "paynoi").api_key
    told = shop.gateway.handle("POST", "/api/payment/webhook", {}, gateway.webhook(transaction, key))
    assert (told.status, told.json()) == (200, {"status": 1})
    deliver.all()

    status = shop.call("GET", f"/payments/{payment['id']}/status").json()["data"]
    bought = shop.call("GET", f"/orders/{order['id']}").json()["data"]
    assert (status["status"], bought["status"]) == ("captured", "completed")
    assert shop.call("GET", "/cart").json()["data"]["items"] == []


def test_the_same_key_answers_the_same_order_and_token(shop):
    shop.fill("a")

    first, again = shop.order()[1], shop.order()[1]

    assert first == again


@pytest.mark.parametrize("key", ["", "short", "has space in it", "x" * 201])
def test_an_order_without_a_real_idempotency_key_is_refused(shop, key):
    shop.fill("a")

    answer = shop.call("POST", "/orders", {"email": "guest@example.com"}, Idempotency_Key=key)

    assert (answer.status, answer.json()["error"]["code"]) == (400, "idempotency_key_required")


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a@b.example\n", "x" * 250 + "@example.com"])
def test_an_order_needs_an_address_that_can_be(shop, email):
    shop.fill("a")

    answer = shop.call("POST", "/orders", {"email": email}, Idempotency_Key="checkout-1")

    assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "email")


def test_things_leave_the_cart_one_by_one_and_all_at_once(shop):
    shop.fill("a", "b", "c")

    left = shop.call("DELETE", "/cart/items/b").json()["data"]
    assert [item["ref"] for item in left["items"]] == ["a", "c"]

    assert shop.call("DELETE", "/cart").status == 204
    assert shop.call("GET", "/cart").json()["data"]["items"] == []


def test_a_signed_in_buyer_lists_orders(shop):
    answer = shop.call("GET", "/orders")

    assert (answer.status, answer.json()["error"]["code"]) == (401, "sign_in_required")


def test_a_stranger_finds_neither_order_nor_payment(shop, gateway):
    shop.fill("a")
    order = shop.order()[1]
    payment = shop.pay(order)
    stranger = Shop()

    for path in (f"/orders/{order['id']}", f"/payments/{payment['id']}/status"):
        assert stranger.call("GET", path).status == 404
    assert stranger.call("POST", "/payments/create", {"orderId": order["id"]}).status == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"data":{}}'])
def test_what_is_no_webhook_is_refused(shop, body):
    answer = Gateway(app.app).handle("POST", "/payments/webhook", {}, body)

    assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_signature")


def test_staff_sees_money_under_review(shop, gateway):
    assert shop.call("GET", "/payments/review").status == 401


def test_a_gateway_that_does_not_answer_is_503_and_says_when_to_come_back(shop, gateway):
    shop.fill("a")
    order = shop.order()[1]
    gateway.fail = {"create"}

    answer = shop.call("POST", "/payments/create", {"orderId": order["id"]})

    assert (answer.status, answer.header("Retry-After")) == (503, "5")
    assert answer.json()["error"]["code"] == "payment_gateway_unavailable"


def test_the_sweeps_of_the_application_do_their_part(shop, gateway):
    shop.fill("a")
    order = shop.order()[1]
    shop.pay(order)
    gateway.set(next(iter(gateway.charges)), "captured")

    with clock.travel(timedelta(minutes=2)):
        for sweep in (app.sweep_payments, app.sweep_outbox, app.sweep_orders):
            sweep(SCHEDULED, LambdaContext("sweep"))
        deliver.all()

    assert shop.call("GET", f"/orders/{order['id']}").json()["data"]["status"] == "completed"
