from contextlib import ExitStack
from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib.carts import service as carts
from chalicelib.core import clock, ids, log, queues
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound, Unauthorized, Unavailable, Unprocessable
from chalicelib.core.outbox import OutboxRecord
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.orders.messages import OrderExpired, OrderPlaced
from chalicelib.orders.model import PAYABLE_FOR, Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import booking, gateways, jobs, service, store
from chalicelib.payments.messages import PaymentUnderReview
from chalicelib.payments.model import Payment, State
from tests import deliver, logged
from tests.stack import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("things")

STAFF = Principal(DEFAULT, user="usr_staff", permissions=frozenset({"order.read_all", "payment.read_all"}))
QR_LASTS = timedelta(minutes=15)


def order_status(order):
    return orders.get(DEFAULT, order.id).status


def state(payment):
    return store.get(DEFAULT, payment.id).state


def balances():
    accounts = ("gateway:paynoi", "sales", "payment-tails", "suspense")
    return {account: amount for account in accounts if (amount := ledger.balance(DEFAULT, account))}


def test_a_payment_shows_what_to_pay_and_until_when(payment, order):
    assert (payment.state, payment.amount, payment.payable) == (State.PENDING, 100_00, 100_24)
    assert payment.qr_png == "iVBORw=="
    assert payment.expires_at - payment.created_at >= QR_LASTS - timedelta(seconds=5)
    assert payment.order == order.id


def test_an_open_attempt_is_answered_again(payment, buyer, gateway):
    assert service.create_payment(buyer, payment.order).id == payment.id
    assert len(gateway.charges) == 1


def test_an_expired_attempt_is_followed_by_another(payment, buyer, gateway):
    with clock.travel(QR_LASTS + timedelta(seconds=1)):
        second = service.create_payment(buyer, payment.order)

    assert (second.attempt, second.state) == (2, State.PENDING)
    assert second.id != payment.id


def test_a_lost_answer_is_asked_for_again_in_the_same_attempt(gateway, order, buyer):
    gateway.fail = {"create"}
    with pytest.raises(Unavailable):
        service.create_payment(buyer, order.id)

    payment = service.create_payment(buyer, order.id)

    assert (payment.attempt, payment.transaction, payment.state) == (1, "T0002", State.PENDING)


def test_of_two_answers_for_one_attempt_one_charge_is_withdrawn(gateway, order, buyer, monkeypatch):
    real = gateway.create
    raced: list[Payment] = []

    def race(account, **wanted):
        charge = real(account, **wanted)
        monkeypatch.setattr(gateway, "create", real)
        raced.append(service.create_payment(buyer, order.id))
        return charge

    monkeypatch.setattr(gateway, "create", race)

    loser = service.create_payment(buyer, order.id)

    assert loser.transaction == raced[0].transaction == "T0002"
    assert gateway.cancelled == ["T0001"]


def test_a_paid_order_takes_no_other_payment(payment, order, buyer, gateway):
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)

    with pytest.raises(Conflict, match="order_already_paid"):
        service.create_payment(buyer, order.id)


def test_an_expired_order_takes_no_payment(order, buyer, gateway):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)), pytest.raises(Conflict, match="order_expired"):
        service.create_payment(buyer, order.id)

    assert gateway.charges == {}


def test_an_order_that_expires_while_the_payment_opens_is_not_charged(order, buyer, gateway, monkeypatch):
    monkeypatch.setattr(type(order), "refuse_payment", lambda self, at: None)
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
        with pytest.raises(Conflict, match="order_not_payable"):
            service.create_payment(buyer, order.id)

    assert gateway.charges == {}


def test_attempts_end_somewhere(order, buyer, gateway):
    attempts = [clock.travel(number * (QR_LASTS + timedelta(seconds=1))) for number in range(21)]
    for later in attempts[:-1]:
        with later:
            service.create_payment(buyer, order.id)

    with attempts[-1], pytest.raises(Conflict, match="too_many_attempts"):
        service.create_payment(buyer, order.id)
    assert len(gateway.charges) == 20


def test_captured_money_pays_the_order_once(payment, order, gateway):
    gateway.set(payment.transaction, "captured")

    assert service.settle(DEFAULT, payment.id) is Outcome.SUCCESS
    assert service.settle(DEFAULT, payment.id, payment.transaction) is Outcome.SKIPPED

    assert (state(payment), order_status(order)) == (State.CAPTURED, Status.PAID)
    assert balances() == {"gateway:paynoi": 100_24, "sales": -100_00, "payment-tails": -24}


def test_without_a_tail_nothing_is_booked_as_one(gateway, order, buyer):
    gateway.tail = 0
    payment = service.create_payment(buyer, order.id)
    gateway.set(payment.transaction, "captured")

    service.settle(DEFAULT, payment.id)

    assert balances() == {"gateway:paynoi": 100_00, "sales": -100_00}


def test_two_who_settle_at_once_book_once(payment, order, gateway, monkeypatch):
    gateway.set(payment.transaction, "captured")
    real = booking.transact

    def race(*writes):
        monkeypatch.setattr(booking, "transact", real)
        assert service.settle(DEFAULT, payment.id) is Outcome.SUCCESS
        real(*writes)

    monkeypatch.setattr(booking, "transact", race)

    assert service.settle(DEFAULT, payment.id) is Outcome.SKIPPED
    assert balances()["gateway:paynoi"] == 100_24


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 100_23}, "wrong_amount"),
        ({"amount": 100_00}, "wrong_amount"),
        ({"amount": 100_25}, "wrong_amount"),
        ({"currency": "USD"}, "wrong_currency"),
        ({"account": "0899999999"}, "wrong_account"),
    ],
)
def test_money_that_is_not_as_agreed_pays_nothing_and_waits_for_a_person(payment, order, gateway, changes, reason):
    gateway.set(payment.transaction, "captured", **changes)

    service.settle(DEFAULT, payment.id)
    service.settle(DEFAULT, payment.id)

    kept = store.get(DEFAULT, payment.id)
    assert (kept.state, kept.review_reason) == (State.REVIEW, reason)
    assert order_status(order) is Status.AWAITING_PAYMENT
    assert balances() == {"gateway:paynoi": kept.received, "suspense": -kept.received}
    assert [p.id for p in service.list_under_review(STAFF, PageRequest()).items] == [payment.id]
    assert [type(fact) for fact in deliver.facts()] == [OrderPlaced, PaymentUnderReview]


def test_the_right_account_is_no_disagreement(payment, order, gateway):
    account = gateways.account_of(DEFAULT, "paynoi").account
    gateway.set(payment.transaction, "captured", account=account)

    service.settle(DEFAULT, payment.id)

    assert order_status(order) is Status.PAID


def test_money_for_another_reference_is_not_booked_here(payment, order, gateway):
    gateway.set(payment.transaction, "captured", reference="pay_other")

    assert service.settle(DEFAULT, payment.id) is Outcome.SKIPPED

    assert (state(payment), order_status(order)) == (State.PENDING, Status.AWAITING_PAYMENT)
    assert balances() == {}


def test_a_second_capture_for_a_paid_order_goes_to_review(payment, order, buyer, gateway):
    with clock.travel(QR_LASTS + timedelta(seconds=1)):
        second = service.create_payment(buyer, order.id)
    for each in (payment, second):
        gateway.set(each.transaction, "captured")

    service.settle(DEFAULT, second.id)
    service.settle(DEFAULT, payment.id)

    assert (state(second), state(payment)) == (State.CAPTURED, State.REVIEW)
    assert store.get(DEFAULT, payment.id).review_reason == "order_paid_already"
    assert orders.get(DEFAULT, order.id).payment == second.id
    assert balances() == {
        "gateway:paynoi": 200_48,
        "sales": -100_00,
        "payment-tails": -24,
        "suspense": -100_24,
    }


def test_a_charge_we_never_heard_of_is_booked_apart_and_leaves_the_payment_open(gateway, order, buyer):
    gateway.fail = {"create"}
    with pytest.raises(Unavailable):
        service.create_payment(buyer, order.id)
    payment = service.create_payment(buyer, order.id)
    gateway.set("T0001", "captured")

    assert service.settle(DEFAULT, payment.id, "T0001") is Outcome.SUCCESS
    assert service.settle(DEFAULT, payment.id, "T0001") is Outcome.SKIPPED
    assert state(payment) is State.PENDING
    assert balances() == {"gateway:paynoi": 100_24, "suspense": -100_24}

    gateway.set("T0002", "captured")
    service.settle(DEFAULT, payment.id)

    assert (state(payment), order_status(order)) == (State.CAPTURED, Status.PAID)
    assert [p.id for p in service.list_under_review(STAFF, PageRequest()).items] == [payment.id]


def test_a_webhook_that_overtakes_the_answer_comes_back_later(gateway, order, buyer):
    gateway.fail = {"create"}
    with pytest.raises(Unavailable):
        service.create_payment(buyer, order.id)
    opening = store.attempts(DEFAULT, order.id)[0]
    gateway.set("T0001", "captured")

    with pytest.raises(Unavailable, match="payment_opening"):
        service.settle(DEFAULT, opening.id, "T0001")

    assert balances() == {}


@pytest.mark.parametrize(("said", "kept"), [("expired", State.EXPIRED), ("failed", State.FAILED)])
def test_what_the_gateway_closed_is_closed_and_money_may_still_come(payment, order, gateway, said, kept):
    gateway.set(payment.transaction, said)
    service.settle(DEFAULT, payment.id)
    assert state(payment) is kept

    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)

    assert (state(payment), order_status(order)) == (State.CAPTURED, Status.PAID)


def test_a_closed_payment_does_not_open_again(payment, gateway):
    gateway.set(payment.transaction, "expired")
    service.settle(DEFAULT, payment.id)
    gateway.set(payment.transaction, "pending")

    service.settle(DEFAULT, payment.id)

    assert state(payment) is State.EXPIRED


def test_captured_stays_captured_whatever_comes_after(payment, gateway):
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)
    gateway.set(payment.transaction, "expired")

    assert service.settle(DEFAULT, payment.id) is Outcome.SKIPPED
    assert state(payment) is State.CAPTURED


def test_an_unknown_state_changes_nothing(payment, order, gateway):
    gateway.set(payment.transaction, "unknown")

    service.settle(DEFAULT, payment.id)

    assert (state(payment), order_status(order)) == (State.PENDING, Status.AWAITING_PAYMENT)


def test_late_money_reaches_the_expired_order(payment, order, gateway):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
    gateway.set(payment.transaction, "captured")

    service.settle(DEFAULT, payment.id)

    assert order_status(order) is Status.PAID_LATE


def test_polling_asks_the_gateway_but_not_too_often(payment, buyer, gateway):
    service.read_payment(buyer, payment.id)
    assert gateway.asked == []

    with clock.travel(timedelta(seconds=4)):
        service.read_payment(buyer, payment.id)
        service.read_payment(buyer, payment.id)

    assert gateway.asked == [payment.transaction]


def test_polling_sees_the_payment_without_any_webhook(payment, order, buyer, gateway):
    gateway.set(payment.transaction, "captured")

    with clock.travel(timedelta(seconds=4)):
        assert service.read_payment(buyer, payment.id).state is State.CAPTURED

    assert order_status(order) is Status.PAID


def test_polling_answers_while_the_gateway_does_not(payment, buyer, gateway):
    gateway.fail = {"check"}

    with clock.travel(timedelta(seconds=4)):
        assert service.read_payment(buyer, payment.id).state is State.PENDING


@pytest.mark.parametrize(
    "stranger",
    [
        Principal(DEFAULT),
        Principal(DEFAULT, user="usr_other"),
        Principal("org_other", user="usr_staff", permissions=frozenset({"order.read_all"})),
    ],
)
def test_a_stranger_sees_no_payment(payment, stranger):
    with pytest.raises(NotFound) as hidden:
        service.read_payment(stranger, payment.id)
    with pytest.raises(NotFound) as missing:
        service.read_payment(stranger, ids.new("pay"))

    assert str(hidden.value) == str(missing.value)


def test_a_stranger_can_not_open_a_payment_for_anothers_order(order, gateway):
    with pytest.raises(NotFound):
        service.create_payment(Principal(DEFAULT, user="usr_other"), order.id)

    assert gateway.charges == {}


def test_a_webhook_is_queued_then_settles(payment, order, gateway):
    gateway.set(payment.transaction, "captured")
    key = gateways.account_of(DEFAULT, "paynoi").api_key

    answer = service.accept_webhook("paynoi", gateway.webhook(payment.transaction, key), {})

    assert answer == {"status": 1}
    assert order_status(order) is Status.AWAITING_PAYMENT, "the webhook itself changes nothing"
    deliver.queue("payments")
    assert order_status(order) is Status.PAID


def test_a_forged_webhook_queues_nothing(payment, gateway):
    with pytest.raises(Unauthorized):
        service.accept_webhook("paynoi", gateway.webhook(payment.transaction, "guessed-key"), {})

    assert deliver.waiting() == []


def test_a_webhook_for_no_payment_of_ours_is_refused_like_a_forged_one(payment, gateway):
    gateway.set(payment.transaction, "captured", reference=ids.new("pay"))
    key = gateways.account_of(DEFAULT, "paynoi").api_key

    with pytest.raises(Unauthorized, match="invalid_signature"):
        service.accept_webhook("paynoi", gateway.webhook(payment.transaction, key), {})


def test_the_sweep_finds_what_no_webhook_told(payment, order, gateway):
    gateway.set(payment.transaction, "captured")

    assert service.settle_due() == 0
    with clock.travel(timedelta(minutes=1)):
        assert service.settle_due() == 1
        assert service.settle_due() == 0

    assert order_status(order) is Status.PAID


def test_the_sweep_goes_on_after_a_failure_and_asks_again(payment, order, gateway):
    gateway.set(payment.transaction, "captured")
    gateway.fail = {"check"}

    with clock.travel(timedelta(minutes=1)):
        assert service.settle_due() == 0
    with clock.travel(timedelta(minutes=2)):
        assert service.settle_due() == 1

    assert order_status(order) is Status.PAID


def test_a_payment_that_fails_unexpectedly_keeps_no_other_from_its_turn(payment, buyer, gateway, monkeypatch):
    carts.add(buyer, [Item("things", "c")])
    other = orders.place_order(buyer, "checkout-2", email="buyer@example.com", language="en", expected_total=None)
    second = service.create_payment(buyer, other.id)
    for each in (payment, second):
        gateway.set(each.transaction, "captured")
    real, asked = gateway.check, []

    def first_breaks(account, transaction):
        asked.append(transaction)
        if len(asked) == 1:
            raise ValueError("a bug of ours")
        return real(account, transaction)

    monkeypatch.setattr(gateway, "check", first_breaks)

    with clock.travel(timedelta(minutes=1)):
        assert service.settle_due() == 1
    with clock.travel(timedelta(minutes=2)):
        assert service.settle_due() == 1

    assert (state(payment), state(second)) == (State.CAPTURED, State.CAPTURED)


def test_payments_that_the_gateway_refuses_to_speak_of_are_asked_about_ever_more_rarely(payment, gateway, monkeypatch):
    asked = []

    def refuses(account, transaction):
        asked.append(transaction)
        raise Unprocessable("payment_gateway_refused", "The payment service refused the request.")

    monkeypatch.setattr(gateway, "check", refuses)

    for minute in range(0, 60 * 27, 5):
        with clock.travel(timedelta(minutes=minute)):
            assert service.settle_due() == 0

    assert 8 <= len(asked) <= 24
    assert store.get(DEFAULT, payment.id).next_check_at is None


def test_a_gateway_that_is_silent_is_asked_again_within_minutes_for_as_long_as_it_takes(payment, gateway, monkeypatch):
    asked = []

    def is_silent(account, transaction):
        asked.append(transaction)
        raise Unavailable("payment_gateway_unavailable", "The gateway does not answer.")

    monkeypatch.setattr(gateway, "check", is_silent)

    for minute in range(0, 60 * 27, 5):
        with clock.travel(timedelta(minutes=minute, seconds=1)):
            assert service.settle_due() == 0

    assert len(asked) > 300
    assert state(payment) is State.PENDING


def test_a_sweep_ends_in_time_and_the_next_goes_on_where_it_stopped(payment, buyer, gateway, monkeypatch):
    carts.add(buyer, [Item("things", "c")])
    other = orders.place_order(buyer, "checkout-2", email="buyer@example.com", language="en", expected_total=None)
    second = service.create_payment(buyer, other.id)
    for each in (payment, second):
        gateway.set(each.transaction, "captured")
    real, slow = gateway.check, ExitStack()

    def slowly(account, transaction):
        slow.enter_context(clock.travel(timedelta(seconds=41)))
        return real(account, transaction)

    monkeypatch.setattr(gateway, "check", slowly)

    with slow:
        slow.enter_context(clock.travel(timedelta(minutes=1)))
        asked = [service.settle_due(), service.settle_due(), service.settle_due()]

    assert asked == [1, 1, 0]
    assert (state(payment), state(second)) == (State.CAPTURED, State.CAPTURED)


def test_the_sweep_asks_ever_more_rarely_and_stops_a_day_after_expiry(payment, gateway):
    asked = 0
    for minutes in range(0, 60 * 27, 5):
        with clock.travel(timedelta(minutes=minutes)):
            service.settle_due()
    asked = len(gateway.asked)

    assert 8 <= asked <= 24
    assert store.get(DEFAULT, payment.id).next_check_at is None


def test_a_payment_is_kept_only_at_the_version_it_was_read(payment, gateway):
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)

    with pytest.raises(Conflict, match="version_conflict"):
        transact(store.save(payment.checked(clock.now()), was=payment))


def test_an_entry_that_does_not_balance_can_not_be_made():
    with pytest.raises(ValueError, match="does not balance"):
        ledger.Entry("x", DEFAULT, "ord", "THB", clock.now(), (ledger.Posting("a", 1), ledger.Posting("b", -2)))


def test_the_same_entry_is_booked_once(aws):
    entry = ledger.capture(
        "pay_1",
        organization=DEFAULT,
        order="ord_1",
        into="gateway:paynoi",
        received=10,
        owed=10,
        currency="THB",
        at=clock.now(),
    )
    transact(*ledger.book(entry))

    with pytest.raises(ledger.Booked):
        transact(*ledger.book(entry))

    assert ledger.postings(DEFAULT, "capture#pay_1") == [
        ledger.Posting("gateway:paynoi", 10),
        ledger.Posting("sales", -10),
    ]


# --- what is counted and under which correlation ------------------------------------------------------------


def capture(gateway, payment):
    gateway.set(payment.transaction, "captured")
    return service.settle(DEFAULT, payment.id)


def test_a_paid_order_is_counted_once_with_what_it_cost(payment, order, gateway):
    with logged.lines() as told:
        capture(gateway, payment)
        capture(gateway, payment)
        service.settle(DEFAULT, payment.id, payment.transaction)

    assert logged.measured(told()) == {"OrdersPaid": 1, "Revenue": 100_00}
    [line] = [line for line in told() if "Revenue" in line]
    assert (line["Currency"], line["Stage"], line["order"], line["payment"]) == ("THB", "test", order.id, payment.id)


def test_of_two_who_settle_at_once_one_counts(payment, gateway, monkeypatch):
    gateway.set(payment.transaction, "captured")
    real = booking.transact

    def race(*writes):
        monkeypatch.setattr(booking, "transact", real)
        service.settle(DEFAULT, payment.id)
        real(*writes)

    monkeypatch.setattr(booking, "transact", race)
    with logged.lines() as told:
        assert service.settle(DEFAULT, payment.id) is Outcome.SKIPPED

    assert logged.measured(told()) == {"OrdersPaid": 1, "Revenue": 100_00}


def test_a_capture_that_is_not_committed_is_not_counted(payment, gateway, monkeypatch):
    def lost(*writes):
        raise Unavailable("busy", "Too many people at once.")

    monkeypatch.setattr(booking, "transact", lost)
    with logged.lines() as told, pytest.raises(Unavailable):
        capture(gateway, payment)

    assert told() == []


def test_money_under_review_is_counted_once_and_is_no_revenue(payment, gateway):
    gateway.set(payment.transaction, "captured", amount=1)

    with logged.lines() as told:
        service.settle(DEFAULT, payment.id)
        service.settle(DEFAULT, payment.id)

    assert logged.measured(told()) == {"PaymentsUnderReview": 1}


@pytest.mark.parametrize("reference", [None, "pay_01J00000000000000000000009"])
def test_a_refused_webhook_is_counted(payment, gateway, reference):
    raw = gateway.webhook(payment.transaction, "guessed-key")
    raw = raw.replace(payment.id.encode(), reference.encode()) if reference else raw

    with logged.lines() as told, pytest.raises(Unauthorized):
        service.accept_webhook("paynoi", raw, {})

    assert logged.measured(told()) == {"WebhooksRefused": 1}


def test_a_webhook_that_is_taken_or_can_not_be_queued_is_not_counted_as_refused(payment, gateway, monkeypatch):
    raw = gateway.webhook(payment.transaction, gateways.account_of(DEFAULT, "paynoi").api_key)

    def full(fact):
        raise Unavailable("queue_unavailable", "The message could not be queued.")

    with logged.lines() as told:
        service.accept_webhook("paynoi", raw, {})
        monkeypatch.setattr(queues, "tell", full)
        with pytest.raises(Unavailable):
            service.accept_webhook("paynoi", raw, {})

    assert logged.measured(told()) == {}


def test_what_the_sweep_finds_is_told_under_the_correlation_of_the_request_that_opened_the_payment(
    order, buyer, gateway
):
    with log.correlated("req-pay"):
        payment = service.create_payment(buyer, order.id)
    gateway.set(payment.transaction, "captured")

    with logged.lines() as told, clock.travel(timedelta(minutes=1)), log.correlated("the sweep"):
        service.settle_due()

    assert [(line["message"], line["correlation"]) for line in told()] == [("payment captured", "req-pay")]
    after = [record for record in OutboxRecord.scan() if record.fact != "OrderPlaced"]
    assert {record.correlation for record in after} == {"req-pay"}


def test_a_payment_that_the_sweep_can_not_check_says_so_under_its_own_correlation(order, buyer, gateway):
    with log.correlated("req-pay"):
        service.create_payment(buyer, order.id)
    gateway.fail = {"check"}

    with logged.lines() as told, clock.travel(timedelta(minutes=1)):
        service.settle_due()

    assert [(line["message"], line["correlation"]) for line in told()] == [("payment not checked", "req-pay")]


def test_a_payment_of_an_earlier_release_is_swept_without_a_correlation_of_its_own(payment, gateway):
    record = next(store.PaymentRecord.scan(store.PaymentRecord.id == payment.id))
    record.update(actions=[store.PaymentRecord.correlation.remove()])
    gateway.set(payment.transaction, "captured")

    with logged.lines() as told, clock.travel(timedelta(minutes=1)):
        assert service.settle_due() == 1

    assert told()[0]["correlation"].startswith("cor_")


def told_of_expiry(order):
    """The mails about an order that is over."""
    return [mail.subject for mail in ses_backends[ACCOUNT][REGION].sent_messages if order.code in mail.subject]


def test_who_began_to_pay_hears_once_that_the_order_is_over(payment, order):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
        deliver.all()
    fact = OrderExpired(organization=DEFAULT, order=order.id)

    assert jobs.mail_expiry(fact) is Outcome.SKIPPED

    assert told_of_expiry(order) == [f"Order {order.code} was not paid in time"]


def test_who_never_began_to_pay_hears_nothing(order):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
        deliver.all()

    assert told_of_expiry(order) == []


def test_who_cancelled_hears_nothing_of_the_time_to_pay(payment, order, buyer):
    orders.cancel(buyer, order.id, "no more")
    deliver.all()

    assert told_of_expiry(order) == []


def test_who_paid_late_hears_nothing_of_the_time_to_pay(payment, order, gateway):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
    gateway.set(payment.transaction, "captured")
    service.settle(DEFAULT, payment.id)

    assert jobs.mail_expiry(OrderExpired(organization=DEFAULT, order=order.id)) is Outcome.SKIPPED
    assert told_of_expiry(order) == []
