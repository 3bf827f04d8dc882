"""Codes from the offer to the order, and back where the order comes to nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.carts import service as carts
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.table import PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders.model import PAYABLE_FOR, Status
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.model import State
from chalicelib.promotions import service
from chalicelib.promotions.model import MOST_CODES, Kind
from chalicelib.promotions.service import Terms
from tests import deliver, selling
from tests.events.people import ADMIN

pytestmark = pytest.mark.usefixtures("things")

ALL = PageRequest(size=100)
OTHER = Principal(DEFAULT, user="usr_01J00000000000000000000002")


def offer(code="RIVER", actor=ADMIN, **changes):
    usual = Terms("River", Kind.PERCENT, 10, 0, 0, 0, 0, (), (), None, None, None, None, stacks=False, active=True)
    return service.offer(actor, code, replace(usual, **changes)).promotion


def fill(principal, *names, code=None):
    """The cart's total in the end."""
    opened = carts.add(principal, [Item("things", name) for name in names])
    if code is not None:
        opened = carts.take_code(principal, code)
    return opened.quote.total


def place(principal, key="checkout-1", email="buyer@example.com"):
    return orders.place_order(principal, key, email=email, language="en", expected_total=None)


def taken(promotion):
    return service.read(ADMIN, promotion.id).taken.total


@pytest.fixture
def gateway(monkeypatch):
    gateway = selling.FakeGateway()
    monkeypatch.setattr(gateways, "of_name", lambda name: gateway)
    return gateway


def test_a_code_lowers_the_price_of_the_cart_and_of_the_order(buyer):
    promotion = offer("River-10")

    assert fill(buyer, "a", "b", code=" river-10") == 90_00
    order = place(buyer)

    assert (order.total, order.list_total) == (90_00, 100_00)
    assert [(each.code, each.amount) for each in order.discounts] == [("RIVER-10", 10_00)]
    assert sum(share.takings.gross for line in order.lines for share in line.shares) == 90_00
    assert orders.get(DEFAULT, order.id) == order
    assert taken(promotion) == 1


def test_the_terms_of_now_count_and_what_does_not_hold_is_told(buyer):
    promotion = offer()
    fill(buyer, "a", code="RIVER")
    off = replace(_terms_of(promotion), active=False)
    service.change(ADMIN, promotion.id, off, promotion.version)

    quote = carts.open_cart(buyer).quote
    assert (quote.total, [problem.code for problem in quote.problems]) == (50_00, ["promo_off"])
    with pytest.raises(Conflict, match="promo_off"):
        place(buyer)
    carts.drop_codes(buyer, "river")
    assert place(buyer).total == 50_00
    with pytest.raises(Conflict, match="version_conflict"):
        service.change(ADMIN, promotion.id, off, promotion.version)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"minimum": 50_01}, "promo_minimum"),
        ({"kinds": ("photos",)}, "promo_nothing_fits"),
        ({"ends_at": clock.now() - timedelta(days=1)}, "promo_over"),
    ],
)
def test_a_code_that_takes_nothing_off_is_refused_and_not_kept(buyer, terms, refusal):
    offer(**terms)
    with pytest.raises(Conflict, match=refusal):
        fill(buyer, "a", code="RIVER")

    assert carts.open_cart(buyer).cart.codes == ()


def test_an_unknown_code_and_a_foreign_one_answer_alike(buyer):
    offer("MINE", actor=replace(ADMIN, organization=organizations.create("Other").id))
    for code in ("MINE", "NEVER"):
        with pytest.raises(NotFound, match="promo_not_found"):
            fill(buyer, "a", code=code)


def test_codes_go_together_only_where_all_of_them_do(buyer):
    offer("ALONE")
    offer("TEN", stacks=True)
    offer("FIVE", stacks=True, kind=Kind.AMOUNT, percent=0, amount=5_00)

    fill(buyer, "a", "b", code="FIVE")
    assert carts.take_code(buyer, "TEN").quote.total == 85_00
    with pytest.raises(Conflict, match="promo_alone"):
        carts.take_code(buyer, "ALONE")


def test_an_order_takes_so_many_codes(buyer):
    for number in range(MOST_CODES + 1):
        offer(f"CODE{number}", stacks=True)
    for number in range(MOST_CODES):
        fill(buyer, "a", code=f"CODE{number}")
    with pytest.raises(Unprocessable, match="too_many_codes"):
        carts.take_code(buyer, f"CODE{MOST_CODES}")


def test_a_limit_is_exact_and_an_order_that_expires_gives_its_place_back(buyer):
    promotion = offer(limit=1)
    fill(buyer, "a", code="RIVER")
    fill(OTHER, "b", code="RIVER")
    first = place(buyer)

    with pytest.raises(Conflict, match="promo_used_up"):
        place(OTHER)
    with clock.travel(PAYABLE_FOR + timedelta(minutes=1)):
        assert orders.expire_due() == 1
        assert taken(promotion) == 0
        assert place(OTHER, "checkout-2").total == 45_00
    assert orders.get(DEFAULT, first.id).status is Status.EXPIRED


def test_of_two_who_quote_at_once_the_limit_lets_one_through(buyer):
    promotion = offer(limit=1)
    fill(buyer, "a", code="RIVER")
    quote = carts.open_cart(buyer).quote
    writes = [service.redeem(DEFAULT, quote, order, [])[1] for order in ("ord_1", "ord_2")]
    transact(*writes[0])

    with pytest.raises(Conflict, match="promo_used_up"):
        transact(*writes[1])
    assert taken(promotion) == 1


def test_what_was_taken_before_there_was_a_limit_counts(buyer):
    promotion = offer()
    fill(buyer, "a", code="RIVER")
    place(buyer)
    service.change(ADMIN, promotion.id, replace(_terms_of(promotion), limit=1), promotion.version)

    with pytest.raises(Conflict, match="promo_used_up"):
        fill(OTHER, "b", code="RIVER")
    held = service.redeem(DEFAULT, carts.open_cart(buyer).quote, "ord_1", [])
    assert held == ((), [])


def test_a_buyer_is_known_by_account_and_by_address(buyer):
    offer(per_customer=1)
    fill(buyer, "a", code="RIVER")
    place(buyer)

    fill(OTHER, "b", code="RIVER")
    with pytest.raises(Conflict, match="promo_used_by_you"):
        place(OTHER)
    with pytest.raises(Conflict, match="promo_used_by_you"):
        place(buyer, "checkout-2", email="other@example.com")
    assert place(OTHER, "checkout-2", email="other@example.com").total == 45_00


def test_who_pays_late_gets_the_price_they_paid_and_it_counts(buyer):
    promotion = offer(limit=1, per_customer=1)
    fill(buyer, "a", code="RIVER")
    order = place(buyer)
    with clock.travel(PAYABLE_FOR + timedelta(minutes=1)):
        orders.expire_due()
        fill(OTHER, "b", code="RIVER")
        place(OTHER, "checkout-2", email="other@example.com")
        transact(*orders.pay(orders.get(DEFAULT, order.id), "pay_1"))
        deliver.all()

    assert orders.get(DEFAULT, order.id).status is Status.COMPLETED
    assert taken(promotion) == 2


def test_cancelling_gives_a_code_back_once(buyer):
    promotion = offer(per_customer=1)
    fill(buyer, "a", code="RIVER")
    order = place(buyer)

    for _ in range(2):
        orders.cancel(buyer, order.id, None)

    assert taken(promotion) == 0
    assert place(buyer, "checkout-2").total == 45_00


@pytest.mark.usefixtures("gateway")
def test_an_order_for_nothing_is_paid_without_a_gateway(buyer):
    offer(percent=100)
    guest = Principal(DEFAULT)
    opened = carts.add(guest, [Item("things", "a")])
    guest = replace(guest, tokens={"cart": opened.token})
    carts.take_code(guest, "RIVER")
    order = place(guest)
    guest = replace(guest, tokens={"order": orders.token_of(order)})

    payment = payments.create_payment(guest, order.id)
    deliver.all()

    assert (payment.state, payment.amount) == (State.CAPTURED, 0)
    assert orders.get(DEFAULT, order.id).status is Status.COMPLETED
    assert selling.given(DEFAULT, order.id) == 1
    assert sum(posting.amount for posting in ledger.postings(DEFAULT, f"capture#{payment.id}")) == 0


@pytest.mark.usefixtures("gateway")
def test_a_used_code_leaves_the_cart(buyer):
    offer(percent=100)
    fill(buyer, "a", code="RIVER")
    payments.create_payment(buyer, place(buyer).id)
    deliver.all()

    assert (carts.open_cart(buyer).cart.items, carts.open_cart(buyer).cart.codes) == ((), ())


def test_a_guest_takes_the_code_along_into_the_account(buyer):
    offer()
    opened = carts.add(Principal(DEFAULT), [Item("things", "a")])
    carts.take_code(Principal(DEFAULT, tokens={"cart": opened.token}), "RIVER")

    merged = carts.open_cart(replace(buyer, tokens={"cart": opened.token}))

    assert (merged.cart.codes, merged.quote.total) == (("RIVER",), 45_00)


def test_a_code_is_given_once_and_its_terms_must_make_sense():
    offer("river")
    with pytest.raises(Conflict, match="promo_exists"):
        offer("RIVER")
    with pytest.raises(Invalid, match="promotion_terms"):
        offer("OTHER", amount=5)
    with pytest.raises(NotFound, match="event_not_found"):
        offer("THIRD", subjects=("nowhere",))
    assert [each.code for each in service.listed(ADMIN, ALL).items] == ["RIVER"]


def test_an_erased_buyer_is_in_no_order_as_a_customer_of_a_code(buyer):
    offer(per_customer=1)
    fill(buyer, "a", code="RIVER")
    order = place(buyer)
    orders.erase_person(DEFAULT, buyer.user)

    assert [each.customers for each in orders.get(DEFAULT, order.id).discounts] == [()]


def _terms_of(promotion):
    return Terms(**{name: getattr(promotion, name) for name in Terms.__dataclass_fields__})
