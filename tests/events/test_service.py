import datetime

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import clock, ids
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unauthorized, Unprocessable
from chalicelib.core.table import PageRequest
from chalicelib.events import service, store
from chalicelib.events.model import EventStatus, Location
from chalicelib.organizations.service import DEFAULT
from tests.events.people import ADMIN, OTHER, VISITOR, caller, details, opened, planned

pytestmark = pytest.mark.usefixtures("aws")

PAGE = PageRequest(size=50)


def names(page):
    return [event.name for event in page.items]


# --- planning and changing ---


def test_an_event_is_found_by_its_id_and_by_its_slug():
    event = planned(location=Location(13.75, 100.5, "Sanam Luang"), download_limit=5)

    assert service.get(DEFAULT, event.id) == event
    assert service.get(DEFAULT, "bangkok-night-run") == event
    assert event.location == Location(13.75, 100.5, "Sanam Luang")


def test_a_slug_asked_for_is_the_organizations_only_one():
    planned(slug="run")

    with pytest.raises(Conflict, match="slug_taken") as refused:
        planned(slug="run", name="Another")

    assert refused.value.field == "slug"
    assert names(service.list_events(ADMIN, PAGE)) == ["Bangkok Night Run"]
    assert planned(caller("admin", organization=OTHER), slug="run").slug == "run"


def test_a_slug_made_from_a_name_gives_way():
    first, second = planned(), planned()

    assert first.slug == "bangkok-night-run"
    assert second.slug.startswith("bangkok-night-run-")
    assert service.get(DEFAULT, second.slug) == second


def test_an_edit_moves_the_slug_and_raises_the_version():
    event = planned()

    edited = service.edit_event(ADMIN, event.slug, details(name="Day Run"), "day-run", event.version)

    assert (edited.name, edited.slug, edited.version) == ("Day Run", "day-run", 2)
    assert service.get(DEFAULT, "day-run") == edited
    with pytest.raises(NotFound, match="event_not_found"):
        service.get(DEFAULT, event.slug)
    assert planned(slug=event.slug).slug == event.slug


def test_an_edit_keeps_its_slug_and_what_is_not_the_organizers():
    event = opened()

    edited = service.edit_event(ADMIN, event.id, details(name="Day Run"), None, event.version)

    assert (edited.slug, edited.status) == (event.slug, EventStatus.LIVE)


def test_a_lost_update_is_refused():
    event = planned()
    service.edit_event(ADMIN, event.id, details(name="First"), None, event.version)

    with pytest.raises(Conflict, match="version_conflict"):
        service.edit_event(ADMIN, event.id, details(name="Second"), None, event.version)

    assert service.get(DEFAULT, event.id).name == "First"


def test_an_update_that_loses_the_race_after_reading_is_refused_too(monkeypatch):
    event = planned()
    stale = store.get(DEFAULT, event.id)
    service.edit_event(ADMIN, event.id, details(name="First"), None, event.version)
    monkeypatch.setattr(store, "get", lambda organization, id: stale)

    with pytest.raises(Conflict, match="version_conflict"):
        service.edit_event(ADMIN, event.id, details(name="Second"), None, event.version)

    monkeypatch.undo()
    assert service.get(DEFAULT, event.id).name == "First"


def test_an_edit_to_a_slug_that_is_taken_changes_nothing():
    planned(slug="taken")
    event = planned(slug="mine")

    with pytest.raises(Conflict, match="slug_taken"):
        service.edit_event(ADMIN, event.id, details(name="New"), "taken", event.version)

    assert service.get(DEFAULT, event.id) == event


def test_a_move_that_is_not_allowed_changes_nothing():
    event = planned()

    with pytest.raises(Conflict, match="status_not_allowed"):
        service.move_event(ADMIN, event.id, EventStatus.CLOSED, event.version)

    assert service.get(DEFAULT, event.id) == event


# --- deleting ---


def test_a_deleted_event_is_gone_and_its_slug_is_free():
    event = opened()

    service.delete_event(ADMIN, event.id)

    for address in (event.id, event.slug):
        with pytest.raises(NotFound, match="event_not_found"):
            service.get(DEFAULT, address)
    assert service.list_events(VISITOR, PAGE).items == []
    assert service.list_events(ADMIN, PAGE).items == []
    assert planned(slug=event.slug).id != event.id


def test_an_event_that_sold_stays():
    event = opened()
    service.mark_sold(DEFAULT, event.id)
    service.mark_sold(DEFAULT, event.id)

    with pytest.raises(Conflict, match="event_sold"):
        service.delete_event(ADMIN, event.id)

    sold = service.get(DEFAULT, event.id)
    assert sold.sold_at is not None
    assert sold.version == event.version + 1


def test_a_sale_beats_a_delete_that_read_before_it(monkeypatch):
    event = opened()
    read, fresh = store.get, store.get(DEFAULT, event.id)
    answers = [fresh]
    service.mark_sold(DEFAULT, event.id)
    monkeypatch.setattr(store, "get", lambda *names: answers.pop() if answers else read(*names))

    with pytest.raises(Conflict, match="event_sold"):
        service.delete_event(ADMIN, event.id)

    assert read(DEFAULT, event.id).deleted_at is None


def test_what_was_sold_before_the_event_was_deleted_is_still_handed_over():
    event = opened()
    service.delete_event(ADMIN, event.id)

    assert service.mark_sold(DEFAULT, event.id).slug == event.slug
    for organization, id in ((DEFAULT, event.id), (OTHER, event.id)):
        with pytest.raises(NotFound, match="event_not_found"):
            service.get(organization, id)
    with pytest.raises(NotFound, match="event_not_found"):
        service.mark_sold(OTHER, event.id)


# --- who sees what ---


def test_visitors_see_an_event_from_live_on():
    event = planned()
    for to, seen in [("reviewing", False), ("live", True), ("closed", True), ("live", True)]:
        event = service.move_event(ADMIN, event.id, EventStatus(to), event.version)
        if seen:
            assert service.visible(VISITOR, event.slug).id == event.id
        else:
            with pytest.raises(NotFound, match="event_not_found"):
                service.visible(VISITOR, event.slug)


def test_a_draft_is_seen_by_staff_and_its_photographers_only():
    mine, stranger = caller("photographer", photographer()), caller("photographer")
    event = service.assign(ADMIN, planned().id, mine.user)

    assert service.visible(ADMIN, event.id) == event
    assert service.visible(mine, event.id) == event
    for other in (stranger, caller("customer"), caller("admin", organization=OTHER)):
        with pytest.raises(NotFound, match="event_not_found"):
            service.visible(other, event.id)


def test_visitors_do_not_learn_who_photographs_and_what_sold():
    event = service.assign(ADMIN, opened().id, photographer())
    service.mark_sold(DEFAULT, event.id)

    shown = service.show_event(VISITOR, event.id)
    listed = service.list_events(VISITOR, PAGE).items[0]

    assert shown == listed
    assert (shown.photographers, shown.sold_at) == ((), None)
    assert service.show_event(ADMIN, event.id).photographers == event.photographers


# --- lists ---


def test_lists_are_by_date_newest_first_and_by_who_asks():
    user = photographer()
    for number, status in enumerate(["live", "closed", "reviewing", "live"]):
        event = opened(status=EventStatus(status), name=f"{status}{number}", date=datetime.date(2026, 1, number + 1))
        if number % 2:
            service.assign(ADMIN, event.id, user)
    mine = caller("photographer", user)

    assert names(service.list_events(VISITOR, PAGE)) == ["live3", "closed1", "live0"]
    assert names(service.list_events(ADMIN, PAGE)) == ["live3", "reviewing2", "closed1", "live0"]
    assert names(service.list_events(ADMIN, PAGE, EventStatus.REVIEWING)) == ["reviewing2"]
    assert names(service.list_events(VISITOR, PAGE, EventStatus.CLOSED)) == ["closed1"]
    assert names(service.list_events(VISITOR, PAGE, EventStatus.REVIEWING)) == []
    assert names(service.list_events(mine, PAGE)) == ["live3", "closed1", "live0"]
    assert names(service.list_events(mine, PAGE, mine=True)) == ["live3", "closed1"]
    assert names(service.list_events(caller("admin", organization=OTHER), PAGE)) == []
    with pytest.raises(Unauthorized):
        service.list_events(VISITOR, PAGE, mine=True)


def test_a_list_follows_each_change():
    early = opened(name="early", date=datetime.date(2026, 1, 1))
    opened(name="late", date=datetime.date(2026, 2, 1))

    service.edit_event(ADMIN, early.id, details(name="moved", date=datetime.date(2026, 3, 1)), None, early.version)
    assert names(service.list_events(VISITOR, PAGE)) == ["moved", "late"]

    service.move_event(ADMIN, early.id, EventStatus.REVIEWING, early.version + 1)
    assert names(service.list_events(VISITOR, PAGE)) == ["late"]
    assert names(service.list_events(ADMIN, PAGE, EventStatus.LIVE)) == ["late"]
    assert names(service.list_events(ADMIN, PAGE, EventStatus.REVIEWING)) == ["moved"]


def test_pages_of_a_list_hold_each_event_once():
    for number in range(5):
        opened(name=str(number), date=datetime.date(2026, 1, number + 1))
    planned(name="hidden")

    first = service.list_events(VISITOR, PageRequest(size=2))
    second = service.list_events(VISITOR, PageRequest(size=2, cursor=first.cursor))
    third = service.list_events(VISITOR, PageRequest(size=2, cursor=second.cursor))

    assert [names(page) for page in (first, second, third)] == [["4", "3"], ["2", "1"], ["0"]]
    assert third.cursor is None
    assert names(service.list_events(VISITOR, PageRequest(size=2, number=2))) == ["2", "1"]


# --- photographers ---


def photographer(organization: str = DEFAULT) -> str:
    return accounts.create_user(
        organization,
        email=f"{ids.code()}@photo.example",
        password="a long enough phrase",
        name="Nok",
        roles=["photographer"],
        language="en",
    ).id


def test_a_photographer_is_assigned_and_unassigned():
    user, event = photographer(), planned()

    assigned = service.assign(ADMIN, event.slug, user)

    assert assigned.photographers == (user,)
    assert service.assign(ADMIN, event.id, user) == assigned
    assert service.get(DEFAULT, event.id) == assigned
    assert service.unassign(ADMIN, event.id, user).photographers == ()
    assert service.list_events(caller("photographer", user), PAGE, mine=True).items == []


def test_only_a_photographer_of_the_organization_is_assigned():
    event = planned()
    buyer = accounts.create_user(
        DEFAULT, email="b@buyer.example", password="a long enough phrase", name="B", roles=["customer"]
    )

    with pytest.raises(Unprocessable, match="not_a_photographer"):
        service.assign(ADMIN, event.id, buyer.id)
    for unknown in ("usr_00000000000000000000000009", photographer(OTHER)):
        with pytest.raises(NotFound, match="user_not_found"):
            service.assign(ADMIN, event.id, unknown)

    assert service.get(DEFAULT, event.id) == event


def test_two_assignments_at_once_both_count(monkeypatch):
    event, first, second = planned(), photographer(), photographer()
    read, stale = store.get, store.get(DEFAULT, event.id)
    service.assign(ADMIN, event.id, first)
    answers = [stale]
    monkeypatch.setattr(store, "get", lambda *names: answers.pop() if answers else read(*names))

    assert service.assign(ADMIN, event.id, second).photographers == (first, second)


def test_a_change_gives_up_when_others_are_always_faster(monkeypatch):
    event, user = planned(), photographer()
    stale = store.get(DEFAULT, event.id)
    service.move_event(ADMIN, event.id, EventStatus.LIVE, event.version)
    monkeypatch.setattr(store, "get", lambda *names: stale)

    with pytest.raises(Conflict, match="version_conflict"):
        service.assign(ADMIN, event.id, user)


# --- what selling and uploading ask ---


def test_only_assigned_photographers_and_staff_upload_until_the_event_closes():
    user = photographer()
    event = service.assign(ADMIN, opened().id, user)
    mine, stranger = caller("photographer", user), caller("photographer")

    assert service.for_upload(mine, event.slug) == event
    assert service.for_upload(ADMIN, event.id) == event
    with pytest.raises(Forbidden, match="not_assigned"):
        service.for_upload(stranger, event.id)

    service.move_event(ADMIN, event.id, EventStatus.CLOSED, event.version)
    with pytest.raises(Conflict, match="event_closed"):
        service.for_upload(mine, event.id)


def test_an_event_on_sale_is_live_and_within_its_window():
    now = clock.now()
    event = opened(sale_closes_at=now)

    with pytest.raises(Conflict, match="sale_closed"):
        service.on_sale(DEFAULT, event.id, now)
    with pytest.raises(NotFound):
        service.on_sale(OTHER, event.id, now)
    assert service.on_sale(DEFAULT, opened().id, now).status is EventStatus.LIVE


# --- audited ------------------------------------------------------------------------------------------------


def test_what_staff_does_to_an_event_is_audited():
    event = planned()
    edited = service.edit_event(ADMIN, event.id, details(name="Day Run"), None, event.version)
    service.move_event(ADMIN, event.id, EventStatus.LIVE, edited.version)
    service.mark_sold(DEFAULT, event.id)

    entries = audit.find(DEFAULT, Search(entity=("event", event.id)), PAGE).items
    told = {entry.action: (entry.actor, entry.before, entry.after) for entry in entries}
    assert told.keys() == {"event.planned", "event.edited", "event.moved"}
    assert told["event.planned"][1] is None
    assert told["event.planned"][2]["name"] == "Bangkok Night Run"
    assert told["event.edited"] == (ADMIN.user, {"name": "Bangkok Night Run"}, {"name": "Day Run"})
    assert told["event.moved"] == (ADMIN.user, {"status": "planning"}, {"status": "live"})


def test_a_refused_change_is_not_audited():
    event = planned()

    with pytest.raises(Conflict, match="version_conflict"):
        service.edit_event(ADMIN, event.id, details(name="Day Run"), None, event.version + 1)

    assert len(audit.find(DEFAULT, Search(entity=("event", event.id)), PAGE).items) == 1
