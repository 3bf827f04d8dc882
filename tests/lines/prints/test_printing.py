"""What becomes of a parcel once it is paid for: printed once, shipped, rejected, given back, forgotten."""

from dataclasses import asdict, replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from chalicelib.carts import service as carts
from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound, Unauthorized, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.lines.photos import service as photos
from chalicelib.lines.prints import labs, service, store
from chalicelib.lines.prints.model import KEPT_FOR, State
from chalicelib.orders import service as orders
from chalicelib.orders.model import LineStatus
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments.refunds import service as refunds
from tests import deliver
from tests.events.people import ADMIN, OTHER
from tests.lines.prints.conftest import BUYER, GUEST, HOME
from tests.orders.test_jobs import sent

HOUR = timedelta(hours=1, seconds=1)
ALL = PageRequest(size=100)


def callback(shop, parcel):
    """The path that the laboratory was given for a parcel."""
    return urlsplit(shop.lab.jobs[parcel.id].callback).path.strip("/").split("/")


def refund(order, parcel):
    refunds.begin(ADMIN, order.id, f"refund-{parcel.id}", lines=None, reason="not wanted", way=None, pay_to=None)
    deliver.all()


def paid(shop, key="checkout-1"):
    """A parcel whose order is paid, before anything follows."""
    parcel = shop.pack()
    order = shop.pay(shop.order(parcel, key=key))
    service.take(order.sold(order.lines[0]))
    carts.clear(BUYER)
    deliver.forget()
    return order, shop.parcel(parcel)


# --- printed once -------------------------------------------------------------------------------------------


def test_the_laboratory_gets_the_files_and_the_address_and_nothing_else(shop):
    parcel = shop.pack((0, "10x15", 2), (0, "30x40", 1))
    shop.buy(parcel)

    job = shop.lab.jobs[parcel.id]

    assert [(copies.sku, copies.count) for copies in job.copies] == [("GLOBAL-PHO-4X6", 2), ("GLOBAL-PHO-12X16", 1)]
    assert job.address == HOME
    assert all(shop.photos[0].delivery_key in copies.url and "Expires=21600" in copies.url for copies in job.copies)
    assert "anna@buyer.example" not in str(asdict(job))
    assert callback(shop, parcel)[:2] == ["parcels", parcel.id]


def test_a_hand_over_that_is_repeated_changes_nothing(shop):
    parcel = shop.pack()
    order = shop.buy(parcel)
    was = shop.parcel(parcel)

    service.take(order.sold(order.lines[0]))

    assert shop.parcel(parcel) == was
    assert deliver.facts() == []


def test_an_answer_that_was_lost_is_asked_for_again(shop):
    _, parcel = paid(shop)
    shop.lab.fail = {"order"}
    with pytest.raises(Unavailable):
        service.settle(DEFAULT, parcel.id)
    assert shop.parcel(parcel).state is State.ASKED

    assert service.settle(DEFAULT, parcel.id) is Outcome.SUCCESS

    assert len(shop.lab.orders) == 1
    assert shop.parcel(parcel).lab_order == shop.lab.orders[parcel.id].id


def test_somebody_who_was_faster_is_seen(shop, monkeypatch):
    _, parcel = paid(shop)
    order = shop.lab.order

    def slow(*asked):
        monkeypatch.setattr(shop.lab, "order", order)
        service.settle(DEFAULT, parcel.id)
        return order(*asked)

    monkeypatch.setattr(shop.lab, "order", slow)

    assert service.settle(DEFAULT, parcel.id) is Outcome.SUCCESS
    assert len(shop.lab.orders) == 1


def test_without_a_laboratory_a_parcel_waits_for_one(shop, monkeypatch):
    _, parcel = paid(shop)
    with monkeypatch.context() as patch:
        patch.setattr(labs, "account_of", lambda organization: None)
        with pytest.raises(Unavailable, match="print_lab_missing"):
            service.settle(DEFAULT, parcel.id)

    with clock.travel(HOUR):
        assert service.settle_due() == 1
    assert shop.parcel(parcel).state is State.PRINTING


# --- how it goes on -----------------------------------------------------------------------------------------


def test_a_webhook_lets_the_laboratory_be_asked_and_the_buyer_hears_of_it_once(shop):
    parcel = shop.pack()
    shop.buy(parcel)
    shop.lab.ship(parcel.id)
    _, id, token = callback(shop, parcel)
    for _ in range(2):
        service.accept_callback(DEFAULT, id, token)
    deliver.all()

    held = shop.parcel(parcel)
    assert (held.state, held.shipments[0].number) == (State.SHIPPED, "SB1")
    (mail,) = [mail for mail in sent() if "on their way" in mail.subject]
    assert mail.destinations["ToAddresses"] == ["anna@buyer.example"]
    assert held.code in mail.subject
    assert service.mail_shipment(DEFAULT, parcel.id) is Outcome.SKIPPED


def test_a_webhook_at_another_address_is_refused(shop):
    parcel, other = shop.pack(), shop.pack()
    shop.buy(parcel)
    _, id, token = callback(shop, parcel)

    for organization, asked, signature in (
        (DEFAULT, other.id, token),
        (DEFAULT, id, token[:-1]),
        (DEFAULT, ids.new("prc"), token),
        (OTHER, id, token),
    ):
        with pytest.raises(Unauthorized, match="invalid_signature"):
            service.accept_callback(organization, asked, signature)
    assert deliver.waiting() == []


def test_the_sweep_finds_what_no_webhook_told(shop):
    parcel = shop.pack()
    shop.buy(parcel)
    shop.lab.ship(parcel.id)
    assert service.settle_due() == 0

    with clock.travel(HOUR):
        assert service.settle_due() == 1
        assert service.settle_due() == 0

    assert shop.parcel(parcel).state is State.SHIPPED


def test_one_failure_stops_no_other(shop, monkeypatch):
    parcels = [shop.pack() for _ in range(3)]
    shop.buy(*parcels)
    for parcel in parcels:
        shop.lab.ship(parcel.id)
    check, first = shop.lab.check, []

    def broken(account, reference):
        first.append(reference)
        if len(first) == 1:
            raise Unavailable("print_lab_unavailable", "It does not answer.")
        if len(first) == 2:
            raise ValueError(reference)
        return check(account, reference)

    monkeypatch.setattr(shop.lab, "check", broken)
    with clock.travel(HOUR):
        assert service.settle_due() == 1
        assert service.settle_due() == 0  # the others have their turn later
        with clock.travel(HOUR):
            assert service.settle_due() == 2
    assert {shop.parcel(parcel).state for parcel in parcels} == {State.SHIPPED}


def test_what_the_laboratory_refuses_is_shown_to_staff(shop):
    shop.lab.refuses = True
    parcel = shop.pack()
    shop.buy(parcel)

    (shown,) = service.in_state(DEFAULT, State.REJECTED, ALL).items
    assert (shown.id, shown.reason) == (parcel.id, "refused")
    assert service.in_state(DEFAULT, State.PRINTING, ALL).items == []
    assert service.in_state(OTHER, State.REJECTED, ALL).items == []


def test_what_is_stuck_goes_on_once_somebody_helped(shop):
    parcel = shop.pack()
    shop.buy(parcel)
    shop.lab.get_stuck(parcel.id, "order.items.ItemUnavailable")
    service.settle(DEFAULT, parcel.id)
    assert shop.parcel(parcel).state is State.REJECTED

    shop.lab.ship(parcel.id)
    with clock.travel(timedelta(hours=7)):
        service.settle_due()

    assert (shop.parcel(parcel).state, shop.parcel(parcel).reason) == (State.SHIPPED, None)


def test_what_can_not_be_printed_any_more_is_not_asked_for(shop, monkeypatch):
    _, parcel = paid(shop)
    _, other = paid(shop, key="checkout-2")
    transact(store.save(replace(parcel, recipient=None), was=parcel))
    service.settle(DEFAULT, parcel.id)
    monkeypatch.setattr(photos, "find", lambda organization, ids: {})
    service.settle(DEFAULT, other.id)

    assert [shop.parcel(each).reason for each in (parcel, other)] == ["address_gone", "photo_gone"]
    assert shop.lab.asked == []


# --- given back ---------------------------------------------------------------------------------------------


def test_money_back_before_the_laboratory_was_asked_prints_nothing(shop):
    order, parcel = paid(shop)
    service.withdraw(order.sold(order.lines[0]))

    assert shop.parcel(parcel).state is State.CANCELLED
    assert service.settle(DEFAULT, parcel.id) is Outcome.SKIPPED
    assert shop.lab.asked == []


def test_money_back_before_the_parcel_was_handed_over_frees_it(shop):
    parcel = shop.pack()
    order = shop.pay(shop.order(parcel))
    deliver.forget()
    refunds.begin(ADMIN, order.id, "refund-1", lines=None, reason="not wanted", way=None, pay_to=None)
    deliver.all()

    assert orders.get(DEFAULT, order.id).lines[0].status is LineStatus.REVOKED
    assert shop.parcel(parcel).state is State.DRAFT
    assert shop.lab.asked == []


def test_money_back_in_time_cancels_the_order_at_the_laboratory(shop):
    parcel = shop.pack()
    order = shop.buy(parcel)
    refund(order, parcel)

    assert shop.parcel(parcel).state is State.CANCELLED
    assert shop.lab.orders[parcel.id].state == "cancelled"


def test_money_back_too_late_cancels_nothing(shop):
    parcel = shop.pack()
    order = shop.buy(parcel)
    shop.lab.produce(parcel.id)
    refund(order, parcel)
    assert (shop.parcel(parcel).state, shop.parcel(parcel).withdrawn) == (State.PRINTING, True)

    shop.lab.ship(parcel.id)
    service.withdraw(order.sold(order.lines[0]))
    with clock.travel(HOUR):
        service.settle_due()

    assert shop.parcel(parcel).state is State.SHIPPED


def test_money_back_of_what_was_rejected_takes_it_off_the_list(shop):
    shop.lab.refuses = True
    parcel = shop.pack()
    order = shop.buy(parcel)
    refund(order, parcel)

    assert shop.parcel(parcel).state is State.CANCELLED
    assert service.in_state(DEFAULT, State.REJECTED, ALL).items == []


def test_money_back_while_the_laboratory_is_being_asked_waits_for_what_it_knows(shop):
    order, parcel = paid(shop)
    asked = replace(parcel.moved(State.ASKED, clock.now()), version=parcel.version)
    transact(store.save(asked, was=parcel))
    service.withdraw(order.sold(order.lines[0]))
    with pytest.raises(Unavailable, match="parcel_asked"):
        service.settle(DEFAULT, parcel.id)

    with clock.travel(timedelta(minutes=3)):
        service.settle(DEFAULT, parcel.id)

    assert shop.parcel(parcel).state is State.CANCELLED
    assert shop.lab.orders == {}


def test_what_the_laboratory_cancels_by_itself_is_for_staff(shop):
    parcel = shop.pack()
    shop.buy(parcel)
    shop.lab.orders[parcel.id] = replace(shop.lab.orders[parcel.id], state="cancelled")
    service.settle(DEFAULT, parcel.id)
    assert (shop.parcel(parcel).state, shop.parcel(parcel).reason) == (State.REJECTED, "cancelled")

    del shop.lab.orders[parcel.id]
    service.settle(DEFAULT, parcel.id)
    assert (shop.parcel(parcel).state, shop.parcel(parcel).reason) == (State.REJECTED, "cancelled")


# --- whose it is --------------------------------------------------------------------------------------------


def test_nobody_reads_the_address_in_the_table(shop):
    parcel = shop.pack()
    shop.buy(parcel)

    stored = str(store.ParcelRecord.get(f"T#{DEFAULT}#PARCEL#{parcel.id}", "-").to_dynamodb_dict())

    assert not any(text in stored for text in ("Canary Street", "Anna", "+6681", "anna@buyer.example"))


def test_everything_about_somebody_is_told_and_then_forgotten(shop):
    bought, unbought = shop.pack(), shop.pack()
    shop.buy(bought)
    told = {row["id"]: row for row in service.personal_data(DEFAULT, BUYER.known_user)}
    assert told.keys() == {bought.id, unbought.id}
    assert told[bought.id]["address"]["line1"] == "Canary Street 417"

    for _ in range(2):
        service.erase_person(DEFAULT, BUYER.known_user)

    assert service.personal_data(DEFAULT, BUYER.known_user) == []
    assert (shop.parcel(bought).recipient, shop.parcel(bought).owner) == (None, None)
    with pytest.raises(NotFound):
        shop.parcel(unbought)
    shop.lab.ship(bought.id)
    service.settle(DEFAULT, bought.id)
    deliver.all()
    assert not [mail for mail in sent() if "on their way" in mail.subject]


def test_a_guests_address_is_forgotten_some_time_after_the_end(shop):
    parcel = shop.pack(by=GUEST)
    shop.buy(parcel)
    shop.lab.ship(parcel.id)
    service.settle(DEFAULT, parcel.id)
    with clock.travel(KEPT_FOR - timedelta(days=1)):
        assert service.settle_due() == 0
    assert shop.parcel(parcel).recipient is not None

    with clock.travel(KEPT_FOR + timedelta(days=1)):
        assert service.settle_due() == 1
        assert service.settle_due() == 0
    assert shop.parcel(parcel).recipient is None
