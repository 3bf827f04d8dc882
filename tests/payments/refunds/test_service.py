from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable, Unprocessable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Posting
from chalicelib.lines.contract import Item
from chalicelib.orders import jobs as order_jobs
from chalicelib.orders import service as orders
from chalicelib.orders.messages import LineDue
from chalicelib.orders.model import PAYABLE_FOR, LineStatus, Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import service as payments
from chalicelib.payments.refunds import jobs, service, store
from chalicelib.payments.refunds.messages import RefundDeclined
from chalicelib.payments.refunds.model import State, Wanted, Way
from chalicelib.revenue import service as revenue
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import MOST_GRANTS, Grant, Source
from chalicelib.wallet.schemas import Movement
from tests import deliver, selling
from tests.orders.test_jobs import sent

pytestmark = pytest.mark.usefixtures("things")
assert jobs.submit, "importing the jobs registers their handlers"

MAY = frozenset({"order.read_all", "order.manage", "payment.read_all", "payment.manage"})
STAFF = Principal(DEFAULT, user="usr_01J00000000000000000000009", permissions=MAY)
COLLEAGUE = replace(STAFF, user="usr_01J00000000000000000000008")
ACCOUNTS = ("gateway:paynoi", "bank", "sales", "payment-tails", "suspense", "revenue-shares", "platform")


def told():
    """What was mailed beside the receipt."""
    return [mail for mail in sent() if "receipt" not in mail.subject]


@pytest.fixture
def paid(payment, gateway):
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()
    return payments.get(DEFAULT, payment.id)


@pytest.fixture
def by_hand(gateway):
    gateway.refunds = False


def begin(order, *lines, key="refund-1", **more):
    asked = {"lines": list(lines) or None, "reason": "not what was shown", "way": None, "pay_to": None} | more
    return service.begin(STAFF, order.id, key, **asked)


def decide(refund, action, actor=STAFF, **more):
    asked = {"way": None, "reason": "no", "reference": None} | more
    return service.decide(actor, refund.order, refund.id, action, **asked)


def ask(buyer, payment, *lines):
    return service.request(
        buyer, payment.id, lines=list(lines) or None, reason="blurred", pay_to="PromptPay 0812345678"
    )


def order_of(refund):
    return orders.get(DEFAULT, refund.order)


def state(refund):
    return service.get(DEFAULT, refund.order, refund.id).state


def left(refund):
    return payments.get(DEFAULT, refund.payment).left


def balances():
    return {account: amount for account in ACCOUNTS if (amount := ledger.balance(DEFAULT, account))}


def test_all_of_an_order_goes_back_and_is_withdrawn(paid, order, gateway):
    assert selling.given(DEFAULT, order.id) == 1

    refund = begin(order)
    assert (refund.state, refund.amount, refund.tail, left(refund)) == (State.SUBMITTED, 100_24, 24, 0)
    deliver.all()

    after = order_of(refund)
    assert (state(refund), after.status, after.refunded) == (State.SETTLED, Status.REFUNDED, 100_00)
    assert after.history[-1].by == STAFF.user
    assert gateway.returned == {refund.id: (paid.transaction, 100_24)}
    assert selling.given(DEFAULT, order.id) == 0
    assert balances() == {}
    assert revenue.summary(DEFAULT).gross == revenue.summary(DEFAULT).sold == 0
    (mail,) = told()
    assert (order.code in mail.subject, "100.24 THB" in mail.body) == (True, True)


def test_a_part_of_a_line_leaves_it_with_the_buyer(paid, order):
    refund = begin(order, Wanted("line-1", 30_00))
    deliver.all()

    after = order_of(refund)
    assert (after.status, after.refunded, after.lines[0].status) == (Status.COMPLETED, 30_00, LineStatus.FULFILLED)
    assert selling.given(DEFAULT, order.id) == 1
    assert balances() == {
        "gateway:paynoi": 70_24, "sales": -70_00, "payment-tails": -24, "revenue-shares": 70_00, "platform": -21_00,
    }  # fmt: skip


def test_parts_add_up_to_all_of_it_and_not_to_more(paid, order):
    begin(order, Wanted("line-1", 33_33))
    begin(order, Wanted("line-1", 33_33), key="refund-2")
    with pytest.raises(Unprocessable, match="more_than_left"):
        begin(order, Wanted("line-1", 33_35), key="refund-3")
    last = begin(order, key="refund-3")
    deliver.all()

    assert (last.amount, last.tail) == (33_58, 24)
    assert order_of(last).status is Status.REFUNDED
    assert balances() == {}
    with pytest.raises(Conflict, match="order_status"):
        begin(order, key="refund-4")


@pytest.mark.parametrize("first", [0, 1])
def test_the_last_of_a_line_to_settle_withdraws_it_whichever_that_is(paid, order, first):
    both = [begin(order, Wanted("line-1", 30_00)), begin(order, key="refund-2")]
    assert [refund.by_line["line-1"] for refund in both] == [(30_00, False), (70_00, True)]
    one, other = both[first], both[1 - first]

    service.submit(DEFAULT, order.id, one.id)
    assert order_of(one).status is Status.COMPLETED
    deliver.all()

    assert [service.get(DEFAULT, order.id, each.id).parts[0].whole for each in (one, other)] == [False, True]
    assert (order_of(other).status, order_of(other).refunded) == (Status.REFUNDED, 100_00)
    assert selling.given(DEFAULT, order.id) == 0
    assert balances() == {}
    assert revenue.summary(DEFAULT).gross == revenue.summary(DEFAULT).sold == 0


def test_what_failed_of_a_line_can_be_given_back_after_the_rest_of_it_was(paid, order, gateway):
    some, rest = begin(order, Wanted("line-1", 30_00)), begin(order, key="refund-2")
    service.submit(DEFAULT, order.id, rest.id)
    gateway.refund_state = "failed"
    service.submit(DEFAULT, order.id, some.id)
    assert (state(some), state(rest), order_of(some).status) == (State.FAILED, State.SETTLED, Status.COMPLETED)

    gateway.refund_state = "settled"
    again = begin(order, key="refund-3")
    deliver.all()

    assert (again.amount, order_of(again).status, left(again)) == (30_00, Status.REFUNDED, 0)
    assert balances() == {}
    with pytest.raises(Conflict, match="order_status"):
        begin(order, key="refund-4")


def test_the_same_key_is_one_refund_and_another_body_is_refused(paid, order, gateway):
    first = begin(order, Wanted("line-1", 10_00))
    deliver.all()

    assert begin(order, Wanted("line-1", 10_00)).id == first.id
    with pytest.raises(Unprocessable, match="idempotency_key_reused"):
        begin(order, Wanted("line-1", 20_00))
    assert len(gateway.returned) == 1


def test_a_lost_answer_is_asked_for_again_and_paid_once(paid, order, gateway):
    refund = begin(order)
    gateway.fail = {"refund"}
    with pytest.raises(Unavailable):
        service.submit(DEFAULT, order.id, refund.id)

    assert service.submit(DEFAULT, order.id, refund.id) is Outcome.SUCCESS
    assert service.submit(DEFAULT, order.id, refund.id) is Outcome.SKIPPED
    assert len(gateway.returned) == 1
    assert ledger.balance(DEFAULT, "gateway:paynoi") == 0


def test_a_refund_that_fails_sets_everything_free(paid, order, gateway):
    gateway.refund_state = "failed"
    refund = begin(order)
    assert left(refund) == 0
    deliver.all()

    assert (state(refund), left(refund)) == (State.FAILED, 100_24)
    assert order_of(refund).status is Status.COMPLETED
    gateway.refund_state = "settled"
    again = begin(order, key="refund-2")
    deliver.all()
    assert state(again) is State.SETTLED


def test_a_pending_refund_is_asked_for_until_it_is_through(paid, order, gateway):
    gateway.refund_state = "pending"
    refund = begin(order)
    deliver.all()
    assert state(refund) is State.SUBMITTED
    gateway.refund_state = "settled"

    assert service.submit_due() == 0
    with clock.travel(timedelta(minutes=3)):
        assert service.submit_due() == 1

    assert state(refund) is State.SETTLED


def test_a_sweep_goes_past_a_refund_that_is_not_answered(paid, order, gateway):
    gateway.refund_state = "pending"
    refund = begin(order)
    deliver.all()
    gateway.fail = {"refund"}

    with clock.travel(timedelta(minutes=3)):
        assert service.submit_due() == 0

    waiting = service.get(DEFAULT, order.id, refund.id)
    assert waiting.next_check_at > clock.now() + timedelta(minutes=3)


def test_a_transfer_takes_two_people(paid, order, by_hand):
    with pytest.raises(Unprocessable, match="refund_by_hand"):
        begin(order, way=Way.GATEWAY)
    refund = begin(order, pay_to="Bank 123-4")
    assert (refund.way, service.pay_to(refund)) == (Way.TRANSFER, "Bank 123-4")
    with pytest.raises(Conflict, match="refund_status"):
        decide(refund, "confirm")
    with pytest.raises(Invalid, match="reference_required"):
        decide(refund, "transferred")

    decide(refund, "transferred", reference="SCB 77")
    with pytest.raises(Forbidden, match="second_person"):
        decide(refund, "confirm")
    done = decide(refund, "confirm", COLLEAGUE)
    again = decide(refund, "confirm", COLLEAGUE)
    deliver.all()

    assert (done.state, again.state, done.reference, done.ended_by) == (
        State.SETTLED, State.SETTLED, "SCB 77", COLLEAGUE.user,
    )  # fmt: skip
    assert done.pay_to is None
    assert balances() == {"gateway:paynoi": 100_24, "bank": -100_24}


def test_a_transfer_that_is_given_up_sets_the_money_free(paid, order, by_hand):
    refund = begin(order)

    assert decide(refund, "decline", reason="account closed").state is State.FAILED
    assert left(refund) == 100_24
    with pytest.raises(Conflict, match="refund_status"):
        decide(refund, "transferred", reference="late")


def test_a_buyer_asks_and_staff_decide(paid, order, buyer):
    asked = ask(buyer, paid, Wanted("line-1", 40_00))

    assert (asked.state, asked.amount, left(asked)) == (State.REQUESTED, 40_00, 100_24)
    assert ask(buyer, paid).id == asked.id
    assert service.list_waiting(STAFF, PageRequest()).items == [asked]
    approved = decide(asked, "approve")
    deliver.all()
    with pytest.raises(Conflict, match="refund_status"):
        decide(asked, "approve")
    assert (approved.decided_by, state(asked), order_of(asked).refunded) == (STAFF.user, State.SETTLED, 40_00)
    assert service.list_waiting(STAFF, PageRequest()).items == []
    assert [refund.id for refund in service.of_payment(buyer, paid.id)] == [asked.id]


def test_a_request_that_is_declined_sets_nothing_aside(paid, order, buyer):
    asked = ask(buyer, paid)

    assert decide(asked, "decline").state is State.DECLINED
    assert (left(asked), order_of(asked).status) == (100_24, Status.COMPLETED)
    assert ask(buyer, paid).number == 2


def test_strangers_and_staff_ask_for_nothing(paid):
    for who in (Principal(DEFAULT, user="usr_01J00000000000000000000002"), STAFF):
        with pytest.raises(NotFound, match="payment_not_found"):
            ask(who, paid)


def test_a_request_that_does_not_fit_any_more_is_not_approved(paid, order, buyer):
    asked = ask(buyer, paid, Wanted("line-1", 60_00))
    begin(order, Wanted("line-1", 60_00))

    with pytest.raises(Unprocessable, match="more_than_left"):
        decide(asked, "approve")


def test_nothing_goes_back_of_an_order_that_nobody_paid(order, payment):
    with pytest.raises(Conflict, match="order_status"):
        begin(order)


def test_lines_that_are_not_there_are_not_refunded(paid, order):
    with pytest.raises(NotFound, match="line_not_found"):
        begin(order, Wanted("line-9"))


def test_money_that_came_too_late_goes_back_as_a_whole(payment, order, gateway):
    selling.stock(DEFAULT, 2)
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        orders.expire_due()
    selling.stock(DEFAULT, 0)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    assert orders.get(DEFAULT, order.id).status is Status.PAID_LATE

    with pytest.raises(Conflict, match="refund_all"):
        begin(order, Wanted("line-1", 1_00))
    refund = begin(order)
    assert service.submit(DEFAULT, order.id, refund.id) is Outcome.SUCCESS
    service.take_back(DEFAULT, order.id, refund.id)

    assert order_of(refund).status is Status.REFUNDED
    assert balances() == {}
    assert selling.left(DEFAULT) == 0  # it was released when the order expired


def test_what_is_handed_over_at_the_moment_of_a_refund_is_withdrawn(payment, order, gateway, monkeypatch):
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    fulfil = selling.Things.fulfil

    def refunded_meanwhile(self, sold):
        refund = begin(order)
        service.submit(DEFAULT, order.id, refund.id)
        fulfil(self, sold)

    monkeypatch.setattr(selling.Things, "fulfil", refunded_meanwhile)
    due = LineDue(organization=DEFAULT, order=order.id, line="line-1")

    assert order_jobs.hand_over(due) is Outcome.SKIPPED
    monkeypatch.undo()

    assert orders.get(DEFAULT, order.id).status is Status.REFUNDED
    assert selling.given(DEFAULT, order.id) == 0


def test_every_message_twice_changes_nothing_more(paid, order):
    refund = begin(order, Wanted("line-1", 33_33))
    deliver.all()
    before = balances(), revenue.summary(DEFAULT), order_of(refund)

    service.take_back(DEFAULT, order.id, refund.id)
    service.submit(DEFAULT, order.id, refund.id)

    assert (balances(), revenue.summary(DEFAULT), order_of(refund)) == before


def test_two_refunds_at_once_are_both_told_of_each_other(paid, order, monkeypatch):
    real, raced = store.add, []

    def race(refund):
        if not raced:
            raced.append(None)
            raced[0] = begin(order, Wanted("line-1", 60_00), key="refund-other")
        return real(refund)

    monkeypatch.setattr(store, "add", race)

    with pytest.raises(Unprocessable, match="more_than_left"):
        begin(order, Wanted("line-1", 60_00))

    assert left(raced[0]) == 40_24


def test_buyers_see_and_take_away_what_they_wrote(paid, order, buyer):
    ask(buyer, paid)

    (told,) = service.personal_data(DEFAULT, buyer.user)
    assert (told["reason"], told["pay_to"]) == ("blurred", "PromptPay 0812345678")
    service.erase_person(DEFAULT, buyer.user)
    service.erase_person(DEFAULT, buyer.user)

    (kept,) = service.of_order(DEFAULT, order.id)
    assert (kept.reason, kept.pay_to, kept.requested_by) == ("erased", None, None)


def test_an_order_is_refunded_often_but_not_forever(paid, buyer):
    for _ in range(50):
        decide(ask(buyer, paid), "decline")

    with pytest.raises(Conflict, match="too_many_refunds"):
        ask(buyer, paid)


def test_a_second_order_line_stays_when_the_first_goes(buyer, gateway, monkeypatch):
    class Others(selling.Things):
        """Two lines need two kinds of things."""

        kind = "others"

        def hold(self, organization, line, order, until):
            return ()

        def quote(self, organization, items, at):
            quote = super().quote(organization, items, at)
            return replace(quote, lines=tuple(replace(line, kind="others") for line in quote.lines))

    monkeypatch.setattr(lines, "discover", lambda: {"things": selling.Things(), "others": Others()})
    carts.add(buyer, [Item("things", "a"), Item("others", "b")])
    order = orders.place_order(buyer, "checkout-2", email="b@example.com", language="en", expected_total=None)
    payment = payments.create_payment(buyer, order.id)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    deliver.all()

    refund = begin(order, Wanted("line-2"))
    deliver.all()

    after = order_of(refund)
    assert [line.status for line in after.lines] == [LineStatus.FULFILLED, LineStatus.REVOKED]
    assert (after.status, after.refunded, refund.tail) == (Status.COMPLETED, 50_00, 0)
    assert selling.given(DEFAULT, order.id) == 1


# --- before it was handed over --------------------------------------------------------------------------------


@pytest.fixture
def waiting(payment, order, gateway):
    """Paid, and nothing is handed over yet."""
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    assert selling.left(DEFAULT) == 98
    return payments.get(DEFAULT, payment.id)


def test_what_was_not_handed_over_is_held_no_more(waiting, order):
    refund = begin(order)
    assert service.submit(DEFAULT, order.id, refund.id) is Outcome.SUCCESS
    assert (order_of(refund).status, selling.left(DEFAULT)) == (Status.REFUNDED, 100)

    service.submit(DEFAULT, order.id, refund.id)
    deliver.all()

    assert (selling.left(DEFAULT), selling.given(DEFAULT, order.id)) == (100, 0)
    assert balances() == {}


def test_a_part_of_what_was_not_handed_over_is_still_held(waiting, order):
    refund = begin(order, Wanted("line-1", 30_00))
    service.submit(DEFAULT, order.id, refund.id)

    assert (order_of(refund).status, selling.left(DEFAULT)) == (Status.PAID, 98)
    deliver.all()
    assert (order_of(refund).status, selling.given(DEFAULT, order.id)) == (Status.COMPLETED, 1)


def test_what_was_handed_over_is_released_by_its_own_line(paid, order):
    begin(order)
    deliver.all()

    assert (selling.left(DEFAULT), selling.given(DEFAULT, order.id)) == (98, 0)


def test_a_refund_that_fails_leaves_it_held(waiting, order, gateway):
    gateway.refund_state = "failed"
    refund = begin(order)
    service.submit(DEFAULT, order.id, refund.id)

    assert (state(refund), selling.left(DEFAULT)) == (State.FAILED, 98)


# --- what was paid with credit --------------------------------------------------------------------------------


@pytest.fixture
def credited(order, buyer):
    """Paid with 100 of 150 THB of credit that expires in an hour, and handed over."""
    soon = clock.now() + timedelta(hours=1)
    grant = Grant(ids.new("crd"), Source.BONUS, 150_00, 150_00, clock.now(), expires_at=soon)
    wallet.give(DEFAULT, buyer.user, grant, (Posting(wallet.GIVEN, 150_00),))
    payment = payments.create_payment(buyer, order.id, "credit")
    deliver.all()
    return payment


def owned(buyer):
    found = wallet.of_user(DEFAULT, buyer.user)
    assert found.total == -ledger.balance(DEFAULT, wallet.account(buyer.user))
    return {grant.source: (grant.left, grant.expires_at is None) for grant in found.grants}


def test_credit_goes_back_as_credit_that_does_not_expire(credited, order, buyer, gateway):
    refund = begin(order)
    assert (refund.way, refund.state, refund.amount, left(refund)) == (Way.CREDIT, State.SUBMITTED, 100_00, 0)
    deliver.all()

    assert (state(refund), order_of(refund).status) == (State.SETTLED, Status.REFUNDED)
    assert owned(buyer) == {Source.BONUS: (50_00, False), Source.REFUND: (100_00, True)}
    assert ledger.postings(DEFAULT, f"refund#{refund.id}") == [
        Posting(f"credits:{buyer.user}", -100_00), Posting("sales", 100_00),
    ]  # fmt: skip
    assert (balances(), gateway.returned) == ({}, {})
    (mail,) = told()
    assert "in your credit" in mail.body
    newest = wallet.history(DEFAULT, buyer.user, PageRequest()).items[0]
    assert (Movement.of(newest).kind, Movement.of(newest).amount) == ("refunded", 100_00)


def test_parts_of_credit_gather_in_one_grant_and_are_given_once(credited, order, buyer):
    first = begin(order, Wanted("line-1", 33_33))
    second = begin(order, Wanted("line-1", 33_33), key="refund-2")
    deliver.all()
    for refund in (first, second):
        assert service.submit(DEFAULT, order.id, refund.id) is Outcome.SKIPPED
    assert owned(buyer)[Source.REFUND] == (66_66, True)

    with pytest.raises(Unprocessable, match="more_than_left"):
        begin(order, Wanted("line-1", 33_35), key="refund-3")
    begin(order, key="refund-4")
    deliver.all()

    assert owned(buyer)[Source.REFUND] == (100_00, True)
    assert order_of(first).status is Status.REFUNDED


def test_a_buyer_asks_for_credit_back_and_the_sweep_gives_it(credited, order, buyer):
    asked = ask(buyer, credited, Wanted("line-1", 40_00))
    assert decide(asked, "approve").way is Way.CREDIT
    with pytest.raises(Conflict, match="refund_status"):
        decide(asked, "decline")

    with clock.travel(timedelta(minutes=2)):
        assert service.submit_due() == 1
        assert service.submit_due() == 0

    assert (state(asked), owned(buyer)[Source.REFUND]) == (State.SETTLED, (40_00, True))


def test_credit_and_money_do_not_go_each_others_way(credited, order):
    for way in (Way.GATEWAY, Way.TRANSFER):
        with pytest.raises(Conflict, match="paid_with_credit"):
            begin(order, way=way)


def test_money_becomes_credit_for_an_exchange(paid, order, buyer, gateway):
    refund = begin(order, way=Way.CREDIT)
    deliver.all()

    assert (state(refund), order_of(refund).status, left(refund)) == (State.SETTLED, Status.REFUNDED, 0)
    assert owned(buyer) == {Source.REFUND: (100_24, True)}
    assert ledger.postings(DEFAULT, f"refund#{refund.id}") == [
        Posting(f"credits:{buyer.user}", -100_24), Posting("sales", 100_00), Posting("payment-tails", 24),
    ]  # fmt: skip
    assert (gateway.returned, balances()) == ({}, {"gateway:paynoi": 100_24}), "the money stays, and nobody earned it"


def test_who_has_no_account_has_no_credit(paid, order, buyer):
    orders.erase_person(DEFAULT, buyer.user)
    with pytest.raises(Unprocessable, match="account_needed"):
        begin(order, way=Way.CREDIT)


def test_a_full_wallet_takes_back_what_it_paid(credited, order, buyer):
    for number in range(60):
        small = Grant(ids.derived("crd", str(number)), Source.BOUGHT, 1, 1, clock.now())
        with suppress(Conflict):
            wallet.give(DEFAULT, buyer.user, small, (Posting(wallet.GIVEN, 1),))
    begin(order)
    deliver.all()

    assert len(wallet.of_user(DEFAULT, buyer.user).grants) == MOST_GRANTS + 1
    assert owned(buyer)[Source.REFUND] == (100_00, True)


def test_nobody_gets_the_credit_of_who_was_forgotten(credited, order, buyer):
    refund = begin(order)
    orders.erase_person(DEFAULT, buyer.user)
    wallet.erase_person(DEFAULT, buyer.user)
    deliver.all()

    after = service.get(DEFAULT, order.id, refund.id)
    assert (after.state, after.failure, left(refund)) == (State.FAILED, "buyer_gone", 100_00)
    assert ledger.balance(DEFAULT, wallet.account(buyer.user)) == 0


def test_a_wallet_that_moves_meanwhile_is_read_again(credited, order, buyer, monkeypatch):
    real, moved = wallet.give_back, []

    def raced(organization, user, amount):
        write = real(organization, user, amount)
        if not moved:
            moved.append(True)
            grant = Grant(ids.new("crd"), Source.STAFF, 5_00, 5_00, clock.now())
            wallet.give(DEFAULT, user, grant, (Posting(wallet.GIVEN, 5_00),))
        return write

    monkeypatch.setattr(wallet, "give_back", raced)
    begin(order)
    deliver.all()

    assert owned(buyer) == {
        Source.BONUS: (50_00, False), Source.STAFF: (5_00, True), Source.REFUND: (100_00, True),
    }  # fmt: skip


# --- what people are told -------------------------------------------------------------------------------------


def test_who_is_declined_is_told_once_and_not_why(paid, order, buyer):
    asked = ask(buyer, paid, Wanted("line-1", 40_00))
    decide(asked, "decline", reason="asks all the time")
    deliver.all()
    fact = RefundDeclined(organization=DEFAULT, order=order.id, refund=asked.id)
    assert jobs.mail_decline(fact) is Outcome.SKIPPED

    (mail,) = told()
    assert (order.code in mail.subject, "40.00 THB" in mail.body) == (True, True)
    assert "all the time" not in mail.body


def test_a_transfer_that_is_given_up_is_no_refusal(paid, order, by_hand):
    decide(begin(order), "decline")
    deliver.all()

    assert told() == []


def test_who_was_forgotten_is_told_nothing(paid, order, buyer):
    asked = ask(buyer, paid)
    decide(asked, "decline")
    orders.erase_person(DEFAULT, buyer.user)
    deliver.all()

    assert told() == []


def test_of_where_it_goes_no_digest_is_kept(paid, order, by_hand):
    refund = begin(order, pay_to="Bank 123-4")

    assert begin(order, pay_to="Bank 123-4").id == refund.id
    with pytest.raises(Unprocessable, match="idempotency_key_reused"):
        begin(order, pay_to="Bank 123-5")
    first = store.of_order(DEFAULT, order.id)[0].key
    decide(refund, "decline")
    second = begin(order, key="refund-2", pay_to="Bank 567-8").key
    assert first.partition("#")[2] == second.partition("#")[2]
