"""What staff say to many: to whom it comes, when, and how often."""

from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.administration import service as administration
from chalicelib.announcements import jobs, service, store
from chalicelib.announcements.messages import NoticeDue
from chalicelib.announcements.model import BROADCAST_A_DAY, Audience, Kind, Text
from chalicelib.announcements.service import delivering
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, Limited, NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.notifications import service as notifications
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.model import Kind as About
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.announcements.conftest import MAIL, mails
from tests.events.people import ADMIN
from tests.profiles.conftest import person, refusal

HELLO = {"en": Text("Hello", "All of you."), "th": Text("สวัสดี", "ทุกคน")}


@pytest.fixture
def people(aws) -> dict[str, Principal]:
    """By name: two customers, of whom one speaks English, a photographer who buys, too, and somebody who is blocked."""
    made = {}
    for name, roles in (
        ("anna", ["customer"]),
        ("berta", ["customer"]),
        ("carl", ["customer", "photographer"]),
        ("dora", ["customer"]),
        ("emil", ["manager"]),
    ):
        email = f"{name}@shop.example"
        user = accounts.create_user(DEFAULT, email=email, password="correct horse battery", name=name, roles=roles)
        made[name] = Principal(DEFAULT, user=user.id)
    administration.change_person(ADMIN, made["berta"].known_user, name=None, language="en")
    administration.block(ADMIN, made["dora"].known_user, blocked=True, reason="spam")
    return made


def say(audience=Audience.EVERYBODY, texts=HELLO, *, event=None, at=None, page=None):
    return service.broadcast(ADMIN, texts, audience, event=event, page=page, at=at)


def told(people) -> dict[str, list[str]]:
    """The titles in everybody's inbox who has any."""
    found = {}
    for name, principal in people.items():
        _, page = inbox.listed(principal, PageRequest(), unread=False)
        found[name] = [entry.title for entry in page.items]
    return {name: titles for name, titles in found.items() if titles}


def due(notice, after="") -> NoticeDue:
    return NoticeDue(organization=DEFAULT, event="", notice=notice.id, after=after)


def known(notice):
    return service.get_broadcast(ADMIN, notice.id)


@pytest.mark.parametrize(
    ("audience", "names"),
    [
        (Audience.EVERYBODY, {"anna", "berta", "carl", "emil"}),
        (Audience.CUSTOMERS, {"anna", "berta", "carl"}),
        (Audience.PHOTOGRAPHERS, {"carl"}),
    ],
)
def test_it_comes_to_its_audience_and_to_nobody_who_is_blocked(people, audience, names):
    notice = say(audience)

    deliver.all()

    assert told(people).keys() == names
    assert (known(notice).sent, known(notice).failed) == (len(names), 0)
    assert known(notice).done_at is not None


def test_everybody_reads_it_in_their_language_and_where_it_leads(people):
    say(page="/events/run")

    deliver.all()

    assert told(people) == {"anna": ["สวัสดี"], "berta": ["Hello"], "carl": ["สวัสดี"], "emil": ["สวัสดี"]}
    (entry,) = inbox.listed(people["anna"], PageRequest(), unread=True)[1].items
    assert (entry.text, entry.page, entry.kind, entry.topic) == ("ทุกคน", "/events/run", "news", "broadcast")


def test_who_wants_no_news_in_the_inbox_gets_none(people):
    notifications.choose(people["anna"], {"inapp": {About.NEWS: False}})
    notice = say(Audience.CUSTOMERS)

    deliver.all()

    assert told(people).keys() == {"berta", "carl"}
    assert known(notice).sent == 2


def test_it_goes_from_page_to_page_and_a_page_that_comes_again_tells_nobody(people, monkeypatch):
    monkeypatch.setattr(delivering, "PAGE", 2)
    notice = say()

    assert jobs.deliver(due(notice)) is Outcome.SUCCESS
    cursor = known(notice).cursor
    assert told(people).keys() == {"anna", "berta"}
    assert known(notice).done_at is None
    assert jobs.deliver(due(notice)) is Outcome.SKIPPED
    assert jobs.deliver(due(notice, cursor)) is Outcome.SUCCESS
    assert jobs.deliver(due(notice, cursor)) is Outcome.SKIPPED

    deliver.all()
    assert told(people) == {"anna": ["สวัสดี"], "berta": ["Hello"], "carl": ["สวัสดี"], "emil": ["สวัสดี"]}
    assert known(notice).sent == 4


def test_a_page_that_broke_off_tells_the_others_and_counts_all(people, monkeypatch):
    notice, receive = say(), inbox.receive

    def broken(organization, user, **told):
        if user == people["carl"].user:
            raise TimeoutError
        return receive(organization, user, **told)

    monkeypatch.setattr(inbox, "receive", broken)
    with pytest.raises(TimeoutError):
        jobs.deliver(due(notice))
    assert told(people).keys() == {"anna", "berta"}
    assert known(notice).sent == 0
    monkeypatch.setattr(inbox, "receive", receive)
    deliver.all()

    assert [len(titles) for titles in told(people).values()] == [1, 1, 1, 1]
    assert known(notice).sent == 4


def test_the_same_twice_is_said_once(people):
    first, second = say(), say()
    deliver.all()

    assert first.id == second.id
    assert told(people)["berta"] == ["Hello"]
    assert say(Audience.CUSTOMERS).id != first.id


def test_ten_a_day_are_enough(people):
    for number in range(BROADCAST_A_DAY):
        say(texts={"en": Text(f"Number {number}", "text")})

    with pytest.raises(Limited):
        say()

    assert service.broadcasts(ADMIN, PageRequest()).items[0].texts["en"].title == "Number 9"


def test_followers_of_an_event_hear_at_their_address(wait, people):
    wait.register(email=MAIL)
    before = len(mails(MAIL))
    notice = say(Audience.ALL, event=wait.event.slug)

    deliver.all()

    assert [mail.subject for mail in mails(MAIL)[before:]] == ["Hello"]
    assert (known(notice).sent, known(notice).kind) == (1, Kind.BROADCAST)
    assert service.announced(ADMIN, wait.event.id, PageRequest()).items == []
    assert told(people) == {}


def test_followers_of_an_event_that_is_gone_are_nobody(wait, monkeypatch):
    wait.register(email=MAIL)
    notice = say(Audience.ALL, event=wait.event.id)
    monkeypatch.setattr(delivering, "find_event", lambda organization, event: None)

    deliver.all()

    assert (known(notice).sent, known(notice).done_at is not None) == (0, True)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"texts": {}}, "text_missing"),
        ({"audience": "followers"}, "event_missing"),
        ({"eventId": "run"}, "event_missing"),
        ({"audience": "buyers"}, "validation_failed"),
        ({"page": "https://elsewhere.example"}, "validation_failed"),
        ({"at": "tomorrow"}, "validation_failed"),
        ({"texts": {"en": {"title": "Hello", "text": "x" * 501}}}, "validation_failed"),
    ],
)
def test_what_is_no_broadcast_is_refused(aws, wrong, code):
    body = {"texts": {"en": {"title": "Hello", "text": "All of you."}}} | wrong

    answer = person("keeper", "admin").call("POST", "/admin/notifications/broadcast", body)

    assert refusal(answer) == (400, code)


def test_no_audience_of_a_broadcast_is_one_of_an_event(wait):
    body = {"texts": {"en": {"title": "Hello", "text": "All of you."}}, "audience": "everybody"}

    answer = person("keeper", "admin").call("POST", f"/events/{wait.event.id}/announce", body)

    assert refusal(answer) == (400, "validation_failed")


def test_staff_see_how_far_it_is(people):
    staff = person("keeper", "admin")
    body = {"texts": {"en": {"title": "Hello", "text": "All of you."}}, "audience": "photographers"}

    answer = staff.call("POST", "/admin/broadcasts", body)
    told = answer.json()["data"]
    deliver.all()

    assert (answer.status, told["status"], told["audience"], told["eventId"]) == (202, "sending", "photographers", None)
    (shown,) = staff.get("/admin/broadcasts")["items"]
    assert (shown["status"], shown["sent"], shown["texts"]) == ("done", 1, body["texts"])
    assert staff.get(f"/admin/broadcasts/{told['id']}") == shown | {"opened": None}


# --- later --------------------------------------------------------------------------------------------------


def test_what_is_planned_waits_for_its_time_and_begins_once(people):
    notice = say(at=clock.now() + timedelta(hours=2))
    assert service.begin_due() == 0
    deliver.all()
    assert told(people) == {}

    with clock.travel(timedelta(hours=2, seconds=1)):
        assert (service.begin_due(), service.begin_due()) == (1, 0)
        deliver.all()

    assert len(told(people)) == 4
    assert known(notice).done_at is not None


def test_what_was_cancelled_begins_never(people):
    notice = say(at=clock.now() + timedelta(hours=2))

    cancelled = [service.cancel(ADMIN, notice.id).cancelled_at for _ in range(2)]
    assert cancelled[0] == cancelled[1] is not None

    with clock.travel(timedelta(hours=3)):
        assert service.begin_due() == 0
    assert jobs.deliver(due(notice)) is Outcome.SKIPPED
    assert told(people) == {}


def test_cancelled_on_its_way_it_stops_after_the_page(people, monkeypatch):
    monkeypatch.setattr(delivering, "PAGE", 2)
    notice = say()
    jobs.deliver(due(notice))

    service.cancel(ADMIN, notice.id)
    deliver.all()

    assert told(people).keys() == {"anna", "berta"}
    assert known(notice).sent == 2


def test_it_is_cancelled_while_a_page_ends(people, monkeypatch):
    notice = say()
    find, seen = store.find_notice, []

    def late(*args):
        found = find(*args)
        if not seen:
            seen.append(found)
            jobs.deliver(due(notice))
        return found

    monkeypatch.setattr(store, "find_notice", late)

    with pytest.raises(Conflict) as refused:
        service.cancel(ADMIN, notice.id)

    assert refused.value.code == "broadcast_over"


def test_one_that_keeps_changing_is_busy(people, monkeypatch):
    notice = say()
    stale = known(notice)
    jobs.deliver(due(notice))
    monkeypatch.setattr(store, "find_notice", lambda *args: stale)

    with pytest.raises(Unavailable):
        service.cancel(ADMIN, notice.id)


@pytest.mark.parametrize("at", [timedelta(minutes=-1), timedelta(days=91)])
def test_a_time_that_is_past_or_too_far_is_refused(people, at):
    with pytest.raises(Invalid):
        say(at=clock.now() + at)

    assert service.broadcasts(ADMIN, PageRequest()).items == []


def test_what_is_somebody_elses_is_not_there(people):
    notice = say()
    stranger = Principal(organizations.create("Tenant").id, user="usr_1")

    for act in (service.get_broadcast, service.cancel):
        with pytest.raises(NotFound):
            act(stranger, notice.id)
    assert service.broadcasts(stranger, PageRequest()).items == []
    deliver.all()
    assert known(notice).cancelled_at is None
