import json

import pytest

from chalicelib.configuration import service as configuration
from chalicelib.core import sealing
from chalicelib.core.auth import Principal
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments.methods import service, store
from chalicelib.payments.methods.model import MOST_METHODS, refuse_card_number
from tests import deliver
from tests.profiles.conftest import Person, person, refusal
from tests.selling import FakeGateway
from tests.stack import client

METHODS = "/users/payment-methods"
CARDS = ["4242424242424242", "4242 4242 4242 4242", "5555-5555-5555-4444", "378282246310005", "6304000000000000"]


@pytest.fixture
def gateway(monkeypatch) -> FakeGateway:
    fake = FakeGateway()
    monkeypatch.setattr(gateways, "of_name", lambda name: fake)
    return fake


@pytest.fixture
def anna(aws, gateway) -> Person:
    return person("anna")


def save(person, token):
    return person.post(METHODS, {"token": token})["id"]


def kept(person):
    return [(method["last4"], method["isDefault"]) for method in person.get(METHODS)["items"]]


def stored():
    return json.dumps(client("dynamodb").scan(TableName="thepixstock-test-payments")["Items"])


def test_a_method_is_what_the_gateway_says_and_its_token_is_sealed(anna):
    answer = anna.call("POST", METHODS, {"token": "tok_of_anna_1234"})

    assert answer.status == 201
    method = answer.json()["data"]
    assert answer.header("Location") == f"{METHODS}/{method['id']}"
    del method["id"], method["addedAt"]
    assert method == {"gateway": "paynoi", "brand": "visa", "last4": "1234", "expires": "2030-01", "isDefault": True}
    assert "tok_of_anna" not in stored() + answer.body.decode()
    (saved,) = service.list_methods(anna.principal).methods
    assert service.token_of(DEFAULT, saved) == "tok_of_anna_1234"
    assert saved.sealed not in repr(saved)


def test_a_token_does_not_open_as_another_method(anna):
    save(anna, "tok_1")
    save(anna, "tok_2")
    first, second = service.list_methods(anna.principal).methods

    with pytest.raises(sealing.NotSealed):
        sealing.unseal(DEFAULT, f"payment-method#{second.id}", first.sealed)


def test_the_same_token_is_one_method(anna):
    assert save(anna, "tok_1234") == save(anna, "tok_1234")
    assert kept(anna) == [("1234", True)]


def test_one_is_the_default_as_long_as_there_is_any(anna):
    first, second, third = (save(anna, f"tok_000{n}") for n in (1, 2, 3))
    assert kept(anna) == [("0001", True), ("0002", False), ("0003", False)]

    anna.put(f"{METHODS}/{third}/default")
    assert kept(anna) == [("0001", False), ("0002", False), ("0003", True)]
    assert anna.get(f"{METHODS}/{third}")["isDefault"] is True
    assert anna.call("DELETE", f"{METHODS}/{third}").status == 204
    assert kept(anna) == [("0001", True), ("0002", False)]
    for method in (first, second):
        assert anna.call("DELETE", f"{METHODS}/{method}").status == 204
    assert kept(anna) == []
    assert refusal(anna.call("DELETE", f"{METHODS}/{first}")) == (404, "payment_method_not_found")


def test_a_full_wallet_takes_no_more(anna):
    for number in range(MOST_METHODS):
        save(anna, f"tok_{number:04d}")

    assert refusal(anna.call("POST", METHODS, {"token": "tok_more"})) == (409, "too_many_payment_methods")
    assert len(kept(anna)) == MOST_METHODS


def test_nobody_reaches_the_method_of_somebody_else(anna):
    berta, hers = person("berta"), save(anna, "tok_1234")

    for method, path in (("GET", hers), ("DELETE", hers), ("PUT", f"{hers}/default")):
        assert refusal(berta.call(method, f"{METHODS}/{path}")) == (404, "payment_method_not_found")
    assert (kept(berta), kept(anna)) == ([], [("1234", True)])


def test_two_who_save_at_once_both_get_what_they_asked_for(anna, monkeypatch):
    old, read, seen = store.wallet_of(DEFAULT, anna.principal.known_user), store.wallet_of, []
    save(anna, "tok_0001")

    def late(*args):
        seen.append(args)
        return old if len(seen) == 1 else read(*args)

    monkeypatch.setattr(store, "wallet_of", late)
    save(anna, "tok_0002")

    assert kept(anna) == [("0001", True), ("0002", False)]


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*CARDS, f"tok_{CARDS[0]}", f"card: {CARDS[1]};", CARDS[0][:4] + "-" + CARDS[0][4:]])
def test_the_number_of_a_card_is_refused_before_the_gateway_hears_of_it(anna, gateway, monkeypatch, text):
    monkeypatch.setattr(gateway, "describe_method", None)

    assert refusal(anna.call("POST", METHODS, {"token": text})) == (400, "card_number_refused")
    assert stored() == "[]"


@pytest.mark.parametrize(
    "text", ["4242424242424241", "tok_1Mq4242424242", "42424242424", "4" * 40, "pm_1NcFxQ2eZvKYlo"]
)
def test_other_texts_are_no_card(text):
    refuse_card_number(text)


def test_a_gateway_that_does_not_know_the_token_decides(anna):
    assert refusal(anna.call("POST", METHODS, {"token": "unknown"})) == (422, "payment_method_unknown")
    assert refusal(anna.call("POST", METHODS, {"token": "tok_1", "gateway": "bank"})) == (400, "unknown_gateway")
    assert kept(anna) == []


def test_a_gateway_that_keeps_no_methods_says_so(anna, monkeypatch):
    monkeypatch.undo()

    assert refusal(anna.call("POST", METHODS, {"token": "tok_1"})) == (422, "method_not_saved_here")
    assert kept(anna) == []


def test_a_gateway_that_is_silent_saves_nothing(anna, gateway):
    gateway.fail.add("describe_method")

    assert refusal(anna.call("POST", METHODS, {"token": "tok_1"})) == (503, "payment_gateway_unavailable")
    assert kept(anna) == []


# --- what is offered ----------------------------------------------------------------------------------------


def test_anybody_sees_how_one_may_pay_and_for_how_much(anna):
    methods = [{"method": "stripe", "smallest": 20_00}, {"method": "paynoi", "largest": 500_00}]
    configuration.change(Principal(DEFAULT, user="usr_boss"), "payments", 0, {"methods": methods})

    every, small, large = (
        anna.get(f"/payments/methods{query}")["items"] for query in ("", "?amount=1999", "?amount=50001")
    )

    assert [(each["gateway"], each["kind"], each["smallest"], each["largest"]) for each in every] == [
        ("stripe", "card", 20_00, None),
        ("paynoi", "qr_code", 0, 500_00),
    ]
    assert [each["gateway"] for each in small] == ["paynoi"]
    assert [each["gateway"] for each in large] == ["stripe"]
    assert refusal(anna.call("GET", "/payments/methods?amount=-1")) == (400, "validation_failed")


# --- taken away ---------------------------------------------------------------------------------------------


def test_what_is_taken_away_is_detached_at_its_gateway_once(anna, gateway):
    first, second = save(anna, "tok_0001"), save(anna, "tok_0002")

    anna.call("DELETE", f"{METHODS}/{first}")
    (fact,) = deliver.facts()
    deliver.all()

    assert gateway.detached == ["tok_0001"]
    assert "tok_0001" not in fact.model_dump_json()
    assert kept(anna) == [("0002", True)]
    assert anna.call("DELETE", f"{METHODS}/{first}").status == 404
    assert deliver.facts() == []
    assert service.list_methods(anna.principal).has(second)


def test_a_silent_gateway_is_asked_again(anna, gateway):
    method = save(anna, "tok_0001")
    gateway.fail = {"detach"}

    anna.call("DELETE", f"{METHODS}/{method}")
    deliver.all()

    assert gateway.detached == ["tok_0001", "tok_0001"]


def test_what_its_owner_brought_again_meanwhile_stays(anna, gateway):
    anna.call("DELETE", f"{METHODS}/{save(anna, 'tok_0001')}")
    save(anna, "tok_0001")

    deliver.all()

    assert gateway.detached == []


def test_where_nothing_is_kept_nothing_is_detached(anna, gateway, monkeypatch):
    method = save(anna, "tok_0001")
    monkeypatch.setattr(gateways, "of_name", lambda name: object())

    anna.call("DELETE", f"{METHODS}/{method}")
    deliver.all()

    assert kept(anna) == []
