from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.carts import service as carts
from chalicelib.core import clock, ids, log, migrations
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.core.migrations import Pace
from chalicelib.core.outbox import OutboxRecord
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.lines.contract import Item
from chalicelib.orders import service, store
from chalicelib.orders.administration import service as administration
from chalicelib.orders.messages import LineDue, OrderCompleted, OrderExpired, OrderPaid, OrderPaidLate, OrderPlaced
from chalicelib.orders.model import PAYABLE_FOR, LineStatus, Search, Status
from chalicelib.orders.service import ending, handing_over, placing
from chalicelib.organizations.service import DEFAULT
from infra import stages
from tests import deliver, logged, selling
from tests.stack import client

stages.load_records()

pytestmark = pytest.mark.usefixtures("things")

KEY = "checkout-1"


def place(principal, key=KEY, **changes):
    given = {"email": "buyer@example.com", "language": "en", "expected_total": None} | changes
    return service.place_order(principal, key, **given)


def fill(principal, *names):
    carts.add(principal, [Item("things", name) for name in names])


@pytest.fixture
def order(buyer):
    fill(buyer, "a", "b")
    return place(buyer)


@pytest.fixture
def paid(order):
    transact(*service.pay(order, "pay_1"))
    return store.get(DEFAULT, order.id)


def orders_stored():
    return len(list(store.OrderRecord.scan(store.OrderRecord.code.exists())))


def test_an_order_freezes_the_cart_and_holds_its_stock(order, buyer):
    stored = store.get(DEFAULT, order.id)

    assert stored == order
    assert (stored.status, stored.total, stored.currency) == (Status.AWAITING_PAYMENT, 100_00, "THB")
    assert [(line.kind, line.refs, line.amount) for line in stored.lines] == [("things", ("a", "b"), 100_00)]
    assert selling.left(DEFAULT) == 98
    assert len(carts.current(buyer).items) == 2, "the cart stays until the money is there"


def test_the_same_key_gives_the_same_order(order, buyer):
    assert place(buyer).id == order.id
    assert selling.left(DEFAULT) == 98
    assert orders_stored() == 1


def test_the_same_key_with_another_request_is_refused(order, buyer):
    with pytest.raises(Unprocessable, match="idempotency_key_reused"):
        place(buyer, email="other@example.com")

    assert orders_stored() == 1


def test_another_key_is_another_order(order, buyer):
    assert place(buyer, key="checkout-2").id != order.id
    assert selling.left(DEFAULT) == 96


def test_a_submit_that_loses_the_race_gets_the_winners_order(buyer, monkeypatch):
    fill(buyer, "a")
    real, placed = placing.transact, []

    def race(*writes):
        monkeypatch.setattr(placing, "transact", real)
        placed.append(place(buyer))
        real(*writes)

    monkeypatch.setattr(placing, "transact", race)

    assert place(buyer).id == placed[0].id
    assert orders_stored() == 1


def test_a_code_that_is_taken_is_drawn_again(order, buyer, monkeypatch):
    codes = iter([order.code, order.code, "FRESHNEW"])
    monkeypatch.setattr(ids, "code", lambda: next(codes))

    assert place(buyer, key="checkout-2").code == "FRESHNEW"


def test_an_empty_cart_is_no_order(buyer):
    with pytest.raises(Unprocessable, match="cart_empty"):
        place(buyer)

    assert orders_stored() == 0


def test_a_cart_with_something_gone_is_refused_whole(buyer):
    fill(buyer, "a")
    cart = carts.current(buyer)
    transact(carts.store.save(cart.put((Item("things", "gone"),), clock.now())))

    with pytest.raises(Conflict, match="thing_gone"):
        place(buyer)

    assert (orders_stored(), selling.left(DEFAULT)) == (0, 100)


def test_a_price_that_is_not_the_expected_one_is_refused(buyer):
    fill(buyer, "a")

    with pytest.raises(Conflict, match="price_changed"):
        place(buyer, expected_total=49_00)

    assert orders_stored() == 0
    assert place(buyer, key="checkout-2", expected_total=50_00).total == 50_00


def test_stock_that_is_gone_leaves_no_order(buyer):
    selling.stock(DEFAULT, 1)
    fill(buyer, "a", "b")

    with pytest.raises(Conflict, match="sold_out"):
        place(buyer)

    assert (orders_stored(), selling.left(DEFAULT)) == (0, 1)


def test_an_order_opens_for_its_buyer_its_token_and_staff_only(order, buyer):
    token = service.token_of(order)
    staff = Principal(DEFAULT, user="usr_staff", permissions=frozenset({"order.read_all"}))
    guest = Principal(DEFAULT, tokens={"order": token})

    assert {service.open_order(who, order.id).id for who in (buyer, staff, guest)} == {order.id}


@pytest.mark.parametrize(
    "stranger",
    [
        Principal(DEFAULT),
        Principal(DEFAULT, user="usr_other"),
        Principal(DEFAULT, tokens={"order": "guess"}),
        Principal("org_other", user="usr_01J00000000000000000000001"),
        Principal("org_other", user="usr_staff", permissions=frozenset({"order.read_all"})),
    ],
)
def test_a_stranger_gets_the_answer_for_an_order_that_is_not_there(order, stranger):
    with pytest.raises(NotFound) as hidden:
        service.open_order(stranger, order.id)
    with pytest.raises(NotFound) as missing:
        service.open_order(stranger, ids.new("ord"))

    assert str(hidden.value) == str(missing.value)


def test_an_order_token_opens_no_other_order(order, buyer):
    other = place(buyer, key="checkout-2")
    guest = Principal(DEFAULT, tokens={"order": service.token_of(other)})

    with pytest.raises(NotFound):
        service.open_order(guest, order.id)


def test_what_is_no_order_id_is_missing(buyer):
    with pytest.raises(NotFound):
        service.open_order(buyer, "evt_01J00000000000000000000001")


def test_a_buyer_lists_own_orders_newest_first(order, buyer):
    later = place(buyer, key="checkout-2")

    page = service.list_orders(buyer, PageRequest(size=1))
    rest = service.list_orders(buyer, PageRequest(size=1, cursor=page.cursor))

    assert [page.items[0].id, rest.items[0].id] == [later.id, order.id]
    assert rest.cursor is None
    assert service.list_orders(replace(buyer, user="usr_other"), PageRequest()).items == []


def test_a_payment_makes_the_order_paid_and_each_line_due(order):
    transact(*service.pay(order, "pay_1"))

    assert store.get(DEFAULT, order.id).status is Status.PAID
    assert {type(fact) for fact in deliver.facts()} == {OrderPlaced, OrderPaid, LineDue}


def test_a_second_payment_does_not_pay_again(paid):
    with pytest.raises(Conflict, match="order_status"):
        service.pay(paid, "pay_2")


def test_handing_over_completes_the_order_and_tells_it_once(paid):
    first = service.hand_over(DEFAULT, paid.id, "line-1")
    second = service.hand_over(DEFAULT, paid.id, "line-1")

    assert (first, second) == (Outcome.SUCCESS, Outcome.SKIPPED)
    stored = store.get(DEFAULT, paid.id)
    assert stored.status is Status.COMPLETED
    assert [line.status for line in stored.lines] == [LineStatus.FULFILLED]
    assert selling.given(DEFAULT, paid.id) == 1
    assert len([fact for fact in deliver.facts() if isinstance(fact, OrderCompleted)]) == 1


def test_two_hand_overs_at_once_complete_once(paid, monkeypatch):
    real = handing_over.transact

    def race(*writes):
        monkeypatch.setattr(handing_over, "transact", real)
        assert service.hand_over(DEFAULT, paid.id, "line-1") is Outcome.SUCCESS
        real(*writes)

    monkeypatch.setattr(handing_over, "transact", race)

    assert service.hand_over(DEFAULT, paid.id, "line-1") is Outcome.SKIPPED
    assert len([fact for fact in deliver.facts() if isinstance(fact, OrderCompleted)]) == 1


def test_what_was_bought_leaves_the_cart(paid, buyer):
    fill(buyer, "c")

    assert service.clear_cart(DEFAULT, paid.id) is Outcome.SUCCESS
    assert [item.ref for item in carts.current(buyer).items] == ["c"]
    assert service.clear_cart(DEFAULT, paid.id) is Outcome.SKIPPED


def test_an_order_not_paid_in_time_expires_and_gives_its_stock_back(order):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        assert service.expire_due() == 1
        assert service.expire_due() == 0

    assert store.get(DEFAULT, order.id).status is Status.EXPIRED
    assert selling.left(DEFAULT) == 100
    assert [type(fact) for fact in deliver.facts()] == [OrderPlaced, OrderExpired]


def test_nothing_expires_before_its_time(order):
    assert service.expire_due() == 0


def test_a_paid_order_does_not_expire(paid):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        assert service.expire_due() == 0


@pytest.mark.parametrize("failure", [Conflict("changed_meanwhile", "busy"), ValueError("a bug of ours")])
def test_one_order_that_can_not_expire_now_does_not_stop_the_others(order, buyer, monkeypatch, failure):
    place(buyer, key="checkout-2")
    real, calls = ending.transact, []

    def first_fails(*writes):
        calls.append(1)
        if len(calls) == 1:
            raise failure
        real(*writes)

    monkeypatch.setattr(ending, "transact", first_fails)

    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        assert service.expire_due() == 1


def expire(order):
    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)):
        service.expire_due()
    return store.get(DEFAULT, order.id)


def test_late_money_holds_the_stock_again_and_goes_on(order):
    transact(*service.pay(expire(order), "pay_1"))
    assert store.get(DEFAULT, order.id).status is Status.PAID_LATE
    assert OrderPaidLate in {type(fact) for fact in deliver.facts()}

    assert service.settle_late(DEFAULT, order.id) is Outcome.SUCCESS
    assert service.settle_late(DEFAULT, order.id) is Outcome.SKIPPED

    assert store.get(DEFAULT, order.id).status is Status.PAID
    assert selling.left(DEFAULT) == 98


def test_late_money_for_stock_that_is_gone_waits_for_staff(order):
    transact(*service.pay(expire(order), "pay_1"))
    selling.stock(DEFAULT, 1)

    with pytest.raises(Conflict, match="sold_out"):
        service.settle_late(DEFAULT, order.id)

    assert store.get(DEFAULT, order.id).status is Status.PAID_LATE
    assert selling.left(DEFAULT) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.PAID, "order_already_paid"),
        (Status.PAID_LATE, "order_already_paid"),
        (Status.COMPLETED, "order_already_paid"),
        (Status.EXPIRED, "order_expired"),
    ],
)
def test_only_a_waiting_order_can_be_paid(order, status, code):
    with pytest.raises(Conflict, match=code):
        replace(order, status=status).refuse_payment(clock.now())


def test_an_order_past_its_time_can_not_be_paid_even_before_the_sweep(order):
    with pytest.raises(Conflict, match="order_expired"):
        order.refuse_payment(order.expires_at)


# --- what is counted and under which correlation ------------------------------------------------------------


def test_an_order_is_counted_once_however_often_it_is_submitted(buyer):
    fill(buyer, "a")

    with logged.lines() as told:
        order = place(buyer)
        place(buyer)

    assert logged.measured(told()) == {"OrdersPlaced": 1}
    assert [(line["order"], line["order_code"]) for line in told()] == [(order.id, order.code)]


def test_a_submit_that_loses_the_race_is_not_counted(buyer, monkeypatch):
    fill(buyer, "a")
    real = placing.transact

    def race(*writes):
        monkeypatch.setattr(placing, "transact", real)
        place(buyer)
        real(*writes)

    monkeypatch.setattr(placing, "transact", race)
    with logged.lines() as told:
        place(buyer)

    assert logged.measured(told()) == {"OrdersPlaced": 1}


def test_a_refused_order_is_not_counted(buyer):
    fill(buyer, "a")

    with logged.lines() as told, pytest.raises(Conflict, match="price_changed"):
        place(buyer, expected_total=1)

    assert logged.measured(told()) == {}


def test_an_order_expires_under_the_correlation_of_the_request_that_placed_it(buyer):
    fill(buyer, "a")
    with log.correlated("req-order"):
        place(buyer)

    with clock.travel(PAYABLE_FOR + timedelta(seconds=1)), log.correlated("the sweep"):
        assert service.expire_due() == 1

    assert [(record.fact, record.correlation) for record in OutboxRecord.scan()] == [
        ("OrderPlaced", "req-order"),
        ("OrderExpired", "req-order"),
    ]


# --- cancelling ---------------------------------------------------------------------------------------------


STAFF = Principal(DEFAULT, user="usr_staff", permissions=frozenset({"order.read_all", "order.manage"}))


def test_a_buyer_cancels_what_nobody_has_paid(buyer, order):
    assert selling.left(DEFAULT) == 98

    cancelled = service.cancel(buyer, order.id, "changed my mind")
    again = service.cancel(buyer, order.id, None)

    assert (cancelled.status, again.version) == (Status.CANCELLED, cancelled.version)
    assert (cancelled.history[-1].why, cancelled.history[-1].by) == ("by the buyer: changed my mind", buyer.user)
    assert selling.left(DEFAULT) == 100
    with pytest.raises(Conflict, match="order_cancelled"):
        cancelled.refuse_payment(clock.now())


def test_a_guest_cancels_with_the_token(order):
    guest = Principal(DEFAULT, tokens={"order": service.token_of(order)})

    assert service.cancel(guest, order.id, None).history[-1].by is None


def test_staff_cancel_and_strangers_do_not(order):
    with pytest.raises(NotFound):
        service.cancel(Principal(DEFAULT, user="usr_stranger"), order.id, None)
    with pytest.raises(Forbidden):
        service.cancel(Principal(DEFAULT, user="usr_a", permissions=frozenset({"order.read_all"})), order.id, None)

    assert service.cancel(STAFF, order.id, "a test").history[-1].why == "by staff: a test"


def test_of_a_payment_and_a_cancellation_at_once_the_first_counts(buyer, order, monkeypatch):
    real = store.save

    def paid_meanwhile(changed, *, was):
        if changed.status is Status.CANCELLED:
            monkeypatch.setattr(store, "save", real)
            transact(*service.pay(service.get(DEFAULT, order.id), "pay_1"))
        return real(changed, was=was)

    monkeypatch.setattr(store, "save", paid_meanwhile)

    with pytest.raises(Conflict, match="order_status"):
        service.cancel(buyer, order.id, None)

    assert (service.get(DEFAULT, order.id).status, selling.left(DEFAULT)) == (Status.PAID, 98)


def test_money_for_a_cancelled_order_is_late(buyer, order):
    service.cancel(buyer, order.id, None)

    transact(*service.pay(service.get(DEFAULT, order.id), "pay_1"))

    assert service.get(DEFAULT, order.id).status is Status.PAID_LATE


def test_open_and_past_orders_are_told_apart(buyer, order):
    first = service.list_open(buyer, PageRequest(), is_open=True)
    service.cancel(buyer, order.id, None)

    assert [found.id for found in first.items] == [order.id]
    assert service.list_open(buyer, PageRequest(), is_open=True).items == []
    assert [found.id for found in service.list_open(buyer, PageRequest(), is_open=False).items] == [order.id]


# --- for staff ----------------------------------------------------------------------------------------------


def found(**search):
    return [order.id for order in administration.find(STAFF, Search(**search), PageRequest()).items]


def test_staff_find_an_order_by_whatever_is_known_of_it(order, buyer):
    soon, before = clock.now() + timedelta(minutes=1), order.created_at - timedelta(seconds=1)
    right = (
        {},
        {"status": Status.AWAITING_PAYMENT},
        {"customer": buyer.user},
        {"event": "shelf"},
        {"code": order.code},
        {"email": order.email},
        {"email": order.email, "event": "shelf", "status": Status.AWAITING_PAYMENT},
        {"since": before, "until": soon},
        {"customer": buyer.user, "since": before},
    )
    wrong = (
        {"status": Status.PAID},
        {"customer": "usr_other"},
        {"event": "other"},
        {"code": "AAAAAAAA"},
        {"email": "other@example.com"},
        {"since": soon},
        {"customer": buyer.user, "until": before},
        {"email": order.email, "status": Status.PAID},
    )

    assert [found(**search) for search in right] == [[order.id]] * len(right)
    assert [found(**search) for search in wrong] == [[]] * len(wrong)


def test_an_order_moves_to_the_list_of_its_state(order, buyer):
    service.cancel(buyer, order.id, None)

    assert found(status=Status.AWAITING_PAYMENT) == []
    assert found(status=Status.CANCELLED) == [order.id]


def test_an_order_of_an_earlier_release_is_listed_by_the_migration(order):
    record = store.OrderRecord.fetch(store._pk(DEFAULT, order.id), "-")
    item = {name: value for name, value in record.serialize().items() if not name.startswith("list_")}
    client("dynamodb").put_item(TableName=store.OrderRecord.Meta.table_name, Item=item)
    for row in store.ListRecord.query(store._pk(DEFAULT, order.id), store.ListRecord.sk.startswith("LIST#")):
        row.delete()
    assert found() == []

    migrations.run("list-orders", pace=Pace(1e9), segments=1)

    assert found() == found(status=order.status) == found(email=order.email) == found(event="shelf") == [order.id]


def test_notes_are_kept_once_and_end_somewhere(order):
    first = administration.write_note(STAFF, order.id, "called, wants an invoice")
    assert administration.write_note(STAFF, order.id, "called, wants an invoice") == first
    for number in range(49):
        administration.write_note(STAFF, order.id, f"note {number}")

    with pytest.raises(Conflict, match="too_many_notes"):
        administration.write_note(STAFF, order.id, "one more")
    assert len(administration.notes(order)) == 50


def test_a_person_makes_no_order_paid(order):
    with pytest.raises(Conflict, match="order_status"):
        administration.change(STAFF, order.id, status=Status.PAID, reason=None, note="x")
    assert administration.notes(order) == []

    changed = administration.change(STAFF, order.id, status=Status.CANCELLED, reason="double", note="on the phone")

    assert (changed.status, [note.text for note in administration.notes(order)]) == (
        Status.CANCELLED, ["on the phone"],
    )  # fmt: skip


def test_only_what_was_handed_over_is_mailed_again(order):
    with pytest.raises(Conflict, match="nothing_to_send"):
        administration.resend(STAFF, order.id)


def test_a_forgotten_buyer_is_not_found_by_the_address(order, buyer):
    administration.write_note(STAFF, order.id, "is called Anna")
    service.cancel(buyer, order.id, "my name is Anna")

    service.erase_person(DEFAULT, buyer.user)

    kept = service.get(DEFAULT, order.id)
    assert found(email=order.email) == administration.notes(order) == []
    assert (kept.history[-1].by, kept.history[-1].why) == (None, "erased")
    assert found() == [order.id]
