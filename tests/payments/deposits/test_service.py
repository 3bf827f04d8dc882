from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.invoices import jobs as invoice_jobs
from chalicelib.invoices import store as invoices
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Posting
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status as OrderStatus
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import service as payments
from chalicelib.payments.administration import service as desk
from chalicelib.payments.deposits import service, store
from chalicelib.payments.deposits.model import Status, What
from chalicelib.payments.disputes import service as disputes
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import State as RefundState
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import Grant, Source
from tests import deliver
from tests.hiring import BACK_AFTER, DEPOSIT, PRICE, Tools

assert invoice_jobs.issue_receipt, "importing the jobs registers their handlers"
MAY = frozenset({"order.read_all", "order.manage", "payment.read_all", "payment.manage"})
STAFF = Principal(DEFAULT, user="usr_01J00000000000000000000009", permissions=MAY)
ORGANIZER = f"organizer:{DEFAULT}"
ALL = PageRequest(size=10)


@pytest.fixture
def shed(aws, monkeypatch):
    monkeypatch.setattr(lines, "discover", lambda: {"tools": Tools()})


@pytest.fixture
def order(shed, buyer):
    carts.add(buyer, [Item("tools", "drill")])
    return orders.place_order(buyer, "checkout-1", email="buyer@example.com", language="en", expected_total=None)


@pytest.fixture
def gateway(gateway):
    gateway.tail = 0
    return gateway


@pytest.fixture
def deposit(order, payment, gateway):
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    (held,) = service.list_held(STAFF, ALL).items
    return held


def now(deposit):
    return store.get(DEFAULT, deposit.id)


def sums(deposit):
    found = now(deposit)
    return found.outstanding, found.releasing, found.released, found.forfeited


def balances(*accounts):
    return [ledger.balance(DEFAULT, account) for account in accounts]


def test_it_is_paid_with_the_order_and_is_nobodys_revenue(order, deposit, buyer):
    assert (order.total, order.deposit, order.lines[0].amount) == (PRICE + DEPOSIT, DEPOSIT, PRICE)
    assert (deposit.status, sums(deposit), deposit.owner) == (Status.HELD, (DEPOSIT, 0, 0, 0), buyer.user)
    assert balances("gateway:paynoi", "sales", "deposits") == [PRICE + DEPOSIT, -PRICE, -DEPOSIT]
    assert balances("revenue-shares", ORGANIZER, "platform") == [PRICE, -70_00, -30_00]
    receipt = invoices.find(DEFAULT, order.id)
    assert (receipt.total, receipt.paid) == (PRICE, PRICE)
    assert [each.id for each in service.list_own(buyer, ALL).items] == [deposit.id]


def test_less_than_the_deposit_is_never_taken_for_the_price(order, payment, gateway):
    """What is held would otherwise be more than came, and could not be given back."""
    gateway.set(payment.transaction, "captured", amount=DEPOSIT - 1)
    payments.settle(DEFAULT, payment.id)

    with pytest.raises(Conflict, match="deposit_not_covered"):
        desk.close_case(STAFF, payment.id, "accept", "near enough", None)

    desk.close_case(STAFF, payment.id, "refund", "too little", None)
    deliver.all()
    assert list(gateway.returned.values()) == [(payment.transaction, DEPOSIT - 1)]
    assert balances("gateway:paynoi", "deposits", "sales") == [0, 0, 0]


def test_all_of_it_goes_back_through_the_gateway(order, deposit, gateway):
    released = service.release(STAFF, deposit.id, None, "release-0001")
    assert (released.status, sums(deposit)) == (Status.RELEASING, (0, DEPOSIT, 0, 0))

    deliver.all()

    assert (now(deposit).status, sums(deposit)) == (Status.RELEASED, (0, 0, DEPOSIT, 0))
    assert balances("gateway:paynoi", "deposits", "sales") == [PRICE, 0, -PRICE]
    assert list(gateway.returned.values()) == [(payments.get(DEFAULT, deposit.payment).transaction, DEPOSIT)]
    after = orders.get(DEFAULT, order.id)
    assert (after.status, after.refunded) == (OrderStatus.COMPLETED, 0)
    assert invoices.find(DEFAULT, order.id, now(deposit).history[1].refund) is None, "no sale was taken back"
    assert service.list_held(STAFF, ALL).items == []


def test_parts_of_it_go_back_and_are_kept(deposit):
    service.release(STAFF, deposit.id, 200_00, "release-0001")
    kept = service.forfeit(STAFF, deposit.id, 100_00, "the blade is broken", "forfeit-0001")
    deliver.all()

    assert sums(deposit) == (200_00, 0, 200_00, 100_00)
    assert [step.what for step in now(deposit).history] == [
        What.HELD, What.RELEASING, What.FORFEITED, What.RELEASED,
    ]  # fmt: skip
    assert kept.history[-1].reason == "the blade is broken"
    assert balances("deposits", ORGANIZER, "platform") == [-200_00, -170_00, -30_00]

    service.forfeit(STAFF, deposit.id, 200_00, "never came back", "forfeit-0002")

    assert (now(deposit).status, balances("deposits")) == (Status.FORFEITED, [0])


def test_a_request_counts_once_and_its_key_is_good_for_no_other(deposit):
    for _ in range(2):
        service.release(STAFF, deposit.id, 200_00, "release-0001")
        service.forfeit(STAFF, deposit.id, 100_00, "broken", "forfeit-0001")
    deliver.all()

    assert sums(deposit) == (200_00, 0, 200_00, 100_00)
    for again in (
        lambda: service.release(STAFF, deposit.id, 1_00, "release-0001"),
        lambda: service.release(STAFF, deposit.id, 100_00, "forfeit-0001"),
    ):
        with pytest.raises(Unprocessable) as refused:
            again()
        assert refused.value.code == "idempotency_key_reused"


def test_more_than_is_held_goes_nowhere(deposit):
    service.release(STAFF, deposit.id, 450_00, "release-0001")

    for attempt in (
        lambda: service.release(STAFF, deposit.id, 50_01, "release-0002"),
        lambda: service.forfeit(STAFF, deposit.id, 50_01, "broken", "forfeit-0001"),
    ):
        with pytest.raises(Unprocessable) as refused:
            attempt()
        assert refused.value.code == "more_than_held"
    service.forfeit(STAFF, deposit.id, 50_00, "broken", "forfeit-0002")
    with pytest.raises(Conflict, match="nothing_held"):
        service.release(STAFF, deposit.id, None, "release-0003")
    assert sums(deposit) == (0, 450_00, 0, 50_00)


def test_what_the_gateway_does_not_give_back_is_held_again(deposit, gateway):
    gateway.refund_state = "failed"

    service.release(STAFF, deposit.id, None, "release-0001")
    deliver.all()

    assert (sums(deposit), now(deposit).goes_back_at) == ((DEPOSIT, 0, 0, 0), None)
    assert balances("deposits") == [-DEPOSIT]
    gateway.refund_state = "settled"
    service.release(STAFF, deposit.id, None, "release-0002")
    deliver.all()
    assert sums(deposit) == (0, 0, DEPOSIT, 0)


def test_what_is_due_goes_back_by_itself_once(deposit):
    assert service.release_due() == 0

    with clock.travel(BACK_AFTER):
        assert [service.release_due(), service.release_due()] == [1, 0]
        deliver.all()

    assert (sums(deposit), now(deposit).history[1].by) == ((0, 0, DEPOSIT, 0), None)


def test_what_was_decided_is_not_due_any_more(deposit):
    service.forfeit(STAFF, deposit.id, DEPOSIT, "never came back", "forfeit-0001")

    with clock.travel(BACK_AFTER):
        assert service.release_due() == 0


def test_a_refund_of_the_order_leaves_it_alone(order, deposit):
    refund = refunds.begin(STAFF, order.id, "refund-1", lines=None, reason="rain", way=None, pay_to=None)
    deliver.all()

    assert (refund.amount, orders.get(DEFAULT, order.id).status) == (PRICE, OrderStatus.REFUNDED)
    assert sums(deposit) == (DEPOSIT, 0, 0, 0)
    service.release(STAFF, deposit.id, None, "release-0001")
    deliver.all()
    assert balances("gateway:paynoi", "deposits", "sales") == [0, 0, 0]


def test_while_a_bank_has_the_money_it_does_not_go_back(order, deposit, gateway):
    payment = payments.get(DEFAULT, deposit.payment)
    gateway.set_dispute("dp_1", payment.transaction, "open")
    disputes.settle(DEFAULT, payment.id, "dp_1")

    with pytest.raises(Conflict) as refused:
        service.release(STAFF, deposit.id, None, "release-0001")

    assert refused.value.code == "payment_disputed"
    with clock.travel(BACK_AFTER):
        assert [service.release_due(), service.release_due()] == [0, 0], "it is tried again an hour later"
        assert now(deposit).goes_back_at > clock.now()
    assert sums(deposit) == (DEPOSIT, 0, 0, 0)


def test_somebody_transfers_it_where_the_gateway_gives_nothing_back(deposit, gateway):
    gateway.refunds = False
    refund = service.release(STAFF, deposit.id, None, "release-0001").history[-1].refund
    colleague = replace(STAFF, user="usr_01J00000000000000000000008")

    refunds.decide(STAFF, deposit.order, refund, "transferred", way=None, reason="-", reference="SCB 1")
    refunds.decide(colleague, deposit.order, refund, "confirm", way=None, reason="-", reference=None)

    assert (sums(deposit), balances("bank", "deposits")) == ((0, 0, DEPOSIT, 0), [-DEPOSIT, 0])


def test_a_transfer_that_is_given_up_is_held_again(deposit, gateway):
    gateway.refunds = False
    refund = service.release(STAFF, deposit.id, None, "release-0001").history[-1].refund

    refunds.decide(STAFF, deposit.order, refund, "decline", way=None, reason="no account", reference=None)

    assert sums(deposit) == (DEPOSIT, 0, 0, 0)
    assert refunds.get(DEFAULT, deposit.order, refund).state is RefundState.FAILED


def test_paid_with_credit_it_goes_back_as_credit(order, buyer):
    amount = PRICE + DEPOSIT
    grant = Grant(ids.new("crd"), Source.BONUS, amount, amount, clock.now())
    wallet.give(DEFAULT, buyer.user, grant, (Posting(wallet.GIVEN, amount),))
    payments.create_payment(buyer, order.id, "credit")
    deliver.all()
    (held,) = service.list_own(buyer, ALL).items
    assert balances("sales", "deposits") == [-PRICE, -DEPOSIT]

    service.release(STAFF, held.id, None, "release-0001")
    deliver.all()

    assert (sums(held), balances("deposits", f"credits:{buyer.user}")) == ((0, 0, DEPOSIT, 0), [0, -DEPOSIT])


def test_money_that_staff_accepts_holds_it_too(order, payment, gateway):
    gateway.set(payment.transaction, "captured", amount=PRICE + DEPOSIT + 1)
    payments.settle(DEFAULT, payment.id)
    assert service.list_held(STAFF, ALL).items == []

    desk.close_case(STAFF, payment.id, "accept", "it came", None)
    deliver.all()

    (held,) = service.list_held(STAFF, ALL).items
    assert (sums(held), balances("deposits", "sales")) == ((DEPOSIT, 0, 0, 0), [-DEPOSIT, -PRICE])


def test_others_see_nothing_of_it(deposit):
    stranger = replace(STAFF, organization="org_01J00000000000000000000002")

    for attempt in (
        lambda: service.release(stranger, deposit.id, None, "release-0001"),
        lambda: service.forfeit(stranger, deposit.id, 1, "broken", "forfeit-0001"),
        lambda: service.release(STAFF, ids.new("dep"), None, "release-0001"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert service.list_own(replace(STAFF, user="usr_01J00000000000000000000002"), ALL).items == []


def test_who_is_forgotten_is_not_named_and_gets_it_back_all_the_same(deposit, buyer):
    (told,) = service.personal_data(DEFAULT, buyer.user)
    assert (told["amount"], told["order"]) == (DEPOSIT, deposit.order)

    for _ in range(2):
        service.erase_person(DEFAULT, buyer.user)
    orders.erase_person(DEFAULT, buyer.user)
    with clock.travel(BACK_AFTER + timedelta(seconds=1)):
        service.release_due()
        deliver.all()

    assert (now(deposit).owner, sums(deposit)) == (None, (0, 0, DEPOSIT, 0))
