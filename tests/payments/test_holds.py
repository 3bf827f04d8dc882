"""Money that is set aside first: it is taken when the order is there to be paid, and else let go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.configuration import service as configuration
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Unavailable
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways, offering, service
from chalicelib.payments.gateways.contract import GatewayAccount, Offer
from chalicelib.payments.model import State
from tests.selling import FakeGateway

OFFERS = [Offer("paynoi", "PromptPay", "qr_code", ("THB",)), Offer("stripe", "Card", "card", ("THB",), holds=True)]


@pytest.fixture
def banks(monkeypatch):
    found = {offer.gateway: FakeGateway(name=offer.gateway, tail=0) for offer in OFFERS}
    monkeypatch.setattr(gateways, "of_name", lambda name: found[name])
    monkeypatch.setattr(gateways, "account_of", lambda organization, name: GatewayAccount("key of ours"))
    monkeypatch.setattr(gateways, "open_to", lambda organization, currency, named: OFFERS)
    return found


def choose(*methods):
    configuration.change(Principal(DEFAULT, user="usr_boss"), "payments", 0, {"methods": list(methods)})


@pytest.fixture
def held(banks, order, buyer):
    """An order whose money is set aside at the bank."""
    choose({"method": "stripe", "hold": True}, {"method": "paynoi", "hold": True})
    payment = service.create_payment(buyer, order.id)
    assert banks["stripe"].held == {payment.transaction}
    banks["stripe"].set(payment.transaction, "authorized")
    return payment


def test_money_is_set_aside_only_where_somebody_wants_it_and_the_gateway_can(banks, order, buyer):
    choose({"method": "stripe"}, {"method": "paynoi", "hold": True})

    service.create_payment(buyer, order.id, "stripe")
    service.create_payment(buyer, order.id, "paynoi")

    assert [bank.held for bank in banks.values()] == [set(), set()]
    assert [offering.holds(DEFAULT, name) for name in banks] == [False, False]


def test_what_is_set_aside_is_taken_and_booked_at_once(banks, held, order):
    service.settle(DEFAULT, held.id, held.transaction)

    assert banks["stripe"].charges[held.transaction].state == "captured"
    assert service.get(DEFAULT, held.id).state is State.CAPTURED
    assert orders.get(DEFAULT, order.id).status is not Status.AWAITING_PAYMENT
    assert ledger.balance(DEFAULT, "gateway:stripe") == order.total


@pytest.mark.parametrize("wrong", [{"amount": 1}, {"currency": "USD"}, {"account": "of somebody"}])
def test_what_is_not_as_agreed_is_let_go(banks, held, order, wrong):
    banks["stripe"].set(held.transaction, "authorized", **wrong)

    service.settle(DEFAULT, held.id, held.transaction)

    assert banks["stripe"].cancelled == [held.transaction]
    assert service.get(DEFAULT, held.id).state is State.FAILED
    assert ledger.balance(DEFAULT, "gateway:stripe") == 0


def test_what_is_set_aside_for_another_payment_is_left_alone(banks, held):
    banks["stripe"].set(held.transaction, "authorized", reference="pay_of_somebody")

    service.settle(DEFAULT, held.id, held.transaction)

    assert banks["stripe"].charges[held.transaction].state == "authorized"
    assert service.get(DEFAULT, held.id).state is State.PENDING


def test_money_for_an_order_that_ran_out_is_let_go(banks, held, order):
    with clock.travel(timedelta(hours=24, seconds=1)):
        orders.expire_due()
        service.settle(DEFAULT, held.id, held.transaction)

        assert service.get(DEFAULT, held.id).state is State.FAILED
    assert banks["stripe"].cancelled == [held.transaction]
    assert orders.get(DEFAULT, order.id).status is Status.EXPIRED


def test_an_answer_that_got_lost_takes_nothing_twice(banks, held):
    banks["stripe"].fail = {"capture"}
    with pytest.raises(Unavailable):
        service.settle(DEFAULT, held.id, held.transaction)

    service.settle(DEFAULT, held.id, held.transaction)

    assert service.get(DEFAULT, held.id).state is State.CAPTURED


def test_a_gateway_is_asked_as_seldom_as_it_wants(banks, order, buyer):
    bank, create = banks["paynoi"], banks["paynoi"].create
    bank.create = lambda account, **asked: slowly(create(account, **asked))
    payment = service.create_payment(buyer, order.id, "paynoi")

    for seconds in (4, 9, 10):
        with clock.travel(timedelta(seconds=seconds)):
            service.read_payment(buyer, payment.id)

    assert (payment.ask_every, len(bank.asked)) == (10, 1)


def slowly(charge):
    return replace(charge, ask_every=10)


def test_not_every_gateway_sets_money_aside():
    assert gateways.holder("cloudpayments").name == "cloudpayments"
    with pytest.raises(LookupError):
        gateways.holder("kaspi")
