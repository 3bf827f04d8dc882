from datetime import date

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.core.errors import Conflict, Forbidden, Unprocessable
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.events.assignments import service, store
from chalicelib.events.assignments.model import Assignment, Role
from chalicelib.events.messages import ClockSet
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.events.people import ADMIN, caller, opened
from tests.events.test_service import photographer

pytestmark = pytest.mark.usefixtures("aws")
PAGE = PageRequest(20)


def terms(event, user):
    return store.get(DEFAULT, event.id, user)


def test_an_assignment_without_terms_is_on_the_usual_ones():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user)

    assert terms(event, user) == Assignment(DEFAULT, event.id, user)
    (listed,) = service.list_assigned(ADMIN, event.slug).items
    assert (listed["user"], listed["role"], listed["quota"], listed["left"]) == (user, Role.SECONDARY, None, None)


def test_what_is_not_told_stays():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user, {"role": Role.ASSISTANT, "quota": 5})

    events.assign(ADMIN, event.id, user, {"may_upload": False})
    events.assign(ADMIN, event.id, user, {"quota": None})

    assert terms(event, user) == Assignment(DEFAULT, event.id, user, Role.ASSISTANT, may_upload=False)


def test_an_event_has_one_primary_at_most():
    first, second = photographer(), photographer()
    event = events.assign(ADMIN, opened().id, first, {"role": Role.PRIMARY})

    with pytest.raises(Conflict, match="primary_taken"):
        events.assign(ADMIN, event.id, second, {"role": Role.PRIMARY})
    assert events.get(DEFAULT, event.id) == event
    assert terms(event, second).role is Role.SECONDARY

    events.assign(ADMIN, event.id, first, {"role": Role.SECONDARY})
    assert events.assign(ADMIN, event.id, second, {"role": Role.PRIMARY}).primary == second
    assert events.unassign(ADMIN, event.id, second).primary is None
    assert events.assign(ADMIN, event.id, first, {"role": Role.PRIMARY}).primary == first


def test_two_primaries_at_once_are_one(monkeypatch):
    first, second = photographer(), photographer()
    event = opened()
    read, stale = events.store.get, events.store.get(DEFAULT, event.id)
    events.assign(ADMIN, event.id, first, {"role": Role.PRIMARY})
    answers = [stale]
    monkeypatch.setattr(events.store, "get", lambda *names: answers.pop() if answers else read(*names))

    with pytest.raises(Conflict, match="primary_taken"):
        events.assign(ADMIN, event.id, second, {"role": Role.PRIMARY})

    assert events.get(DEFAULT, event.id).photographers == (first,)


def test_a_quota_is_taken_by_one_of_two_who_saw_the_same_room():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user, {"quota": 3})
    seen = terms(event, user)
    transact(service.take(seen, 2))

    with pytest.raises(Conflict, match="version_conflict"):
        transact(service.take(seen, 2))
    transact(service.take(seen, 1))

    assert (terms(event, user).used, terms(event, user).left) == (3, 0)
    with pytest.raises(Forbidden, match="quota_reached"):
        terms(event, user).must_take(1)
    transact(service.give_back(DEFAULT, event.id, user))
    assert terms(event, user).left == 1


def test_terms_that_changed_meanwhile_refuse_what_was_seen_before():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user)
    unlimited = terms(event, user)
    events.assign(ADMIN, event.id, user, {"quota": 1})
    with pytest.raises(Conflict, match="version_conflict"):
        transact(service.take(unlimited, 1))

    limited = terms(event, user)
    events.assign(ADMIN, event.id, user, {"may_upload": False})
    with pytest.raises(Conflict, match="version_conflict"):
        transact(service.take(limited, 1))

    assert terms(event, user).used == 0
    with pytest.raises(Forbidden, match="upload_not_allowed"):
        terms(event, user).must_take(0)


def test_who_is_assigned_again_finds_what_was_used_and_nothing_else():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user, {"quota": 3, "role": Role.PRIMARY, "clock_offset": 60})
    transact(service.take(terms(event, user), 2))

    events.unassign(ADMIN, event.id, user)
    events.assign(ADMIN, event.id, user)

    assert terms(event, user) == Assignment(DEFAULT, event.id, user, clock_offset=60, used=2)


def test_an_assignment_that_ends_without_photos_leaves_nothing():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user, {"quota": 3})

    events.unassign(ADMIN, event.id, user)

    rows = list(store.AssignmentRecord.query(f"T#{DEFAULT}#EVT#{event.id}"))
    assert [row.sk for row in rows if user in row.sk] == []


def test_the_clock_is_told_once_and_only_when_it_changes():
    user = photographer()
    event = events.assign(ADMIN, opened().id, user, {"clock_offset": -90})
    events.assign(ADMIN, event.id, user, {"clock_offset": -90})
    events.assign(ADMIN, event.id, user, {"quota": 9})

    told = [fact for fact in deliver.facts() if isinstance(fact, ClockSet)]
    assert told == [ClockSet(organization=DEFAULT, event=event.id, photographer=user)]


def test_photographers_see_the_events_they_are_assigned_to_with_their_terms():
    user = photographer()
    first = events.assign(ADMIN, opened(date=date(2026, 1, 1)).id, user, {"quota": 3})
    second = events.assign(ADMIN, opened(date=date(2026, 2, 1)).id, user, {"role": Role.PRIMARY})
    opened()

    mine = service.my_assignments(caller("photographer", user), PAGE).items

    assert [(each["event"].id, each["role"], each["left"]) for each in mine] == [
        (second.id, Role.PRIMARY, None),
        (first.id, Role.SECONDARY, 3),
    ]
    assert mine[0]["event"].primary is None  # whoever is no staff learns nothing of the others


def test_only_photographers_get_terms():
    event = opened()
    buyer = accounts.create_user(
        DEFAULT, email="c@buyer.example", password="a long enough phrase", name="C", roles=["customer"]
    )

    with pytest.raises(Unprocessable, match="not_a_photographer"):
        events.assign(ADMIN, event.id, buyer.id, {"quota": 3})

    assert events.get(DEFAULT, event.id) == event
