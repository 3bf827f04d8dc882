from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unauthorized
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.ledger import service as ledger
from chalicelib.members import service as members
from chalicelib.orders import service as orders
from chalicelib.orders.model import LineStatus, Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways, store
from chalicelib.payments import service as payments
from chalicelib.payments.administration import service as desk
from chalicelib.payments.disputes import jobs, service
from chalicelib.payments.disputes.model import State
from chalicelib.payments.migrations import name_charges
from chalicelib.payments.refunds import service as refunds
from chalicelib.payments.refunds.model import State as RefundState
from chalicelib.payments.refunds.model import Wanted, Way
from tests import deliver, selling
from tests.orders.test_jobs import sent

pytestmark = pytest.mark.usefixtures("things")
assert jobs.settle, "importing the jobs registers their handlers"

MAY = frozenset({"order.read_all", "order.manage", "payment.read_all", "payment.manage"})
STAFF = Principal(DEFAULT, user="usr_01J00000000000000000000009", permissions=MAY)
GATEWAY, ORGANIZER = "gateway:paynoi", f"organizer:{DEFAULT}"
ALL = PageRequest(size=10)


@pytest.fixture
def gateway(gateway, monkeypatch):
    monkeypatch.setattr(gateways, "knows_disputes", lambda name: True)
    gateway.tail = 0
    return gateway


@pytest.fixture
def paid(payment, gateway):
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    return payments.get(DEFAULT, payment.id)


@pytest.fixture
def tell(gateway, paid):
    """The gateway tells how the dispute `dp_1` stands, and all that follows happens."""

    def told(state, **more):
        gateway.set_dispute("dp_1", paid.transaction, state, **more)
        outcome = service.settle(DEFAULT, paid.id, "dp_1")
        deliver.all()
        return outcome

    return told


def dispute(paid):
    (found,) = service.of_order(DEFAULT, paid.order)
    return found


def balances(*accounts):
    return [ledger.balance(DEFAULT, account) for account in accounts]


def left(paid):
    return payments.get(DEFAULT, paid.id).left


def refund_of(paid):
    return refunds.get(DEFAULT, paid.order, dispute(paid).refund)


def begin(order, *lines, key="refund-1"):
    return refunds.begin(STAFF, order.id, key, lines=list(lines) or None, reason="blurred", way=None, pay_to=None)


def test_what_the_bank_took_is_set_aside_and_its_shares_are_held_back(paid, order, tell):
    before = balances(ORGANIZER, "platform")

    assert tell("open") is Outcome.SUCCESS

    assert (dispute(paid).state, dispute(paid).withdrawn, dispute(paid).fee) == (State.OPEN, 100_00, 15_00)
    assert (refund_of(paid).way, refund_of(paid).state, left(paid)) == (Way.DISPUTE, RefundState.SUBMITTED, 0)
    assert balances(GATEWAY, "disputes", "gateway-fees", "sales") == [-15_00, 100_00, 15_00, -100_00]
    assert before == [-70_00, -30_00]
    assert balances(ORGANIZER, "platform", "disputed-shares") == [0, 0, -100_00]
    assert selling.given(DEFAULT, order.id) == 1, "who is in the right keeps it until that is decided"


def test_it_counts_once_however_often_it_is_told(paid, tell):
    tell("open")

    assert [tell("open"), tell("open")] == [Outcome.SKIPPED, Outcome.SKIPPED]

    assert balances(GATEWAY, "disputes", "disputed-shares") == [-15_00, 100_00, -100_00]
    assert dispute(paid).movements == 1


def test_nothing_else_goes_back_meanwhile(paid, order, tell, buyer):
    tell("open", amount=30_00)

    for attempt in (
        lambda: begin(order, Wanted("line-1", 1_00)),
        lambda: refunds.request(buyer, paid.id, lines=None, reason="blurred", pay_to=None),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "payment_disputed"
    assert left(paid) == 70_00


def test_won_money_comes_back_and_all_is_as_it_was(paid, order, tell):
    before = balances(ORGANIZER, "platform", "sales")
    tell("open")

    tell("won", withdrawn=0, fee=0)

    assert (dispute(paid).state, refund_of(paid).state, left(paid)) == (State.WON, RefundState.FAILED, 100_00)
    assert balances(GATEWAY, "disputes", "disputed-shares", "gateway-fees") == [100_00, 0, 0, 0]
    assert balances(ORGANIZER, "platform", "sales") == before
    assert begin(order).amount == 100_00


@pytest.mark.parametrize("before", ["inquiry", "open"])
def test_of_a_part_that_the_buyer_is_given_the_rest_stays_ours(paid, order, tell, before):
    tell(before)

    assert tell("lost", amount=100_00, withdrawn=30_00) is Outcome.SUCCESS

    assert (dispute(paid).state, refund_of(paid).state, refund_of(paid).amount) == (
        State.LOST,
        RefundState.SETTLED,
        30_00,
    )
    assert left(paid) == 70_00
    assert balances(GATEWAY, "disputes", "dispute-losses", "disputed-shares") == [55_00, 0, 0, 0]
    assert sum(balances(ORGANIZER, "platform")) == -70_00
    assert orders.get(DEFAULT, order.id).status is Status.COMPLETED
    assert tell("lost", amount=100_00, withdrawn=30_00) is Outcome.SKIPPED
    assert begin(order).amount == 70_00, "what is left can still be given back"


def test_won_money_that_is_not_there_yet_is_asked_for_again(paid, gateway, tell):
    tell("open")
    tell("won", withdrawn=100_00)
    assert balances("disputes") == [100_00]

    gateway.set_dispute("dp_1", paid.transaction, "won", withdrawn=0, fee=0)
    with clock.travel(timedelta(hours=7)):
        assert service.settle_due() == 1
        assert service.settle_due() == 0, "now it is over"

    assert balances("disputes", GATEWAY) == [0, 100_00]


def test_the_sweep_goes_on_after_a_failure_and_asks_again(paid, gateway, tell):
    tell("open")
    gateway.fail.add("dispute")

    with clock.travel(timedelta(hours=7)):
        assert [service.settle_due(), service.settle_due()] == [0, 0]
        with clock.travel(timedelta(hours=7)):
            assert service.settle_due() == 1


def test_what_is_lost_is_given_back_with_all_that_follows(paid, order, tell):
    tell("open")

    tell("lost")

    after = orders.get(DEFAULT, order.id)
    assert (after.status, after.lines[0].status, after.refunded) == (Status.REFUNDED, LineStatus.REVOKED, 100_00)
    assert (dispute(paid).state, refund_of(paid).state, left(paid)) == (State.LOST, RefundState.SETTLED, 0)
    assert selling.given(DEFAULT, order.id) == 0, "it is withdrawn"
    accounts = (GATEWAY, "disputes", "gateway-fees", "sales", "revenue-shares", ORGANIZER, "platform")
    assert balances(*accounts) == [-15_00, 0, 15_00, 0, 0, 0, 0]
    assert balances("disputed-shares", "dispute-losses") == [0, 0]
    subjects = [mail.subject for mail in sent() if order.code in mail.subject]
    assert subjects == [f"Your receipt for order {order.code}"], "the buyer hears of it from the bank"


def test_a_part_that_is_lost_leaves_the_rest_with_the_buyer(paid, order, tell):
    tell("open", amount=30_00)
    tell("lost", amount=30_00)

    after = orders.get(DEFAULT, order.id)
    assert (after.status, after.refunded, left(paid)) == (Status.COMPLETED, 30_00, 70_00)
    assert balances("sales", "revenue-shares", ORGANIZER, "platform") == [-70_00, 70_00, -49_00, -21_00]
    assert begin(order).amount == 70_00


def test_what_was_given_back_before_is_the_houses_loss(paid, order, tell):
    begin(order, Wanted("line-1", 40_00))
    deliver.all()

    tell("open")
    assert (refund_of(paid).amount, left(paid)) == (60_00, 0)
    tell("lost")

    assert balances("disputes", "dispute-losses", "sales", GATEWAY) == [0, 40_00, 0, -55_00]
    assert orders.get(DEFAULT, order.id).status is Status.REFUNDED


def test_of_what_was_given_back_altogether_nothing_is_set_aside(paid, order, tell):
    begin(order)
    deliver.all()

    tell("open")
    tell("lost")

    assert (dispute(paid).refund, dispute(paid).state) == (None, State.LOST)
    assert balances("disputes", "dispute-losses") == [0, 100_00]


def test_who_hears_only_the_end_books_all_of_it(paid, order, tell):
    tell("lost")

    assert orders.get(DEFAULT, order.id).status is Status.REFUNDED
    assert balances(GATEWAY, "disputes", "disputed-shares", "sales") == [-15_00, 0, 0, 0]


def test_what_comes_back_after_it_was_lost_makes_the_loss_smaller(paid, tell):
    tell("lost")

    tell("lost", withdrawn=60_00)

    assert balances(GATEWAY, "disputes", "dispute-losses") == [25_00, 0, -40_00]


def test_an_inquiry_takes_nothing_and_may_end_by_itself(paid, order, tell):
    tell("inquiry")
    assert (dispute(paid).state, dispute(paid).refund, left(paid)) == (State.INQUIRY, None, 100_00)
    assert balances(GATEWAY) == [100_00]
    assert begin(order, Wanted("line-1", 1_00)).amount == 1_00, "giving it back may end it"

    tell("closed")

    assert (dispute(paid).state, dispute(paid).next_check_at) == (State.CLOSED, None)


def test_an_inquiry_may_become_a_dispute(paid, tell):
    tell("inquiry")
    tell("open")

    assert (dispute(paid).state, left(paid)) == (State.OPEN, 0)


def test_it_is_not_lost_before_the_money_is_gone(paid, tell):
    tell("lost", withdrawn=0)
    assert (dispute(paid).state, left(paid)) == (State.OPEN, 0)

    tell("lost")

    assert dispute(paid).state is State.LOST


def test_what_is_decided_does_not_change(paid, order, tell):
    tell("lost")

    for other in ("won", "open", "inquiry", "unknown"):
        tell(other, withdrawn=100_00)

    assert dispute(paid).state is State.LOST
    assert orders.get(DEFAULT, order.id).status is Status.REFUNDED


def test_money_that_waits_for_a_person_is_taken_from_there(payment, order, gateway):
    gateway.set(payment.transaction, "captured", amount=90_00)
    payments.settle(DEFAULT, payment.id)
    gateway.set_dispute("dp_1", payment.transaction, "open")

    service.settle(DEFAULT, payment.id, "dp_1")
    deliver.all()

    waiting = payments.get(DEFAULT, payment.id)
    assert (waiting.waiting, waiting.left) == (0, 0)
    for decision in ("accept", "refund"):
        with pytest.raises(Conflict) as refused:
            desk.close_case(STAFF, payment.id, decision, "it came", None)
        assert refused.value.code == "nothing_waits"
    gateway.set_dispute("dp_1", payment.transaction, "lost")
    service.settle(DEFAULT, payment.id, "dp_1")
    assert balances("suspense", "disputes", GATEWAY) == [0, 0, -15_00]


def test_a_refund_on_its_way_and_the_bank_do_not_take_the_same_money(paid, order, gateway, tell):
    gateway.refund_state = "pending"
    begin(order, Wanted("line-1", 80_00))

    tell("open")

    assert (refund_of(paid).amount, left(paid)) == (20_00, 0)


def test_another_charge_is_not_its_business(paid, gateway):
    gateway.set_dispute("dp_1", paid.transaction, "open")
    gateway.disputed["dp_1"] = replace(gateway.disputed["dp_1"], transaction_id="T9999")

    assert service.settle(DEFAULT, paid.id, "dp_1") is Outcome.SKIPPED

    assert service.of_order(DEFAULT, paid.order) == []


def test_a_webhook_that_names_the_charge_alone_finds_its_payment(paid, gateway):
    gateway.set_dispute("dp_1", paid.transaction, "open")
    key = gateways.account_of(DEFAULT, "paynoi").api_key

    payments.accept_webhook("paynoi", gateway.dispute_webhook("dp_1", key), {})
    deliver.all()

    assert dispute(paid).state is State.OPEN
    gateway.disputed["dp_2"] = replace(gateway.disputed["dp_1"], transaction_id="T9999")
    for raw in (gateway.dispute_webhook("dp_2", key), gateway.dispute_webhook("dp_1", "forged")):
        with pytest.raises(Unauthorized):
            payments.accept_webhook("paynoi", raw, {})


def test_money_that_its_gateway_knows_by_another_name_finds_its_payment(payment, gateway):
    gateway.set(payment.transaction, "captured", capture="CAP1")
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    gateway.set_dispute("dp_1", payment.transaction, "open")
    gateway.disputed["dp_1"] = replace(gateway.disputed["dp_1"], transaction_id="CAP1")
    key = gateways.account_of(DEFAULT, "paynoi").api_key

    payments.accept_webhook("paynoi", gateway.dispute_webhook("dp_1", key), {})
    deliver.all()

    assert dispute(payment).state is State.OPEN
    (row,) = store.ChargeRecord.query("G#gateway-charge#paynoi:CAP1")
    assert (row.payment, row.organization) == (payment.id, DEFAULT)


@pytest.mark.parametrize("otherwise", [{"amount": 1_00}, {"account": "somebody's"}])
def test_money_that_waits_for_a_person_is_found_by_its_name_too(payment, gateway, otherwise):
    gateway.set(payment.transaction, "captured", capture="CAP1", **otherwise)

    payments.settle(DEFAULT, payment.id)

    assert store.behind("paynoi", "CAP1") == payment.id


def test_what_was_never_captured_has_no_other_name(payment, gateway):
    gateway.set(payment.transaction, "pending", capture="CAP1")

    payments.settle(DEFAULT, payment.id)

    with pytest.raises(NotFound):
        store.behind("paynoi", "CAP1")


def test_payments_of_before_can_be_found_too(payment, gateway):
    record = store.PaymentRecord.get(f"T#{DEFAULT}#ORD#{payment.order}", "PAY#0001")
    (named,) = store.ChargeRecord.query(f"G#gateway-charge#paynoi:{payment.transaction}")
    assert name_charges(store.PaymentRecord, record.to_dynamodb_dict()) == ()
    named.delete()

    assert len(name_charges(store.PaymentRecord, record.to_dynamodb_dict())) == 1


def test_staff_is_told_and_sees_until_when_to_answer(paid, order, tell, monkeypatch):
    class Keeper:
        id, email, language = "usr_01J00000000000000000000009", "owner@example.com", "en"

    monkeypatch.setattr(members, "keepers", lambda organization: [Keeper()])
    tell("open")
    tell("open")
    tell("lost")

    subjects = [mail.subject for mail in sent() if mail.destinations["ToAddresses"] == ["owner@example.com"]]
    assert subjects == [
        f"A buyer disputes 100.00 THB of order {order.code}",
        f"A dispute was lost: 100.00 THB of order {order.code}",
    ]
    (shown,) = service.list_disputes(STAFF, ALL).items
    assert (shown.order, shown.due_at) == (order.id, dispute(paid).due_at)
    file = desk.open_file(STAFF, order.id)
    assert [entry.id.partition("#")[0] for entry in file.entries] == ["capture", "refund", "dispute"]
    assert [each.id for each in file.disputes] == [shown.id]


def test_two_disputes_of_one_charge_take_what_each_can(paid, gateway, buyer, order):
    gateway.set_dispute("dp_1", paid.transaction, "open", amount=60_00)
    gateway.set_dispute("dp_2", paid.transaction, "open", amount=60_00)
    for each in ("dp_1", "dp_2"):
        service.settle(DEFAULT, paid.id, each)
    assert left(paid) == 0

    gateway.set_dispute("dp_2", paid.transaction, "lost", amount=60_00)
    gateway.set_dispute("dp_1", paid.transaction, "won", amount=60_00, withdrawn=0)
    for each in ("dp_2", "dp_1"):
        service.settle(DEFAULT, paid.id, each)
    deliver.all()

    assert (left(paid), orders.get(DEFAULT, order.id).refunded) == (60_00, 40_00)
    assert balances("disputes", "dispute-losses", "disputed-shares") == [0, 20_00, 0]


def test_whoever_is_forgotten_leaves_the_dispute(paid, buyer, tell):
    tell("open")
    refunds.erase_person(DEFAULT, buyer.user)

    tell("lost")

    assert (dispute(paid).state, refund_of(paid).reason) == (State.LOST, "erased")
