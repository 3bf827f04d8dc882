import pytest

from chalicelib.core import migrations
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.migrations import Pace
from chalicelib.core.table import PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.orders import service as orders
from chalicelib.orders.administration import service as order_desk
from chalicelib.orders.model import Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import service as payments
from chalicelib.payments import store
from chalicelib.payments.administration import service
from chalicelib.payments.model import State
from chalicelib.payments.refunds import jobs
from chalicelib.payments.refunds import service as refunds
from infra import stages
from tests import deliver
from tests.stack import client

stages.load_records()

pytestmark = pytest.mark.usefixtures("things")
assert jobs.submit, "importing the jobs registers their handlers"

MAY = frozenset({"order.read_all", "order.manage", "payment.read_all", "payment.manage"})
STAFF = Principal(DEFAULT, user="usr_01J00000000000000000000009", permissions=MAY)
ACCOUNTS = ("gateway:paynoi", "bank", "sales", "payment-tails", "suspense")


def balances():
    return {account: amount for account in ACCOUNTS if (amount := ledger.balance(DEFAULT, account))}


def receive(payment, gateway, amount):
    gateway.set(payment.transaction, "captured", amount=amount)
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    return payments.get(DEFAULT, payment.id)


def under_review():
    return [payment.id for payment in payments.list_under_review(STAFF, PageRequest()).items]


def close(payment, decision):
    closed = service.close_case(STAFF, payment.id, decision, "as agreed on the phone", None)
    deliver.all()
    return closed


def status(order):
    return orders.get(DEFAULT, order.id).status


def test_too_much_money_pays_the_order_and_the_excess_goes_back(payment, order, gateway):
    case = receive(payment, gateway, 150_00)
    assert (under_review(), case.waiting) == ([payment.id], 150_00)

    closed = close(case, "accept")

    assert (closed.state, closed.left, closed.waiting, closed.refunded) == (State.CAPTURED, 100_24, 0, 0)
    assert (status(order), under_review()) == (Status.COMPLETED, [])
    assert [amount for _, amount in gateway.returned.values()] == [49_76]
    assert balances() == {"gateway:paynoi": 100_24, "sales": -100_00, "payment-tails": -24}


def test_too_little_money_may_be_taken_for_the_price(payment, order, gateway):
    close(receive(payment, gateway, 90_00), "accept")

    assert status(order) is Status.COMPLETED
    assert balances() == {"gateway:paynoi": 90_00, "sales": -100_00, "payment-tails": 10_00}
    refunds.begin(STAFF, order.id, "refund-1", lines=None, reason="all of it", way=None, pay_to=None)
    deliver.all()
    assert (status(order), balances()) == (Status.REFUNDED, {})


def test_money_that_is_not_wanted_goes_back_as_a_whole(payment, order, gateway):
    case = receive(payment, gateway, 90_00)

    closed = close(case, "refund")

    assert (closed.state, closed.left, closed.refunded) == (State.RETURNED, 0, 90_00)
    assert (status(order), under_review(), balances()) == (Status.AWAITING_PAYMENT, [], {})
    for decision in ("accept", "refund"):
        with pytest.raises(Conflict, match="nothing_waits"):
            close(case, decision)
    assert payments.settle(DEFAULT, payment.id).value == "skipped"


def test_a_second_payment_can_only_go_back(payment, order, gateway):
    gateway.set(payment.transaction, "pending")
    transact(*orders.pay(orders.get(DEFAULT, order.id), "pay_other"))
    case = receive(payment, gateway, 100_24)
    assert case.review_reason == "order_paid_already"

    with pytest.raises(Conflict, match="order_already_paid"):
        close(case, "accept")
    close(case, "refund")

    assert (under_review(), balances()) == ([], {})


def test_money_of_a_transaction_that_nobody_knows_is_transferred_back(payment, order, gateway):
    gateway.create(None, amount=100_00, currency="THB", reference=payment.id)
    gateway.set("T0002", "captured")
    payments.settle(DEFAULT, payment.id, "T0002")
    case = payments.get(DEFAULT, payment.id)
    assert (case.state, case.waiting, under_review()) == (State.PENDING, 100_24, [payment.id])

    close(case, "refund")

    (refund,) = refunds.of_order(DEFAULT, order.id)
    assert (refund.way, refund.excess, under_review(), gateway.returned) == ("transfer", 100_24, [], {})
    paid = receive(payment, gateway, 100_24)
    assert (paid.state, paid.left, status(order)) == (State.CAPTURED, 100_24, Status.COMPLETED)


def test_a_case_waits_again_when_its_money_did_not_go_back(payment, gateway):
    case = receive(payment, gateway, 90_00)
    gateway.refund_state = "failed"
    close(case, "refund")
    assert (under_review(), balances()) == ([payment.id], {"gateway:paynoi": 90_00, "suspense": -90_00})

    gateway.refund_state = "settled"
    close(case, "refund")

    assert (under_review(), balances()) == ([], {})


def test_money_of_another_currency_pays_no_order(payment, gateway):
    gateway.set(payment.transaction, "captured", currency="USD")
    payments.settle(DEFAULT, payment.id)

    with pytest.raises(Conflict, match="other_currency"):
        close(payment, "accept")
    close(payment, "refund")

    (refund,) = refunds.of_order(DEFAULT, payment.order)
    assert (refund.currency, refund.state) == ("USD", "settled")


def test_staff_see_all_of_an_order_in_one_place(payment, order, gateway):
    receive(payment, gateway, 100_24)
    order_desk.write_note(STAFF, order.id, "called twice")
    refunds.begin(STAFF, order.id, "refund-1", lines=None, reason="all of it", way=None, pay_to=None)
    deliver.all()

    file = service.open_file(STAFF, order.id)

    assert [step.status for step in file.order.history] == ["awaiting_payment", "paid", "completed", "refunded"]
    assert [each.id for each in file.payments] == [payment.id]
    assert [entry.id for entry in file.entries] == [f"capture#{payment.id}", f"refund#{file.refunds[0].id}"]
    assert [note.text for note in file.notes] == ["called twice"]


def test_payments_are_listed_by_their_state(payment, gateway, buyer):
    def listed(state):
        return [each.id for each in service.list_payments(STAFF, state, PageRequest()).items]

    assert (listed(State.PENDING), listed(State.CAPTURED)) == ([payment.id], [])
    receive(payment, gateway, 100_24)

    assert (listed(State.PENDING), listed(State.CAPTURED)) == ([], [payment.id])
    assert [each.id for each in payments.list_own(buyer, PageRequest()).items] == [payment.id]


def test_a_payment_of_an_earlier_release_is_listed_by_the_migration(payment):
    record = store.PaymentRecord.fetch(f"T#{DEFAULT}#ORD#{payment.order}", "PAY#0001")
    item = {name: value for name, value in record.serialize().items() if not name.startswith("list_")}
    client("dynamodb").put_item(TableName=store.PaymentRecord.Meta.table_name, Item=item)
    assert service.list_payments(STAFF, State.PENDING, PageRequest()).items == []

    migrations.run("list-payments", pace=Pace(1e9), segments=1)

    (listed,) = service.list_payments(STAFF, State.PENDING, PageRequest()).items
    assert (listed.id, listed.version) == (payment.id, payment.version + 1)


def test_the_charge_of_a_cancelled_order_is_withdrawn(payment, order, gateway, buyer):
    orders.cancel(buyer, order.id, None)
    deliver.all()

    assert gateway.cancelled == [payment.transaction]
    receive(payment, gateway, 100_24)
    assert status(order) is Status.COMPLETED, "what was paid all the same is delivered, as late money is"
