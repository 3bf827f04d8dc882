from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unprocessable
from chalicelib.core.table import PageRequest, transact
from chalicelib.ledger import service as ledger
from chalicelib.organizations.service import DEFAULT
from chalicelib.wallet import service
from chalicelib.wallet.model import Source
from chalicelib.wallet.service import Terms
from tests.events.people import ADMIN, OTHER, planned

ALL = PageRequest(size=100)


@pytest.fixture
def anna(aws):
    made = accounts.create_user(
        DEFAULT, email="anna@shop.example", password="a long phrase", name="Anna", roles=["customer"]
    )
    return made.id


def terms(amount=500_00, source=Source.STAFF, priority=100, expires_at=None, event=None):
    return Terms(amount, source, priority, expires_at, event)


def give(user, key="grant-0001", **changes):
    return service.grant(ADMIN, user, terms(**changes), "late delivery", key)


def moved(user):
    return [(each.kind, -each.amount) for each in service.history(DEFAULT, user, ALL).items]


def owed(user):
    return -ledger.balance(DEFAULT, service.account(user))


def test_what_staff_gives_is_booked_and_audited_once(anna):
    first, again = give(anna), give(anna)

    assert first.total == again.total == owed(anna) == 500_00
    assert ledger.balance(DEFAULT, service.GIVEN) == 500_00
    assert moved(anna) == [("granted", 500_00)]
    (told,) = audit.find(DEFAULT, Search(("credit", anna)), ALL).items
    assert (told.action, told.actor, told.after["reason"]) == ("credit.granted", ADMIN.user, "late delivery")


def test_a_key_stands_for_one_request(anna):
    give(anna)

    with pytest.raises(Unprocessable, match="idempotency_key_reused"):
        give(anna, amount=1)
    assert owed(anna) == 500_00


def test_staff_takes_a_part_back_and_then_the_rest(anna):
    (given,) = give(anna).grants

    service.take_back(ADMIN, anna, given.id, 100_00, "a mistake", "take-0001")
    left = service.take_back(ADMIN, anna, given.id, None, "a mistake", "take-0002")
    again = service.take_back(ADMIN, anna, given.id, None, "a mistake", "take-0002")

    assert (left.total, again.total, owed(anna)) == (0, 0, 0)
    assert moved(anna) == [("taken", -400_00), ("taken", -100_00), ("granted", 500_00)]
    with pytest.raises(NotFound, match="credit_not_found"):
        service.take_back(ADMIN, anna, given.id, None, "a mistake", "take-0003")


def test_no_more_is_taken_back_than_is_left(anna):
    (given,) = give(anna).grants

    with pytest.raises(Conflict, match="not_enough_credit"):
        service.take_back(ADMIN, anna, given.id, 500_01, "a mistake", "take-0001")
    assert owed(anna) == 500_00


def test_credit_is_given_to_people_and_events_that_are_there_and_for_a_time_to_come(anna):
    with pytest.raises(NotFound, match="user_not_found"):
        give(ids.new("usr"))
    with pytest.raises(NotFound, match="event_not_found"):
        give(anna, event="no-such-run")
    with pytest.raises(Invalid, match="expired_already"):
        give(anna, expires_at=clock.now())
    assert service.of_user(DEFAULT, anna).version == 0


def test_the_sweep_books_back_what_has_expired_once(anna):
    event = planned()
    give(anna, expires_at=clock.now() + timedelta(days=1), event=event.slug)
    give(anna, "grant-0002", amount=70_00)

    assert service.expire_due() == 0
    with clock.travel(timedelta(days=1, seconds=1)):
        assert (service.expire_due(), service.expire_due()) == (1, 0)

    assert owed(anna) == service.of_user(DEFAULT, anna).total == 70_00
    assert moved(anna)[0] == ("expired", -500_00)
    assert ledger.balance(DEFAULT, "credits-expired") == -500_00


def test_what_a_hold_gives_back_after_its_time_expires_with_the_next_sweep(anna):
    give(anna, expires_at=clock.now() + timedelta(days=1))
    transact(service.hold(DEFAULT, anna, "pay_1", {"evt_1": 200_00}))

    with clock.travel(timedelta(days=1, seconds=1)):
        service.expire_due()
        held = owed(anna)
        transact(*service.release(DEFAULT, anna, "pay_1"))
        service.expire_due()

    assert (held, owed(anna)) == (200_00, 0)
    assert [kind for kind, _ in moved(anna)] == ["expired", "expired", "granted"]


def test_two_who_hold_at_once_do_not_spend_twice(anna):
    give(anna)

    first, second = (service.hold(DEFAULT, anna, name, {"evt_1": 300_00}) for name in ("pay_1", "pay_2"))
    transact(first)

    with pytest.raises(Conflict, match="version_conflict"):
        transact(second)
    with pytest.raises(Conflict, match="not_enough_credit"):
        service.hold(DEFAULT, anna, "pay_2", {"evt_1": 300_00})


def test_what_is_not_held_is_neither_spent_nor_given_back(anna):
    give(anna)

    assert service.release(DEFAULT, anna, "pay_1") == ()
    with pytest.raises(Conflict, match="credit_not_held"):
        service.spend(DEFAULT, anna, "pay_1")


def test_a_wallet_is_of_one_organization(anna):
    give(anna)

    assert service.of_user(OTHER, anna).total == 0
    assert service.history(OTHER, anna, ALL).items == []


def test_whoever_leaves_gives_up_their_credit(anna):
    give(anna)
    exported = service.personal_data(DEFAULT, anna)

    for _ in range(2):
        service.erase_person(DEFAULT, anna)

    assert exported["grants"][0].amount == exported["movements"][0].amount * -1 == 500_00
    assert (service.of_user(DEFAULT, anna).version, owed(anna)) == (0, 0)
    assert moved(anna)[0] == ("forfeited", -500_00)
