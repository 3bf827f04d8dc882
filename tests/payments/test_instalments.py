"""Orders paid by several payments at once: they are paid when all of the price is there, and else it goes back."""

from datetime import timedelta
from itertools import permutations

import pytest

from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.invoices import service as invoices
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Posting
from chalicelib.orders import service as orders
from chalicelib.orders.model import PAYABLE_FOR, Order, Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways, service
from chalicelib.payments.administration import service as desk
from chalicelib.payments.gateways.contract import GatewayAccount, HostedFields, Offer, Picture
from chalicelib.payments.messages import InstalmentCaptured
from chalicelib.payments.model import State
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import State as RefundState
from chalicelib.payments.refunds.model import Wanted, Way
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import Grant, Source
from tests import deliver
from tests.selling import FakeGateway

pytestmark = pytest.mark.usefixtures("things")
ACCOUNTS = (
    "gateway:paynoi",
    "gateway:card",
    "gateway-fees",
    "instalments",
    "sales",
    "payment-tails",
    "suspense",
    "credits:usr_01J00000000000000000000001",
    "credits-given",
)
PAGE = PageRequest(size=50)
STAFF = Principal(
    DEFAULT,
    user="usr_01J00000000000000000000009",
    permissions=frozenset({"order.read_all", "order.manage", "payment.read_all", "payment.manage"}),
)


@pytest.fixture
def shop(monkeypatch):
    found = {
        "paynoi": FakeGateway(means=Picture(b"\x89PNG")),
        "card": FakeGateway(name="card", means=HostedFields("secret", "public"), tail=0),
    }
    offers = [Offer("paynoi", "PromptPay", "qr_code", ("THB",)), Offer("card", "Cards", "card", ("THB",))]
    monkeypatch.setattr(gateways, "of_name", lambda name: found[name])
    monkeypatch.setattr(gateways, "account_of", lambda organization, name: GatewayAccount("key of ours"))
    monkeypatch.setattr(gateways, "open_to", lambda organization, currency, named: offers)
    monkeypatch.setattr(gateways, "NAMES", frozenset(found))
    return found


@pytest.fixture
def give(buyer):
    def given_credit(amount, **more):
        grant = Grant(ids.new("crd"), Source.BONUS, amount, amount, clock.now(), **more)
        return wallet.give(DEFAULT, buyer.known_user, grant, (Posting(wallet.GIVEN, amount),))

    return given_credit


def pay(shop, payment, **otherwise):
    gateway = shop[payment.gateway]
    gateway.set(payment.transaction, "captured", **otherwise)
    return service.settle(DEFAULT, payment.id)


def now(of):
    return orders.get(DEFAULT, of.id) if isinstance(of, Order) else service.get(DEFAULT, of.id)


def balances():
    return {account: amount for account in ACCOUNTS if (amount := ledger.balance(DEFAULT, account))}


def credit_of(buyer):
    found = wallet.of_user(DEFAULT, buyer.known_user)
    assert found.total == -ledger.balance(DEFAULT, wallet.account(buyer.known_user))
    return found.available(clock.now()), found.held


def in_parts(shop, order, buyer):
    """60 by QR code and 40 by card, both open."""
    by_qr = service.create_payment(buyer, order.id, "paynoi", amount=60_00)
    by_card = service.create_payment(buyer, order.id, "card", amount=40_00)
    return by_qr, by_card


# --- paying -------------------------------------------------------------------------------------------------


def test_two_payments_stand_side_by_side_and_the_last_one_pays_the_order(shop, order, buyer):
    by_qr, by_card = in_parts(shop, order, buyer)
    assert [now(each).state for each in (by_qr, by_card)] == [State.PENDING, State.PENDING]

    pay(shop, by_qr)

    assert (now(order).status, now(order).due, now(order).payments) == (Status.AWAITING_PAYMENT, 40_00, ())
    assert balances() == {"gateway:paynoi": 60_24, "instalments": -60_24}

    pay(shop, by_card, fee=1_50)

    assert (now(order).status, now(order).due, now(order).payment) == (Status.PAID, 0, by_card.id)
    assert now(order).payments == (by_qr.id, by_card.id)
    assert [(each.payment, each.amount) for each in now(order).instalments] == [(by_qr.id, 60_00), (by_card.id, 40_00)]
    assert [now(each).state for each in (by_qr, by_card)] == [State.CAPTURED, State.CAPTURED]
    assert balances() == {
        "gateway:paynoi": 60_24,
        "gateway:card": 38_50,
        "gateway-fees": 1_50,
        "sales": -100_00,
        "payment-tails": -24,
    }
    deliver.all()
    assert now(order).status is Status.COMPLETED
    assert [each.id for each in service.list_own(buyer, PAGE).items] == [by_qr.id, by_card.id]


def test_credit_pays_a_part_and_a_card_the_rest(shop, order, buyer, give):
    give(30_00)

    held = service.create_payment(buyer, order.id, "credit", amount=30_00)
    rest = service.create_payment(buyer, order.id, "card")

    assert (held.state, rest.amount, credit_of(buyer)) == (State.PENDING, 70_00, (0, 30_00))
    pay(shop, rest)
    assert (now(order).status, now(held).state, credit_of(buyer)) == (Status.PAID, State.CAPTURED, (0, 0))
    assert now(order).payments == (held.id, rest.id)
    assert balances() == {"gateway:card": 70_00, "sales": -100_00, "credits-given": 30_00}
    told = [fact.payment for fact in deliver.facts() if isinstance(fact, InstalmentCaptured)]
    assert told == [held.id, rest.id]


def test_credit_may_come_last(shop, order, buyer, give):
    give(40_00)
    by_qr = service.create_payment(buyer, order.id, "paynoi", amount=60_00)
    pay(shop, by_qr)

    paid = service.create_payment(buyer, order.id, "credit")

    assert (paid.state, paid.amount, now(order).status) == (State.CAPTURED, 40_00, Status.PAID)
    assert credit_of(buyer) == (0, 0)


@pytest.mark.parametrize("order_of", list(permutations(range(3))))
def test_whatever_comes_first_the_order_is_paid_once(shop, order, buyer, give, order_of):
    give(20_00)
    service.create_payment(buyer, order.id, "credit", amount=20_00)
    by_qr = service.create_payment(buyer, order.id, "paynoi", amount=50_00)
    by_card = service.create_payment(buyer, order.id, "card", amount=30_00)
    steps = [lambda: pay(shop, by_qr), lambda: pay(shop, by_card), service.settle_due]

    with clock.travel(timedelta(minutes=1)):
        for step in [steps[number] for number in order_of] * 2:
            step()
        deliver.all()

    assert (now(order).status, len(now(order).payments)) == (Status.COMPLETED, 3)
    assert balances()["sales"] == -100_00
    assert "instalments" not in balances()
    assert credit_of(buyer) == (0, 0)


def test_the_same_part_is_answered_again_and_another_amount_takes_its_place(shop, order, buyer):
    first = service.create_payment(buyer, order.id, "card", amount=40_00)

    assert service.create_payment(buyer, order.id, "card", amount=40_00).id == first.id
    other = service.create_payment(buyer, order.id, "card", amount=50_00)

    assert (now(first).state, other.amount) == (State.EXPIRED, 50_00)


def test_what_would_be_too_much_together_makes_way(shop, order, buyer, give):
    give(100_00)
    whole = service.create_payment(buyer, order.id, "paynoi")

    part = service.create_payment(buyer, order.id, "card", amount=70_00)
    held = service.create_payment(buyer, order.id, "credit", amount=30_00)
    assert [now(each).state for each in (whole, part, held)] == [State.EXPIRED, State.PENDING, State.PENDING]

    larger = service.create_payment(buyer, order.id, "paynoi", amount=80_00)

    assert [now(each).state for each in (part, held, larger)] == [State.EXPIRED, State.EXPIRED, State.PENDING]
    assert credit_of(buyer) == (100_00, 0)


def test_without_an_amount_all_is_paid_that_credit_is_not_held_for(shop, order, buyer, give):
    give(30_00)
    service.create_payment(buyer, order.id, "credit", amount=30_00)
    part = service.create_payment(buyer, order.id, "card", amount=20_00)

    rest = service.create_payment(buyer, order.id, "paynoi")

    assert (rest.amount, now(part).state, credit_of(buyer)) == (70_00, State.EXPIRED, (0, 30_00))


@pytest.mark.parametrize("amount", [100_01, 500_00])
def test_more_than_is_due_is_not_asked_for(shop, order, buyer, amount):
    with pytest.raises(Unprocessable, match="more_than_due"):
        service.create_payment(buyer, order.id, "card", amount=amount)

    pay(shop, service.create_payment(buyer, order.id, "card", amount=99_99))
    with pytest.raises(Unprocessable, match="more_than_due"):
        service.create_payment(buyer, order.id, "paynoi", amount=2)
    assert now(order).due == 1


def test_a_stranger_learns_nothing(shop, order):
    with pytest.raises(NotFound):
        service.create_payment(Principal(DEFAULT, user=ids.new("usr")), order.id, "card", amount=1)


def test_credit_of_an_event_pays_a_part_of_that_event_alone(shop, order, buyer, give):
    give(80_00, event="evt_other")

    with pytest.raises(Conflict, match="not_enough_credit"):
        service.create_payment(buyer, order.id, "credit", amount=10_00)


# --- not all of it comes ------------------------------------------------------------------------------------


def expire():
    orders.expire_due()
    deliver.all()


def test_what_came_of_an_order_that_expires_goes_back_once(shop, order, buyer, give):
    give(30_00)
    held = service.create_payment(buyer, order.id, "credit", amount=30_00)
    by_qr = service.create_payment(buyer, order.id, "paynoi", amount=60_00)
    pay(shop, by_qr)

    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        for _ in range(2):
            expire()
            refunds.give_back_lapsed(DEFAULT, order.id)

        (back,) = refunds.of_order(DEFAULT, order.id)
        assert (back.state, back.way, back.amount, back.excess) == (RefundState.SETTLED, Way.GATEWAY, 60_24, 60_24)
        assert (now(order).status, now(by_qr).state, now(by_qr).left) == (Status.EXPIRED, State.RETURNED, 0)
        assert (now(held).state, credit_of(buyer)) == (State.EXPIRED, (30_00, 0))
        assert balances() == {"credits:usr_01J00000000000000000000001": -30_00, "credits-given": 30_00}
        assert [amount for _, amount in shop["paynoi"].returned.values()] == [60_24]
        assert service.list_under_review(STAFF, PAGE).items == []


def test_what_came_of_an_order_that_is_cancelled_goes_back(shop, order, buyer):
    by_qr, by_card = in_parts(shop, order, buyer)
    pay(shop, by_card)

    orders.cancel(buyer, order.id, None)
    deliver.all()

    assert [now(each).state for each in (by_qr, by_card)] == [State.EXPIRED, State.RETURNED]
    assert balances() == {}


def test_a_part_that_comes_too_late_goes_back(shop, order, buyer):
    by_qr, by_card = in_parts(shop, order, buyer)
    pay(shop, by_card)
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        expire()

        pay(shop, by_qr)
        deliver.all()

    assert [now(each).state for each in (by_qr, by_card)] == [State.RETURNED, State.RETURNED]
    assert now(order).status is Status.EXPIRED
    assert balances() == {}


def test_what_can_not_go_back_by_itself_waits_for_a_person(shop, order, buyer):
    by_qr, _ = in_parts(shop, order, buyer)
    pay(shop, by_qr)
    shop["paynoi"].refund_state = "failed"
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        expire()

        (waiting,) = service.list_under_review(STAFF, PAGE).items
        assert (waiting.id, waiting.waiting, waiting.review_reason) == (by_qr.id, 60_24, "lapsed")
        assert balances() == {"gateway:paynoi": 60_24, "suspense": -60_24}
        shop["paynoi"].refund_state = "settled"
        desk.close_case(STAFF, by_qr.id, "refund", "by hand", None)
        deliver.all()
    assert balances() == {}


def test_a_gateway_that_gives_nothing_back_leaves_a_transfer(shop, order, buyer):
    by_qr, _ = in_parts(shop, order, buyer)
    pay(shop, by_qr)
    shop["paynoi"].refunds = False

    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        expire()

    (back,) = refunds.list_waiting(STAFF, PAGE).items
    assert (back.way, back.amount, back.state) == (Way.TRANSFER, 60_24, RefundState.SUBMITTED)


# --- too much, or otherwise than agreed ---------------------------------------------------------------------


def test_a_second_payment_of_what_is_paid_waits_for_a_person(shop, order, buyer):
    whole = service.create_payment(buyer, order.id, "paynoi")
    part = service.create_payment(buyer, order.id, "card", amount=70_00)
    pay(shop, part)

    pay(shop, whole)  # withdrawn, and paid all the same

    assert (now(whole).state, now(whole).review_reason) == (State.REVIEW, "more_than_due")
    assert (now(order).status, now(order).due) == (Status.AWAITING_PAYMENT, 30_00)


def test_who_accepts_all_of_the_price_gives_back_what_came_in_parts(shop, order, buyer):
    whole = service.create_payment(buyer, order.id, "paynoi")
    part = service.create_payment(buyer, order.id, "card", amount=70_00)
    pay(shop, part)
    pay(shop, whole)

    desk.close_case(STAFF, whole.id, "accept", "all of it", None)
    deliver.all()

    assert (now(order).status, now(order).payments) == (Status.COMPLETED, (whole.id,))
    assert (now(part).state, now(part).left) == (State.RETURNED, 0)
    assert balances() == {"gateway:paynoi": 100_24, "sales": -100_00, "payment-tails": -24}


def test_a_part_of_another_amount_goes_back(shop, order, buyer):
    _, by_card = in_parts(shop, order, buyer)
    pay(shop, by_card, amount=39_00)

    assert (now(by_card).state, now(by_card).review_reason) == (State.REVIEW, "wrong_amount")
    with pytest.raises(Conflict, match="not_in_parts"):
        desk.close_case(STAFF, by_card.id, "accept", "near enough", None)
    desk.close_case(STAFF, by_card.id, "refund", "not agreed", None)
    deliver.all()
    assert balances() == {}


def test_a_smaller_part_that_was_withdrawn_and_paid_lets_credit_go(shop, order, buyer, give):
    give(60_00)
    small = service.create_payment(buyer, order.id, "card", amount=50_00)
    held = service.create_payment(buyer, order.id, "credit", amount=60_00)
    assert now(small).state is State.EXPIRED

    pay(shop, small)
    with clock.travel(timedelta(minutes=1)):
        service.settle_due()

    assert (now(order).due, now(held).state, credit_of(buyer)) == (50_00, State.EXPIRED, (60_00, 0))


# --- refunds ------------------------------------------------------------------------------------------------


@pytest.fixture
def paid(shop, order, buyer, give):
    """30 of credit, then 70 by QR code with its tail."""
    give(30_00)
    held = service.create_payment(buyer, order.id, "credit", amount=30_00)
    rest = service.create_payment(buyer, order.id, "paynoi")
    pay(shop, rest)
    deliver.all()
    return now(held), now(rest)


def begin(order, *lines, key="refund-1", way=None):
    return refunds.begin(STAFF, order.id, key, lines=list(lines) or None, reason="blurred", way=way, pay_to=None)


def given_back(order):
    deliver.all()
    found = refunds.of_order(DEFAULT, order.id)
    return [(each.payment, each.way, each.state, each.amount) for each in found]


def test_all_of_it_goes_back_the_way_it_came(order, buyer, paid):
    held, rest = paid

    first = begin(order)
    assert begin(order).id == first.id, "the key is good for both"

    settled = RefundState.SETTLED
    assert given_back(order) == [
        (rest.id, Way.GATEWAY, settled, 70_24),
        (held.id, Way.CREDIT, settled, 30_00),
    ]
    assert (now(order).status, credit_of(buyer)) == (Status.REFUNDED, (30_00, 0))
    assert [now(each).left for each in paid] == [0, 0]
    assert balances() == {"credits:usr_01J00000000000000000000001": -30_00, "credits-given": 30_00}
    with pytest.raises(Conflict, match=r"nothing_to_refund|order_status"):
        begin(order, key="refund-2")


@pytest.mark.parametrize("first", [0, 1])
def test_whichever_gateway_is_through_last_withdraws_what_was_sold(order, paid, first):
    begin(order)
    both = refunds.of_order(DEFAULT, order.id)

    refunds.submit(DEFAULT, order.id, both[first].id)

    assert now(order).status is Status.COMPLETED
    assert {state for *_, state, _ in given_back(order)} == {RefundState.SETTLED}
    assert now(order).status is Status.REFUNDED
    assert [each.parts[0].whole for each in refunds.of_order(DEFAULT, order.id)] == [first == 1, first == 0]
    assert balances() == {"credits:usr_01J00000000000000000000001": -30_00, "credits-given": 30_00}


def test_the_share_of_a_gateway_that_refuses_goes_back_later(shop, order, paid):
    shop["paynoi"].refund_state = "failed"
    begin(order)
    assert [state for *_, state, _ in given_back(order)] == [RefundState.FAILED, RefundState.SETTLED]
    assert (now(order).status, now(paid[1]).left) == (Status.COMPLETED, 70_24)

    shop["paynoi"].refund_state = "settled"
    begin(order, key="refund-2")

    assert given_back(order)[-1] == (paid[1].id, Way.GATEWAY, RefundState.SETTLED, 70_24)
    assert (now(order).status, now(paid[1]).left) == (Status.REFUNDED, 0)


def test_the_newest_payment_gives_back_first(order, buyer, paid):
    held, rest = paid

    begin(order, Wanted("line-1", 60_00))
    begin(order, Wanted("line-1", 25_00), key="refund-2")
    begin(order, key="refund-3")

    settled = RefundState.SETTLED
    assert given_back(order) == [
        (rest.id, Way.GATEWAY, settled, 60_00),
        (rest.id, Way.GATEWAY, settled, 10_00),
        (held.id, Way.CREDIT, settled, 15_00),
        (rest.id, Way.GATEWAY, settled, 24),
        (held.id, Way.CREDIT, settled, 15_00),
    ]
    assert [now(each).left for each in paid] == [0, 0]
    assert now(order).status is Status.REFUNDED


def test_what_a_buyer_asks_for_is_spread_when_it_is_approved(order, buyer, paid):
    held, rest = paid

    asked = refunds.request(buyer, held.id, lines=None, reason="blurred", pay_to=None)
    refunds.decide(STAFF, order.id, asked.id, "approve", way=None, reason="", reference=None)

    settled = RefundState.SETTLED
    assert given_back(order) == [
        (rest.id, Way.GATEWAY, settled, 70_24),
        (held.id, Way.CREDIT, settled, 30_00),
    ]


def test_an_exchange_makes_credit_of_all_parts(order, buyer, paid):
    begin(order, way=Way.CREDIT)

    assert {way for _, way, _, _ in given_back(order)} == {Way.CREDIT}
    assert credit_of(buyer) == (100_24, 0)


def test_what_is_refused_is_free_again_and_the_other_part_went_back(shop, order, buyer, paid):
    shop["paynoi"].refund_state = "failed"

    begin(order)

    assert [state for _, _, state, _ in given_back(order)] == [RefundState.FAILED, RefundState.SETTLED]
    assert [now(each).left for each in paid] == [0, 70_24]


# --- documents ----------------------------------------------------------------------------------------------


def test_the_receipt_names_all_parts(order, paid):
    invoices.issue_receipt(DEFAULT, order.id)

    (receipt,) = invoices.of_order(STAFF, order.id)

    assert (receipt.method, receipt.tail, receipt.paid) == (None, 24, 100_24)
    assert [(each.method, each.amount) for each in receipt.paid_by] == [("credit", 30_00), ("paynoi", 70_24)]
