"""A buyer pays with a card that is kept, or has the one they pay with kept."""

import json
from dataclasses import replace

import pytest

from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound, Unauthorized, Unavailable, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import cards, gateways, service, store
from chalicelib.payments.gateways.contract import GatewayAccount, HostedFields
from chalicelib.payments.methods import service as methods
from chalicelib.payments.model import State
from tests.selling import FakeGateway
from tests.stack import client

ACCOUNT = GatewayAccount("key of ours", return_url="https://shop.example/paid")
OTHER = Principal(DEFAULT, user="usr_01J00000000000000000000002")


@pytest.fixture
def gateway(monkeypatch) -> FakeGateway:
    fake = FakeGateway(name="stripe", tail=0, means=HostedFields("secret", "public"))
    monkeypatch.setattr(gateways, "of_name", lambda name: fake)
    monkeypatch.setattr(gateways, "account_of", lambda organization, name: ACCOUNT)
    return fake


def kept(principal: Principal, token: str = "tok_of_anna") -> str:
    return methods.save_method(principal, gateway="stripe", token=token)[1].id


def test_a_kept_card_pays_at_once(gateway, order, buyer):
    payment = service.create_payment(buyer, order.id, saved=kept(buyer))

    assert (payment.state, payment.gateway) == (State.CAPTURED, "stripe")
    assert orders.get(DEFAULT, order.id).status is not Status.AWAITING_PAYMENT
    assert gateway.kept_for == {payment.transaction: "cus_1"}


def test_a_kept_card_takes_the_place_of_the_open_attempt_of_another_way(gateway, order, buyer):
    service.create_payment(buyer, order.id, "promptpay")

    payment = service.create_payment(buyer, order.id, saved=kept(buyer))

    assert (payment.state, payment.attempt) == (State.CAPTURED, 2)


def test_a_bank_may_want_the_buyer_to_agree_first(gateway, order, buyer):
    method = kept(buyer, "tok_agree")

    first = service.create_payment(buyer, order.id, saved=method)
    again = service.create_payment(buyer, order.id)
    gateway.set(first.transaction, "captured")

    assert (first.state, first.redirect_url) == (State.PENDING, "https://bank.example/agree")
    assert (again.id, again.redirect_url) == (first.id, first.redirect_url)
    assert service.settle(DEFAULT, first.id) is Outcome.SUCCESS


def test_a_declined_card_leaves_the_attempt_open_for_another(gateway, order, buyer):
    with pytest.raises(Unprocessable, match="payment_gateway_refused"):
        service.create_payment(buyer, order.id, saved=kept(buyer, "tok_declined"))

    payment = service.create_payment(buyer, order.id, saved=kept(buyer))

    assert (payment.state, payment.attempt) == (State.CAPTURED, 1)


@pytest.mark.parametrize("call", ["enrol", "confirm", "check"])
def test_an_answer_that_got_lost_pays_once(gateway, order, buyer, call):
    method, gateway.fail = kept(buyer), {call}
    with pytest.raises(Unavailable):
        service.create_payment(buyer, order.id, saved=method)

    payment = service.create_payment(buyer, order.id, saved=method)

    assert payment.state is State.CAPTURED
    assert [charge.state for charge in gateway.charges.values()] == ["captured"]
    assert len(gateway.customers) == 1


def test_somebody_elses_card_is_like_one_that_is_not_there(gateway, order, buyer):
    foreign = kept(OTHER)

    for method in (foreign, "pmt_01J00000000000000000000009"):
        with pytest.raises(NotFound, match="payment_method_not_found"):
            service.create_payment(buyer, order.id, saved=method)

    assert gateway.charges == {}


def test_only_the_buyer_pays_with_a_card_or_has_one_kept(gateway, order, buyer):
    admin = Principal(DEFAULT, user="usr_boss", permissions=frozenset({"order.read_all"}))
    guest = Principal(DEFAULT, tokens={"order": orders.token_of(order)})

    for wanted in ({"saved": kept(admin)}, {"keep": True}):
        with pytest.raises(Forbidden, match="card_is_the_buyers"):
            service.create_payment(admin, order.id, **wanted)
        with pytest.raises(Unauthorized, match="sign_in_required"):
            service.create_payment(guest, order.id, **wanted)

    assert gateway.charges == {}


def test_without_a_page_to_come_back_to_no_card_is_taken(gateway, order, buyer, monkeypatch):
    method = kept(buyer)
    monkeypatch.setattr(gateways, "account_of", lambda organization, name: replace(ACCOUNT, return_url=""))

    with pytest.raises(Unprocessable, match="method_not_offered"):
        service.create_payment(buyer, order.id, saved=method)


def test_what_is_paid_with_is_kept_with_consent_and_its_token_sealed(gateway, order, buyer):
    payment = service.create_payment(buyer, order.id, "stripe", keep=True)
    assert methods.list_methods(buyer).methods == ()
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)

    outcomes = [cards.keep_paid(DEFAULT, order.id) for _ in range(2)]

    (saved,) = methods.list_methods(buyer).methods
    assert outcomes == [Outcome.SUCCESS, Outcome.SUCCESS]
    assert (saved.gateway, methods.token_of(DEFAULT, saved)) == ("stripe", f"tok_of_{payment.transaction}")
    items = json.dumps(client("dynamodb").scan(TableName="thepixstock-test-payments")["Items"])
    assert f"tok_of_{payment.transaction}" not in items


def test_without_consent_nothing_is_kept(gateway, order, buyer):
    payment = service.create_payment(buyer, order.id, "stripe")
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)

    assert cards.keep_paid(DEFAULT, order.id) is Outcome.SKIPPED
    assert methods.list_methods(buyer).methods == ()


def test_a_card_that_can_not_be_kept_was_none_the_less_paid_with(gateway, order, buyer, monkeypatch):
    payment = service.create_payment(buyer, order.id, "stripe", keep=True)
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)
    for number in range(10):
        kept(buyer, f"tok_{number}")

    assert cards.keep_paid(DEFAULT, order.id) is Outcome.SKIPPED
    gateway.kept_for.clear()
    assert cards.keep_paid(DEFAULT, order.id) is Outcome.SKIPPED
    assert len(methods.list_methods(buyer).methods) == 10


def test_a_gateway_that_keeps_nothing_says_so_before_anything_opens(order, buyer):
    with pytest.raises(Unprocessable, match="method_not_saved_here"):
        service.create_payment(buyer, order.id, "promptpay", keep=True)

    assert store.attempts(DEFAULT, order.id) == []


def test_who_is_erased_is_erased_at_the_gateway_too(gateway, order, buyer):
    service.create_payment(buyer, order.id, saved=kept(buyer))

    for _ in range(2):
        methods.erase_person(DEFAULT, buyer.known_user)

    assert gateway.customers == {}
    assert methods.list_methods(buyer).customers == ()
