"""Packs of credit, from the offer to the wallet."""

import datetime
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Item
from chalicelib.lines.credits import service
from chalicelib.lines.credits.line import LINE, Credits
from chalicelib.lines.credits.service import Terms
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.wallet import service as wallet
from tests import selling
from tests.events.people import ADMIN, OTHER, VISITOR, opened, planned

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")
ALL = PageRequest(size=100)
TOMORROW = datetime.timedelta(days=2)


@pytest.fixture
def gateway(aws, monkeypatch):
    gateway = selling.FakeGateway()
    monkeypatch.setattr(gateways, "of_name", lambda name: gateway)
    return gateway


def offer(key="pack-0001", **changes):
    plain = Terms("Early 500", 500_00, 450_00, None, False, None, None, 100, None, None)
    return service.offer(ADMIN, replace(plain, **changes), key)


def coming(**changes):
    return opened(date=(clock.now() + TOMORROW).date(), **changes)


def ordered(*packs, by=BUYER):
    carts.add(by, [Item("credits", pack.id) for pack in packs])
    return orders.place_order(by, "checkout-1", email="buyer@example.com", language="en", expected_total=None)


def paid(gateway, order):
    payment = payments.create_payment(BUYER, order.id)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    return orders.get(DEFAULT, order.id)


def problems(pack):
    return [problem.code for problem in LINE.quote(DEFAULT, [Item("credits", pack.id)], clock.now()).problems]


def test_credit_is_found_as_a_line_of_sale():
    assert lines.of_kind("credits") is LINE
    with pytest.raises(NotFound, match="package_not_found"):
        LINE.select(DEFAULT, "credits", "one", ["pck_1"])


def test_a_pack_that_was_paid_for_comes_into_the_wallet_once(gateway):
    order = paid(gateway, ordered(offer(days=30)))

    outcomes = [orders.hand_over(DEFAULT, order.id, "line-1") for _ in range(2)]
    Credits().fulfil(order.sold(order.lines[0]))
    shared = orders.share_out(DEFAULT, order.id, "line-1")

    (grant,) = wallet.of_user(DEFAULT, BUYER.known_user).grants
    assert (outcomes, shared) == ([Outcome.SUCCESS, Outcome.SKIPPED], Outcome.SKIPPED)
    assert orders.get(DEFAULT, order.id).status is Status.COMPLETED
    assert (grant.left, grant.paid, grant.source, grant.expires_at) == (
        500_00,
        450_00,
        "bought",
        order.paid_at + timedelta(days=30),
    )
    booked = {name: ledger.balance(DEFAULT, name) for name in ("sales", wallet.GIVEN, wallet.account(BUYER.known_user))}
    assert booked == {"sales": 0, wallet.GIVEN: 50_00, wallet.account(BUYER.known_user): -500_00}


def test_what_was_bought_is_taken_back_as_far_as_it_is_left(gateway):
    order = paid(gateway, ordered(offer()))
    orders.hand_over(DEFAULT, order.id, "line-1")
    transact(wallet.hold(DEFAULT, BUYER.known_user, "pay_1", {"evt_1": 100_00}))
    transact(wallet.spend(DEFAULT, BUYER.known_user, "pay_1"))
    sold = order.sold(order.lines[0])

    for _ in range(2):
        Credits().revoke(sold)

    assert wallet.of_user(DEFAULT, BUYER.known_user).total == 0
    assert (ledger.balance(DEFAULT, "sales"), ledger.balance(DEFAULT, wallet.GIVEN)) == (-360_00, 10_00)
    (back, _) = wallet.history(DEFAULT, BUYER.known_user, ALL).items
    assert (back.kind, -back.amount, back.order) == ("revoked", -400_00, order.id)


def test_an_offer_is_made_once_and_never_changes(aws):
    first = offer()

    assert offer() == first
    with pytest.raises(Conflict, match="idempotency_key_reused"):
        offer(price=400_00)
    assert service.on_sale(VISITOR, None, ALL).items == [first]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": 500_01}, "pack_too_dear"),
        ({"bound": True}, "pack_without_event"),
        ({"opens_at": clock.now() + TOMORROW, "closes_at": clock.now()}, "sale_window"),
        ({"expires_at": clock.now() + TOMORROW, "days": 3}, "one_expiry"),
    ],
)
def test_terms_that_can_not_be_meant_are_refused(aws, changes, code):
    with pytest.raises(Invalid, match=code):
        offer(**changes)


def test_a_pack_is_sold_in_its_window_and_before_its_event_begins(aws):
    event = coming()
    pack = offer(event=event.slug, opens_at=clock.now() + timedelta(hours=1))

    too_early = problems(pack)
    with clock.travel(timedelta(hours=2)):
        in_time, listed = problems(pack), service.on_sale(VISITOR, event.id, ALL).items
    with clock.travel(timedelta(days=3)):
        too_late, over = problems(pack), service.on_sale(VISITOR, None, ALL).items

    assert (too_early, in_time, too_late) == (["pack_not_on_sale"], [], ["pack_not_on_sale"])
    assert (listed, over) == ([pack], [])


def test_a_pack_of_an_event_that_nobody_may_see_yet_is_not_shown(aws):
    pack = offer(event=planned(date=(clock.now() + TOMORROW).date()).id)

    assert service.on_sale(VISITOR, None, ALL).items == []
    assert problems(pack) == ["pack_not_on_sale"]


def test_what_was_withdrawn_is_sold_no_more_and_given_to_who_ordered_it(gateway):
    pack = offer()
    order = ordered(pack)

    for _ in range(2):
        service.withdraw(ADMIN, pack.id)
    order = paid(gateway, order)
    orders.hand_over(DEFAULT, order.id, "line-1")

    assert problems(pack) == ["pack_not_on_sale"]
    assert wallet.of_user(DEFAULT, BUYER.known_user).total == 500_00
    with pytest.raises(NotFound, match="pack_not_found"):
        service.withdraw(ADMIN, ids.new("pck"))


def test_bound_credit_pays_at_its_event_alone(gateway):
    event = coming()
    order = paid(gateway, ordered(offer(event=event.id, bound=True)))
    orders.hand_over(DEFAULT, order.id, "line-1")

    with pytest.raises(Conflict, match="not_enough_credit"):
        wallet.hold(DEFAULT, BUYER.known_user, "pay_1", {"evt_other": 1})
    transact(wallet.hold(DEFAULT, BUYER.known_user, "pay_1", {event.id: 500_00}))
    assert wallet.of_user(DEFAULT, BUYER.known_user).held == 500_00


def test_credit_is_bought_with_an_account_and_not_with_credit(gateway):
    pack = offer()
    token = carts.add(VISITOR, [Item("credits", pack.id)]).token
    guest = Principal(DEFAULT, tokens={"cart": token})
    order = ordered(pack)

    with pytest.raises(Unprocessable, match="account_needed"):
        orders.place_order(guest, "checkout-2", email="guest@example.com", language="en", expected_total=None)
    with pytest.raises(Conflict, match="not_for_credit"):
        payments.create_payment(BUYER, order.id, "credit")


def test_a_pack_of_another_organization_is_not_there(aws):
    pack = offer()

    quote = LINE.quote(OTHER, [Item("credits", pack.id)], clock.now())

    assert [problem.code for problem in quote.problems] == ["pack_not_found"]
