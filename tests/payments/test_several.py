"""An organization with several gateways: which it offers, switching between them, webhooks and fees of each."""

import json
from datetime import timedelta

import pytest

from chalicelib.configuration import service as configuration
from chalicelib.core import clock, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, InvalidFields, NotFound, Unauthorized, Unavailable, Unprocessable
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways, offering, service, store
from chalicelib.payments.gateways.contract import (
    GatewayAccount,
    HostedFields,
    Means,
    Offer,
    Picture,
    Redirect,
    Transfer,
)
from chalicelib.payments.model import State
from tests.selling import FakeGateway
from tests.stack import client

OFFERS = [
    Offer("paynoi", "PromptPay", "qr_code", ("THB",)),
    Offer("card", "Cards", "card", ("THB", "USD")),
    Offer("wire", "Bank transfer", "transfer", ("THB",)),
]
MEANS: dict[str, Means] = {
    "paynoi": Picture(b"\x89PNG"),
    "card": HostedFields("pi_1_secret_of_the_buyer", "pk_of_the_shop"),
    "wire": Transfer("KBANK", "123-4-56789-0", "ThePixStock", "ABC123"),
}
ACCOUNT = GatewayAccount("key of ours")


@pytest.fixture
def shop(monkeypatch):
    """Three gateways by their names; the organization has an account at each."""
    found = {name: FakeGateway(name=name, means=means, tail=0) for name, means in MEANS.items()}
    monkeypatch.setattr(gateways, "of_name", lambda name: found[name])
    monkeypatch.setattr(gateways, "account_of", lambda organization, name: ACCOUNT)
    monkeypatch.setattr(gateways, "open_to", lambda organization, currency, named: OFFERS)
    monkeypatch.setattr(gateways, "NAMES", frozenset(found))
    return found


def choose(*methods, version=0):
    boss = Principal(DEFAULT, user="usr_boss")
    return configuration.change(boss, "payments", version, {"methods": list(methods)})


def names(amount=None):
    return [each.gateway for each in offering.offered(DEFAULT, "THB", amount)]


# --- what is offered ----------------------------------------------------------------------------------------


def test_whatever_could_be_is_offered_until_somebody_chooses(aws, shop):
    assert names() == ["paynoi", "card", "wire"]

    choose({"method": "card"}, {"method": "paynoi", "enabled": False}, {"method": "gone"})

    assert names() == ["card"]


def test_amounts_bound_a_method(aws, shop):
    choose({"method": "card", "smallest": 50_00}, {"method": "wire", "smallest": 0, "largest": 99_99})

    assert [names(amount) for amount in (0, 49_99, 50_00, 99_99, 100_00)] == [
        ["wire"],
        ["wire"],
        ["card", "wire"],
        ["card", "wire"],
        ["card"],
    ]


@pytest.mark.parametrize(
    "methods",
    [
        [{"method": "card"}, {"method": "card"}],
        [{"method": "card", "smallest": -1}],
        [{"method": "card", "smallest": 1.5}],
        [{"method": "Card!"}],
        [{"method": "card", "unknown": True}],
        [{"method": f"m{number}"} for number in range(21)],
    ],
)
def test_what_is_no_choice_is_refused(aws, methods):
    with pytest.raises(InvalidFields):
        choose(*methods)


def test_an_organization_without_an_account_does_not_offer_the_gateway(aws, monkeypatch):
    assert names() == ["paynoi", "stripe", "promptpay", "paypal"]
    assert [offer.gateway for offer in gateways.open_to(DEFAULT, "USD", ())] == ["stripe", "paypal", "cloudpayments"]
    assert "crypto" in [offer.gateway for offer in gateways.open_to(DEFAULT, "USD", ["crypto"])]
    assert {"cloudpayments", "kaspi"} <= {offer.gateway for offer in gateways.open_to(DEFAULT, "KZT", ())}

    without = secrets.secrets().model_copy(update={"stripe": None})
    monkeypatch.setattr(secrets, "_held", (clock.now(), without))

    assert names() == ["paynoi", "promptpay", "paypal"]
    with pytest.raises(Unprocessable, match="gateway_not_set_up"):
        gateways.account_of(DEFAULT, "stripe")


def test_an_organization_may_have_an_account_of_its_own(aws, monkeypatch):
    held = secrets.secrets()
    assert held.stripe is not None
    own = held.stripe.model_copy(update={"publishable_key": "pk_of_the_organization"})
    monkeypatch.setattr(
        secrets, "_held", (clock.now(), held.model_copy(update={"stripe_of_organizations": {DEFAULT: own}}))
    )

    assert gateways.account_of(DEFAULT, "stripe").publishable_key == "pk_of_the_organization"
    assert gateways.account_of("org_other", "stripe").publishable_key == held.stripe.publishable_key


# --- which one pays -----------------------------------------------------------------------------------------


def test_the_first_choice_that_takes_the_amount_pays_unless_the_buyer_says_otherwise(shop, order, buyer):
    choose({"method": "wire", "largest": 99_99}, {"method": "card"}, {"method": "paynoi"})

    assert service.create_payment(buyer, order.id).gateway == "card"
    assert service.create_payment(buyer, order.id, "qr").gateway == "paynoi"
    for method in ("wire", "bank"):
        with pytest.raises(Unprocessable, match="method_not_offered"):
            service.create_payment(buyer, order.id, method)


def test_each_way_to_pay_is_told_in_its_own_words(shop, order, buyer):
    told = [service.create_payment(buyer, order.id, name) for name in ("card", "wire", "paynoi")]

    assert [(each.hosted_fields, each.transfer_to, each.qr_png) for each in told] == [
        (MEANS["card"], None, None),
        (None, MEANS["wire"], None),
        (None, None, "iVBORw=="),
    ]
    shop["wire"].means = Redirect("https://pay.example/1")
    assert service.create_payment(buyer, order.id, "wire").redirect_url == "https://pay.example/1"


def test_what_opens_the_gateways_fields_is_sealed_where_it_is_stored(shop, order, buyer):
    payment = service.create_payment(buyer, order.id, "card")

    stored = json.dumps(client("dynamodb").scan(TableName="thepixstock-test-payments")["Items"])
    assert "secret_of_the_buyer" not in stored
    assert service.create_payment(buyer, order.id).hosted_fields == MEANS["card"]
    assert service.read_payment(buyer, payment.id).hosted_fields == MEANS["card"]
    shop["card"].set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)
    assert service.read_payment(buyer, payment.id).hosted_fields is None


# --- switching ----------------------------------------------------------------------------------------------


def test_another_method_withdraws_the_open_attempt(shop, order, buyer):
    first = service.create_payment(buyer, order.id, "paynoi")

    second = service.create_payment(buyer, order.id, "card")

    assert shop["paynoi"].cancelled == [first.transaction]
    assert (second.attempt, second.gateway) == (2, "card")
    assert service.get(DEFAULT, first.id).state is State.EXPIRED
    assert service.create_payment(buyer, order.id).id == second.id, "what is open goes on"
    again = service.create_payment(buyer, order.id, "paynoi")
    assert (again.attempt, again.transaction) == (3, "T0002")
    assert shop["card"].cancelled == [second.transaction]


def test_an_attempt_that_was_paid_at_that_moment_stands(shop, order, buyer):
    first = service.create_payment(buyer, order.id, "paynoi")
    shop["paynoi"].set(first.transaction, "captured")
    shop["paynoi"].cancel = refused

    with pytest.raises(Conflict, match="order_already_paid"):
        service.create_payment(buyer, order.id, "card")

    assert orders.get(DEFAULT, order.id).payment == first.id
    assert shop["card"].charges == {}


def test_an_attempt_that_can_not_be_withdrawn_yet_stands(shop, order, buyer):
    first = service.create_payment(buyer, order.id, "card")
    shop["card"].cancel = refused

    with pytest.raises(Conflict, match="payment_under_way"):
        service.create_payment(buyer, order.id, "paynoi")

    assert service.get(DEFAULT, first.id).state is State.PENDING
    assert shop["paynoi"].charges == {}


def test_while_a_gateway_is_silent_nothing_else_opens(shop, order, buyer):
    service.create_payment(buyer, order.id, "paynoi")
    shop["paynoi"].fail = {"cancel"}

    with pytest.raises(Unavailable):
        service.create_payment(buyer, order.id, "card")

    assert service.create_payment(buyer, order.id, "card").attempt == 2


def test_late_money_of_a_withdrawn_attempt_is_looked_at(shop, order, buyer):
    first = service.create_payment(buyer, order.id, "paynoi")
    second = service.create_payment(buyer, order.id, "card")
    for gateway, payment in (("card", second), ("paynoi", first)):
        shop[gateway].set(payment.transaction, "captured")
        service.settle(DEFAULT, payment.id)

    late = service.get(DEFAULT, first.id)

    assert (late.state, late.review_reason, late.waiting) == (State.REVIEW, "order_paid_already", 100_00)
    assert orders.get(DEFAULT, order.id).payment == second.id


def test_an_answer_that_was_lost_is_left_for_another_method(shop, order, buyer):
    shop["paynoi"].fail = {"create"}
    with pytest.raises(Unavailable):
        service.create_payment(buyer, order.id, "paynoi")

    payment = service.create_payment(buyer, order.id, "card")

    assert (payment.attempt, payment.gateway) == (2, "card")


def test_a_method_that_somebody_else_just_opened_is_not_taken_for_ones_own(shop, order, buyer, monkeypatch):
    real = store.attempts

    def late(organization, wanted):
        monkeypatch.setattr(store, "attempts", real)
        service.create_payment(buyer, order.id, "paynoi")
        return []

    monkeypatch.setattr(store, "attempts", late)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        service.create_payment(buyer, order.id, "card")


# --- webhooks -----------------------------------------------------------------------------------------------


def test_a_webhook_is_believed_only_from_the_gateway_of_its_payment(shop, order, buyer):
    payment = service.create_payment(buyer, order.id, "card")
    raw = shop["card"].webhook(payment.transaction, ACCOUNT.api_key)

    with pytest.raises(Unauthorized, match="invalid_signature"):
        service.accept_webhook("paynoi", raw, {})
    with pytest.raises(NotFound, match="unknown_gateway"):
        service.accept_webhook("bank", raw, {})
    assert service.accept_webhook("card", raw, {}) == {"status": 1}


# --- fees ---------------------------------------------------------------------------------------------------


def balances():
    accounts = ("gateway:card", "gateway-fees", "sales", "suspense")
    return {account: amount for account in accounts if (amount := ledger.balance(DEFAULT, account))}


def test_what_a_gateway_kept_is_booked_with_what_it_brought(shop, order, buyer):
    payment = service.create_payment(buyer, order.id, "card")
    shop["card"].set(payment.transaction, "captured", fee=4_65)

    service.settle(DEFAULT, payment.id)

    paid = service.get(DEFAULT, payment.id)
    assert (paid.received, paid.fee, paid.left) == (100_00, 4_65, 100_00)
    assert balances() == {"gateway:card": 95_35, "gateway-fees": 4_65, "sales": -100_00}
    assert orders.get(DEFAULT, order.id).status is Status.PAID


def test_what_a_gateway_kept_of_money_under_review_is_booked_too(shop, order, buyer):
    payment = service.create_payment(buyer, order.id, "card")
    shop["card"].set(payment.transaction, "captured", amount=90_00, fee=4_00)

    service.settle(DEFAULT, payment.id)

    case = service.get(DEFAULT, payment.id)
    assert (case.waiting, case.fee) == (90_00, 4_00)
    assert balances() == {"gateway:card": 86_00, "gateway-fees": 4_00, "suspense": -90_00}


def test_a_charge_that_expired_unpaid_makes_room_for_the_first_choice(shop, order, buyer):
    service.create_payment(buyer, order.id, "card")

    with clock.travel(timedelta(minutes=16)):
        assert service.create_payment(buyer, order.id).gateway == "paynoi"


def refused(account, transaction):
    raise Unprocessable("payment_gateway_refused", "The payment service refused the request.")
