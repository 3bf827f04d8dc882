"""Tickets as a line of sale: priced, held, handed out once, void when the money went back."""

import base64
import datetime
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.core import clock, ids, signing
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.events import service as events
from chalicelib.events.model import EventStatus
from chalicelib.lines.contract import Item
from chalicelib.lines.tickets import service
from chalicelib.lines.tickets.line import LINE
from chalicelib.lines.tickets.model import State, Terms, parsed, ref_of
from chalicelib.orders import service as orders
from chalicelib.orders.model import Status
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from chalicelib.payments import service as payments
from chalicelib.payments.refunds import service as refunds
from tests import deliver, selling
from tests.events.people import ADMIN, OTHER, VISITOR, caller, opened, planned
from tests.stack import ACCOUNT, REGION

BUYER = Principal(DEFAULT, user="usr_01J00000000000000000000001")
ALL = PageRequest(size=100)
ADULT = Terms("Adult", 500_00, 100, most=4)
NEXT_WEEK = timedelta(days=7)


@pytest.fixture
def gateway(aws, monkeypatch):
    gateway = selling.FakeGateway()
    monkeypatch.setattr(gateways, "of_name", lambda name: gateway)
    return gateway


def coming(**changes):
    return planned(date=(clock.now() + NEXT_WEEK).date(), **changes)


def offer(event, terms=ADULT, key="ticket-type-1", **changes):
    return service.add_type(ADMIN, event.id, replace(terms, **changes), key).type


def items(type, count):
    return [Item("tickets", ref_of(type.id, number)) for number in range(1, count + 1)]


def ordered(type, count, by=BUYER, key="checkout-1"):
    carts.clear(by)
    carts.add(by, items(type, count))
    return orders.place_order(by, key, email="buyer@example.com", language="en", expected_total=None)


def paid(gateway, order, by=BUYER):
    payment = payments.create_payment(by, order.id)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)
    return orders.get(DEFAULT, order.id)


def left(type):
    (offered,) = [each for each in service.list_types(ADMIN, type.event) if each.type.id == type.id]
    return offered.left


def problems(type, count=1):
    return {problem.code for problem in LINE.quote(DEFAULT, items(type, count), clock.now()).problems}


# --- offering -----------------------------------------------------------------------------------------------


def test_tickets_are_found_as_a_line_of_sale():
    assert lines.of_kind("tickets") is LINE
    with pytest.raises(NotFound, match="package_not_found"):
        LINE.select(DEFAULT, "evt_1", "one", ["tty_1-1"])


def test_a_type_is_added_once_for_each_key(aws):
    event = coming()

    first, again = offer(event), offer(event)

    assert (again.id, left(first)) == (first.id, 100)
    with pytest.raises(Conflict, match="idempotency_key_reused"):
        offer(event, price=600_00)
    assert [each.type.id for each in service.list_types(ADMIN, event.id)] == [first.id]


def test_an_event_has_only_so_many_types(aws, monkeypatch):
    monkeypatch.setattr("chalicelib.lines.tickets.service.types.MOST_TYPES", 2)
    event = coming()
    for number in range(2):
        offer(event, key=f"ticket-type-{number}")

    with pytest.raises(Conflict, match="too_many_ticket_types"):
        offer(event, key="ticket-type-2")


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(Invalid, match="sale_window"):
        replace(ADULT, opens_at=clock.now(), closes_at=clock.now())


def test_a_type_gets_dearer_and_fewer_but_never_fewer_than_are_held(gateway):
    type = offer(coming())
    ordered(type, 4)

    with pytest.raises(Conflict, match="sold_out"):
        service.change_type(ADMIN, type.event, type.id, replace(ADULT, capacity=3), type.version)
    changed = service.change_type(ADMIN, type.event, type.id, replace(ADULT, capacity=5, price=600_00), type.version)
    with pytest.raises(Conflict, match="version_conflict"):
        service.change_type(ADMIN, type.event, type.id, ADULT, type.version)

    assert (changed.left, changed.type.price) == (1, 600_00)
    assert LINE.quote(DEFAULT, items(type, 1), clock.now()).total == 600_00


def test_a_type_that_was_withdrawn_is_sold_no_more_and_handed_out_to_who_ordered(gateway):
    type = offer(coming())
    order = ordered(type, 1)

    for _ in range(2):
        service.withdraw_type(ADMIN, type.event, type.id)
    paid(gateway, order)
    orders.hand_over(DEFAULT, order.id, "line-1")

    assert problems(type) == {"tickets_not_on_sale"}
    assert [each.on_sale for each in service.list_types(ADMIN, type.event)] == [False]
    assert service.list_types(VISITOR, type.event) == []
    assert len(service.list_mine(BUYER, ALL).items) == 1


def test_types_are_reached_by_their_event_alone(aws):
    type, other = offer(coming()), coming(slug="another-run")

    with pytest.raises(NotFound, match="ticket_type_not_found"):
        service.withdraw_type(ADMIN, other.id, type.id)
    with pytest.raises(NotFound, match="event_not_found"):
        service.list_types(caller("admin", organization=OTHER), type.event)


# --- pricing ------------------------------------------------------------------------------------------------


def test_a_line_for_each_type_and_its_count(aws):
    event = coming()
    adult, child = offer(event), offer(event, Terms("Child", 200_00, 10), key="ticket-type-2")

    quote = LINE.quote(DEFAULT, [*items(adult, 2), *items(child, 1)], clock.now())

    assert [(line.title, len(line.refs), line.amount, line.tax_class) for line in quote.lines] == [
        ("Bangkok Night Run: Adult", 2, 1_000_00, "tickets"),
        ("Bangkok Night Run: Child", 1, 200_00, "tickets"),
    ]
    assert (quote.problems, quote.total) == ((), 1_200_00)


@pytest.mark.parametrize(
    ("changes", "after", "code"),
    [
        ({"opens_at": timedelta(hours=1)}, timedelta(0), "tickets_not_on_sale"),
        ({"opens_at": timedelta(hours=1)}, timedelta(hours=1), None),
        ({"closes_at": timedelta(hours=1)}, timedelta(hours=1), "tickets_not_on_sale"),
        ({}, timedelta(days=9), "tickets_not_on_sale"),
        ({}, timedelta(days=6), None),
    ],
)
def test_tickets_are_on_sale_in_their_window_and_until_the_events_day_is_over(aws, changes, after, code):
    type = offer(coming(), **{name: clock.now() + offset for name, offset in changes.items()})

    with clock.travel(after):
        assert problems(type) == ({code} if code else set())


def test_a_closed_event_sells_none(aws):
    event = opened(status=EventStatus.CLOSED, date=(clock.now() + NEXT_WEEK).date())

    assert problems(offer(event)) == {"tickets_not_on_sale"}


@pytest.mark.parametrize("ref", ["tty_1-1", "nonsense", f"{ids.derived('tty', 'one')}-0", ids.derived("tty", "one")])
def test_what_is_no_ticket_is_not_found(aws, ref):
    quote = LINE.quote(DEFAULT, [Item("tickets", ref)], clock.now())

    assert [(each.ref, each.code) for each in quote.problems] == [(ref, "ticket_type_not_found")]


def test_more_than_an_order_takes_or_than_there_are_is_a_problem_of_each(aws):
    few = offer(coming(), capacity=2)

    assert problems(few, 5) == {"too_many_tickets"}
    assert problems(few, 3) == {"sold_out"}
    assert problems(few, 2) == set()


def in_cart(type):
    named = [parsed(item.ref) for item in carts.open_cart(BUYER).cart.items]
    return [number for of, number in named if of == type.id]


@pytest.mark.parametrize(
    ("numbers", "quantity", "kept"),
    [([1], 3, [1, 2, 3]), ([1, 2, 3], 2, [1, 2]), ([2, 5], 4, [2, 5, 1, 3]), ([1, 2], 2, [1, 2]), ([1, 2], 0, [])],
)
def test_a_cart_has_as_many_tickets_of_a_type_as_its_owner_says(aws, numbers, quantity, kept):
    event = coming()
    adult, child = offer(event), offer(event, key="ticket-type-2", name="Child")
    carts.add(BUYER, [Item("tickets", ref_of(adult.id, number)) for number in numbers] + items(child, 2))

    for _ in range(2 if quantity else 1):
        carts.change_quantity(BUYER, ref_of(adult.id, numbers[0]), quantity)

    assert in_cart(adult) == kept
    assert in_cart(child) == [1, 2], "what is of another type stays"


def test_more_tickets_than_there_may_be_change_no_cart(aws):
    type = offer(coming(), capacity=3)
    carts.add(BUYER, items(type, 2))

    for quantity, code in ((4, "sold_out"), (11, "too_many_tickets"), (300, "too_many_tickets")):
        with pytest.raises(Conflict, match=code):
            carts.change_quantity(BUYER, ref_of(type.id, 1), quantity)

    assert in_cart(type) == [1, 2]


def test_fewer_tickets_may_be_kept_of_what_is_not_sold_any_more(aws):
    type = offer(coming(), closes_at=clock.now() + timedelta(hours=1))
    carts.add(BUYER, items(type, 3))

    with clock.travel(timedelta(hours=2)):
        carts.change_quantity(BUYER, ref_of(type.id, 1), 1)

        assert in_cart(type) == [1]
        with pytest.raises(Conflict, match="tickets_not_on_sale"):
            carts.change_quantity(BUYER, ref_of(type.id, 1), 2)


@pytest.mark.parametrize("number", [1, 9, 50, 99])
def test_a_ticket_in_a_cart_names_its_type_and_its_number(number):
    type = ids.derived("tty", "one")

    assert parsed(ref_of(type, number)) == (type, number)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", ref_of(type, number))  # what a cart takes


# --- selling ------------------------------------------------------------------------------------------------


def test_what_was_paid_for_is_handed_out_once(gateway):
    type = offer(coming())
    order = paid(gateway, ordered(type, 3))

    outcomes = [orders.hand_over(DEFAULT, order.id, "line-1") for _ in range(2)]
    LINE.fulfil(order.sold(order.lines[0]))

    shown = service.list_mine(BUYER, ALL).items
    assert outcomes == [Outcome.SUCCESS, Outcome.SKIPPED]
    assert orders.get(DEFAULT, order.id).status is Status.COMPLETED
    assert {each.ticket.ref for each in shown} == {ref_of(type.id, number) for number in (1, 2, 3)}
    assert len({each.code for each in shown}) == 3
    assert left(type) == 97
    with pytest.raises(Conflict, match="event_sold"):
        events.delete_event(ADMIN, type.event)


def test_an_order_that_nobody_pays_gives_its_tickets_back(gateway):
    type = offer(coming(), capacity=3)
    ordered(type, 3)
    assert problems(type) == {"sold_out"}

    with clock.travel(timedelta(hours=25)):
        assert orders.expire_due() == 1

    assert left(type) == 3


def test_who_pays_too_late_gets_what_is_left_and_waits_where_nothing_is(gateway):
    type = offer(coming(), capacity=2)
    order = ordered(type, 2)
    payment = payments.create_payment(BUYER, order.id)
    orders.cancel(BUYER, order.id, None)
    neighbour = replace(BUYER, user="usr_01J00000000000000000000002")
    taken = ordered(type, 1, by=neighbour)
    gateway.set(payment.transaction, "captured")
    payments.settle(DEFAULT, payment.id)

    with pytest.raises(Conflict, match="sold_out"):
        orders.settle_late(DEFAULT, order.id)
    orders.cancel(neighbour, taken.id, None)
    orders.settle_late(DEFAULT, order.id)

    assert orders.get(DEFAULT, order.id).status is Status.PAID
    assert left(type) == 0


def test_tickets_whose_money_went_back_are_void_and_sold_again(gateway):
    type = offer(coming(), capacity=2)
    order = paid(gateway, ordered(type, 2))
    orders.hand_over(DEFAULT, order.id, "line-1")
    sold = order.sold(order.lines[0])

    for _ in range(2):
        LINE.revoke(sold)
    LINE.fulfil(sold)  # a message that comes again

    assert {each.ticket.state for each in service.list_mine(BUYER, ALL).items} == {State.VOID}
    assert left(type) == 2


def test_money_that_goes_back_before_the_tickets_are_handed_out_leaves_none(gateway):
    type = offer(coming())
    order = paid(gateway, ordered(type, 2))

    refunds.begin(ADMIN, order.id, "refund-1", lines=None, reason="rain", way=None, pay_to=None)
    deliver.all()

    assert left(type) == 100
    assert {each.ticket.state for each in service.list_mine(BUYER, ALL).items} <= {State.VOID}


# --- showing ------------------------------------------------------------------------------------------------


def handed_out(gateway, by=BUYER, count=2):
    order = paid(gateway, ordered(offer(coming()), count, by=by), by)
    orders.hand_over(DEFAULT, order.id, "line-1")
    return order


def test_a_code_is_the_organizations_signature_of_ticket_and_event(gateway):
    order = handed_out(gateway)

    (shown, _) = service.of_order(BUYER, order.id)
    named, event, kid, signature = shown.code.split(".")

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    (key,) = [each for each in signing.published(DEFAULT) if each.kid == kid]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key.x + "="))
    public.verify(base64.urlsafe_b64decode(signature + "=="), f"{named}.{event}".encode())
    assert (named, event) == (shown.ticket.id, shown.ticket.event)


def test_tickets_of_an_order_are_shown_to_its_buyer_its_token_and_staff(gateway):
    order = handed_out(gateway)
    guest = Principal(DEFAULT, tokens={"order": orders.token_of(order)})

    assert [len(service.of_order(each, order.id)) for each in (BUYER, guest, caller("support"))] == [2, 2, 2]
    for stranger in (VISITOR, replace(BUYER, user=ids.new("usr")), caller("admin", organization=OTHER)):
        with pytest.raises(NotFound, match="tickets_not_found"):
            service.of_order(stranger, order.id)
    with pytest.raises(NotFound, match="tickets_not_found"):
        service.of_order(BUYER, "nonsense")


def test_staff_see_what_was_issued_to_an_event(gateway):
    order = handed_out(gateway)
    (one, _) = service.of_order(BUYER, order.id)

    found = service.list_to_event(ADMIN, one.ticket.event, ALL).items

    assert {each.id for each in found} == {shown.ticket.id for shown in service.of_order(BUYER, order.id)}


def test_a_mail_leads_to_the_tickets_once_an_order(gateway):
    order = handed_out(gateway)

    deliver.all()
    deliver.all()

    (mail,) = [each for each in ses_backends[ACCOUNT][REGION].sent_messages if "Your tickets" in each.subject]
    assert mail.destinations["ToAddresses"] == ["buyer@example.com"]
    assert service.link(DEFAULT, order.id) in mail.body


def test_who_is_forgotten_leaves_tickets_that_admit_whoever_holds_them(gateway):
    order = handed_out(gateway)
    told = service.personal_data(DEFAULT, BUYER.known_user)

    for _ in range(2):
        service.erase_person(DEFAULT, BUYER.known_user)

    assert [each["order"] for each in told] == [order.id] * 2
    assert service.list_mine(BUYER, ALL).items == []
    holder = Principal(DEFAULT, tokens={"order": orders.token_of(order)})
    assert {each.ticket.state for each in service.of_order(holder, order.id)} == {State.VALID}


def test_the_day_after_an_event_is_the_one_where_it_takes_place(aws):
    event = coming(timezone="Pacific/Auckland")
    type = offer(event)
    midnight = datetime.datetime.combine(event.date + timedelta(days=1), datetime.time.min).replace(
        tzinfo=datetime.UTC
    ) - timedelta(hours=13)

    assert type.sells(event, midnight - timedelta(hours=1))
    assert not type.sells(event, midnight + timedelta(hours=1))
