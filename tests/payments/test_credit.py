"""Orders paid with credit."""

from datetime import timedelta

import pytest

from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Posting
from chalicelib.orders import service as orders
from chalicelib.orders.model import PAYABLE_FOR, Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import credit, service
from chalicelib.payments.model import State
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import Grant, Source

pytestmark = pytest.mark.usefixtures("things", "gateway")


@pytest.fixture
def give(buyer):
    def given(amount):
        grant = Grant(ids.new("crd"), Source.BONUS, amount, amount, clock.now())
        return wallet.give(DEFAULT, buyer.known_user, grant, (Posting(wallet.GIVEN, amount),))

    return given


def owned(buyer):
    found = wallet.of_user(DEFAULT, buyer.known_user)
    assert found.total == -ledger.balance(DEFAULT, wallet.account(buyer.known_user))
    return found.available(clock.now()), found.held


def cut_off(buyer, order):
    """An attempt that holds credit, and was never settled."""
    return credit.open_attempt(buyer, order, 1, order.total)


def test_credit_pays_an_order_at_once(give, order, buyer, gateway):
    give(150_00)

    paid = service.create_payment(buyer, order.id, "credit")

    assert (paid.state, paid.gateway, paid.amount, paid.received) == (State.CAPTURED, "credit", 100_00, 100_00)
    assert (orders.get(DEFAULT, order.id).status, orders.get(DEFAULT, order.id).payment) == (Status.PAID, paid.id)
    assert ledger.postings(DEFAULT, f"capture#{paid.id}") == [
        Posting(f"credits:{buyer.user}", 100_00),
        Posting("sales", -100_00),
    ]
    assert owned(buyer) == (50_00, 0)
    assert gateway.charges == {}
    assert next(each.kind for each in wallet.history(DEFAULT, buyer.known_user, PageRequest()).items) == "capture"


def test_credit_is_taken_once_however_often_it_is_asked_for(give, order, buyer):
    give(500_00)

    paid = service.create_payment(buyer, order.id, "credit")

    with pytest.raises(Conflict, match="order_already_paid"):
        service.create_payment(buyer, order.id, "credit")
    assert service.settle(DEFAULT, paid.id) is Outcome.SKIPPED
    assert service.settle_due() == 0
    assert owned(buyer) == (400_00, 0)


def test_too_little_credit_pays_nothing(give, order, buyer):
    give(99_99)

    with pytest.raises(Conflict, match="not_enough_credit"):
        service.create_payment(buyer, order.id, "credit")
    assert owned(buyer) == (99_99, 0)
    assert orders.get(DEFAULT, order.id).status is Status.AWAITING_PAYMENT
    assert service.create_payment(buyer, order.id).gateway == "paynoi"


def test_credit_withdraws_what_is_open_at_a_gateway(give, order, buyer, gateway):
    give(100_00)
    by_qr = service.create_payment(buyer, order.id)

    paid = service.create_payment(buyer, order.id, "credit")

    assert (paid.state, gateway.cancelled) == (State.CAPTURED, [by_qr.transaction])
    assert service.get(DEFAULT, by_qr.id).state is State.EXPIRED


def test_only_the_buyers_own_credit_pays(give, order, buyer):
    give(100_00)
    staff = Principal(DEFAULT, user=ids.new("usr"), permissions=frozenset({"order.read_all"}))
    by_link = Principal(DEFAULT, tokens={"order": orders.token_of(order)})

    for somebody in (staff, by_link):
        with pytest.raises(Forbidden, match="credit_is_the_buyers"):
            service.create_payment(somebody, order.id, "credit")
    assert owned(buyer) == (100_00, 0)


def test_the_sweep_takes_what_was_held_and_forgotten(give, order, buyer):
    give(100_00)
    cut_off(buyer, order)
    held = owned(buyer)

    with clock.travel(timedelta(seconds=31)):
        service.settle_due()

    assert (held, owned(buyer)) == ((0, 100_00), (0, 0))
    assert orders.get(DEFAULT, order.id).status is Status.PAID


def test_asking_again_goes_on_with_what_is_held(give, order, buyer):
    give(100_00)
    opened = cut_off(buyer, order)

    assert service.create_payment(buyer, order.id, "credit").id == opened.id
    assert owned(buyer) == (0, 0)


def test_what_is_held_is_given_back_when_the_order_expires(give, order, buyer):
    give(100_00)
    opened = cut_off(buyer, order)

    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
        service.settle_due()
        again = service.settle(DEFAULT, opened.id)

    assert again is Outcome.SKIPPED
    assert (service.get(DEFAULT, opened.id).state, owned(buyer)) == (State.EXPIRED, (100_00, 0))
    assert orders.get(DEFAULT, order.id).status is Status.EXPIRED


def test_what_was_given_back_although_no_answer_came_is_not_asked_about_again(give, order, buyer, monkeypatch):
    give(100_00)
    opened = cut_off(buyer, order)
    give_up = credit.give_up

    def unanswered(payment):
        give_up(payment)
        raise TimeoutError

    monkeypatch.setattr(credit, "give_up", unanswered)
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        asked = service.settle_due()

    assert (asked, owned(buyer)) == (0, (100_00, 0))
    assert service.get(DEFAULT, opened.id).next_check_at is None


def test_what_is_held_is_given_back_when_the_gateway_was_faster(give, order, buyer, gateway):
    give(100_00)
    by_qr = service.create_payment(buyer, order.id)
    opened = credit.open_attempt(buyer, order, 2, order.total)
    gateway.set(by_qr.transaction, "captured")

    service.settle(DEFAULT, by_qr.id, by_qr.transaction)
    service.settle(DEFAULT, opened.id)

    assert orders.get(DEFAULT, order.id).payment == by_qr.id
    assert owned(buyer) == (100_00, 0)
