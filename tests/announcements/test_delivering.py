"""What people are told: once each, in pages, whatever happens between."""

import json
from types import SimpleNamespace

import pytest

from chalicelib.announcements import jobs, service, store
from chalicelib.announcements.messages import NoticeDue
from chalicelib.announcements.model import Audience, Kind, Text, follower_id
from chalicelib.announcements.service import delivering, following
from chalicelib.audit import service as audit
from chalicelib.audit.model import Search
from chalicelib.core import log
from chalicelib.core.errors import Limited, NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.events.messages import EventWentLive
from chalicelib.events.model import EventStatus
from chalicelib.live.store import EntryRecord
from chalicelib.notifications import service as notifications
from chalicelib.notifications.channels import Undeliverable, email
from chalicelib.notifications.model import Kind as Notices
from chalicelib.orders import service as orders
from chalicelib.orders.messages import OrderCompleted
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.announcements.conftest import MAIL, PHONE, mails, texts
from tests.events.people import ADMIN, OTHER, VISITOR, caller

PAGE = PageRequest(size=20)
NEWS = {"en": Text("It rains", "Take a coat.\n\n<b>Soon</b>"), "th": Text("ฝนตก", "เอาเสื้อกันฝนมา")}


@pytest.fixture
def small_pages(monkeypatch):
    """Two people a message of the queue, so that five need three."""
    monkeypatch.setattr(delivering, "PAGE", 2)


def five(wait):
    """Five people who hear of the event; codes and their mails are told of elsewhere."""
    addresses = [f"p{number}@people.example" for number in range(5)]
    for address in addresses:
        id = follower_id(DEFAULT, wait.event.id, address)
        follower = following.new(wait.event, address, "en").asked(
            user=None,
            language="en",
            address=following._sealed(DEFAULT, id, address),
            owners=following._owners(DEFAULT, address, None),
            at=wait.event.created_at,
        )
        transact(*store.save_follower(follower, was=None))
    return addresses


def notices(wait):
    return store.notices(DEFAULT, wait.event.id, PAGE).items


def receivers():
    return sorted(mail.destinations["ToAddresses"][0] for mail in mails())


# --- an event goes live -------------------------------------------------------------------------------------


def test_who_waits_is_told_once_that_the_photos_are_up(wait):
    wait.register(email=MAIL)
    wait.register(phone=PHONE)
    before = len(mails()), len(texts())

    wait.go()
    wait.go(EventStatus.CLOSED)
    wait.go(EventStatus.LIVE)

    assert (len(mails()), len(texts())) == (before[0] + 1, before[1] + 1)
    assert mails()[-1].subject == "The photos of Bangkok Night Run are up"
    assert f"/events/{wait.event.slug}" in texts()[-1]
    assert "/notices?token=u." in texts()[-1]
    (notice,) = notices(wait)
    assert (notice.kind, notice.sent, notice.failed, notice.done_at is not None) == (Kind.LIVE, 2, 0, True)


def test_the_fact_told_again_tells_nobody_again(wait):
    five(wait)
    wait.go()

    again = jobs.begin_live(EventWentLive(organization=DEFAULT, event=wait.event.id))
    deliver.all()

    assert again is Outcome.SKIPPED
    assert len(mails()) == 5


def test_pages_reach_everybody_once(wait, small_pages):
    people = five(wait)

    wait.go()

    assert receivers() == people
    (notice,) = notices(wait)
    assert (notice.sent, notice.failed) == (5, 0)


def test_a_page_told_again_is_done_already(wait, small_pages):
    five(wait)
    wait.go()
    (notice,) = notices(wait)

    for after in ("", notice.cursor):
        due = NoticeDue(organization=DEFAULT, event=wait.event.id, notice=notice.id, after=after)
        assert jobs.deliver(due) is Outcome.SKIPPED
    assert len(mails()) == 5


def test_a_page_that_broke_off_goes_on_where_it_was(wait, monkeypatch):
    people, send, tries = five(wait), email.send, []

    def breaks_off(letter):
        tries.append(letter.to)
        if len(tries) == 3:
            raise Unavailable("busy", "Not now.")
        return send(letter)

    monkeypatch.setattr(email, "send", breaks_off)
    wait.go()

    assert receivers() == people
    assert len(tries) == 6
    (notice,) = notices(wait)
    assert (notice.sent, notice.failed) == (5, 0)


def test_an_address_that_takes_no_mail_is_counted_and_keeps_nobody_waiting(wait, monkeypatch):
    people, send = five(wait), email.send

    def refuses(letter):
        if letter.to == people[1]:
            raise Undeliverable
        return send(letter)

    monkeypatch.setattr(email, "send", refuses)
    wait.go()

    (notice,) = notices(wait)
    assert (notice.sent, notice.failed) == (4, 1)
    assert receivers() == [people[0], *people[2:]]


def test_who_left_is_not_told(wait):
    follower = wait.register(email=MAIL)
    service.leave(DEFAULT, wait.event.id, follower.id)
    before = len(mails())

    wait.go()

    assert len(mails()) == before
    assert [notice.sent for notice in notices(wait)] == [0]


def test_an_event_that_is_deleted_meanwhile_tells_nobody(wait):
    due = NoticeDue(organization=DEFAULT, event=wait.event.id, notice="ann_none")
    gone = NoticeDue(organization=DEFAULT, event="evt_none", notice="ann_none")

    assert [service.deliver(due), service.deliver(gone)] == [Outcome.SKIPPED] * 2
    assert service.begin_live(DEFAULT, "evt_none") is False


def test_it_is_told_that_an_event_went_live_once(wait):
    for status in (EventStatus.LIVE, EventStatus.CLOSED, EventStatus.LIVE):
        wait.move(status)

    assert [type(fact) for fact in deliver.facts()].count(EventWentLive) == 1


# --- announcements ------------------------------------------------------------------------------------------


def test_an_announcement_reaches_who_asked_in_their_language(wait):
    wait.register(email=MAIL)
    wait.register(phone=PHONE)

    said = service.announce(ADMIN, wait.event.id, NEWS, Audience.REGISTERED)
    deliver.all()

    mail = mails()[-1]
    assert (mail.subject, "Take a coat." in mail.body) == ("It rains", True)
    assert "&lt;b&gt;Soon&lt;/b&gt;" in mail.body
    assert texts()[-1].startswith("Bangkok Night Run: It rains ")
    (notice,) = service.announced(ADMIN, wait.event.id, PAGE).items
    assert (notice.id, notice.sent, notice.failed) == (said.id, 2, 0)
    entry, *_ = audit.find(DEFAULT, Search(entity=("event", wait.event.id)), PAGE).items
    assert (entry.actor, entry.after) == (ADMIN.user, {"announcement": said.id, "audience": "registered"})


def test_who_reads_another_language_gets_the_one_that_is_there(wait):
    wait.register(email=MAIL)

    service.announce(ADMIN, wait.event.id, {"th": NEWS["th"]}, Audience.ALL)
    deliver.all()

    assert mails()[-1].subject == "ฝนตก"


def test_the_same_words_on_one_day_are_told_once(wait):
    wait.register(email=MAIL)
    before = len(mails())

    first, second = (service.announce(ADMIN, wait.event.id, NEWS, Audience.ALL) for _ in range(2))
    deliver.all()

    assert first.id == second.id
    assert len(mails()) == before + 1


def test_an_event_is_announced_three_times_a_day(wait):
    for number in range(3):
        service.announce(ADMIN, wait.event.id, {"en": Text(f"News {number}", "Rain.")}, Audience.ALL)

    with pytest.raises(Limited):
        service.announce(ADMIN, wait.event.id, NEWS, Audience.ALL)
    assert len(notices(wait)) == 3


def test_foreign_events_are_not_announced(wait):
    with pytest.raises(NotFound):
        service.announce(caller("admin", organization=OTHER), wait.event.id, NEWS, Audience.ALL)


def test_visitors_read_what_was_announced_once_the_event_is_shown(wait):
    said = service.announce(ADMIN, wait.event.id, NEWS, Audience.ALL)
    with pytest.raises(NotFound):
        service.public(VISITOR, wait.event.id, PAGE)
    wait.go()

    (shown,) = service.public(VISITOR, wait.event.slug, PAGE).items

    assert (shown.id, shown.texts) == (said.id, NEWS)


# --- buyers -------------------------------------------------------------------------------------------------


@pytest.fixture
def bought(wait, monkeypatch):
    """An order of this event by somebody with an account; what a line of sale does is told of elsewhere."""
    buyer = caller("customer")

    line = SimpleNamespace(subject=wait.event.id)
    order = SimpleNamespace(buyer=MAIL, owner=buyer.user, language="en", lines=(line, line))
    monkeypatch.setattr(orders, "get", lambda organization, id: order)
    return buyer


def test_buyers_hear_what_is_announced_to_buyers(wait, bought):
    wait.register(email="other@people.example")
    done = OrderCompleted(organization=DEFAULT, order="ord_1")

    assert [jobs.note_buyer(done), jobs.note_buyer(done)] == [Outcome.SUCCESS, Outcome.SKIPPED]
    service.announce(ADMIN, wait.event.id, NEWS, Audience.BUYERS)
    deliver.all()

    assert mails()[-1].destinations["ToAddresses"] == [MAIL]
    assert [notice.sent for notice in notices(wait)] == [1]
    assert [each["bought_at"] is not None for each in service.personal_data(DEFAULT, bought.user)] == [True]


@pytest.mark.parametrize(("proven", "counts"), [(MAIL, True), ("another@people.example", False)])
def test_links_count_only_at_an_address_that_the_account_has_proven(wait, bought, monkeypatch, proven, counts):
    transact(notifications.measure(DEFAULT, bought.user, agreed=True))
    buyer = SimpleNamespace(email=proven, email_verified=True)
    monkeypatch.setattr(delivering.accounts, "find_user", lambda *_: buyer)
    jobs.note_buyer(OrderCompleted(organization=DEFAULT, order="ord_1"))

    service.announce(ADMIN, wait.event.id, NEWS, Audience.BUYERS)
    deliver.all()

    (mail,) = mails(MAIL)
    assert ("token=k." in mail.body) is counts


def test_buyers_are_not_told_what_they_did_not_ask_for(wait, bought):
    jobs.note_buyer(OrderCompleted(organization=DEFAULT, order="ord_1"))

    wait.go()
    service.announce(ADMIN, wait.event.id, NEWS, Audience.REGISTERED)
    deliver.all()

    assert mails(MAIL) == []


def test_who_asked_and_bought_is_told_once(wait, bought):
    wait.register(email=MAIL)
    jobs.note_buyer(OrderCompleted(organization=DEFAULT, order="ord_1"))
    before = len(mails(MAIL))

    service.announce(ADMIN, wait.event.id, NEWS, Audience.ALL)
    deliver.all()

    assert len(mails(MAIL)) == before + 1


def test_who_left_and_buys_is_left_alone(wait, bought):
    follower = wait.register(email=MAIL)
    service.leave(DEFAULT, wait.event.id, follower.id)

    assert jobs.note_buyer(OrderCompleted(organization=DEFAULT, order="ord_1")) is Outcome.SKIPPED
    assert wait.known(MAIL).bought_at is None


def test_a_buyer_who_wants_no_reminders_gets_none(wait, bought):
    jobs.note_buyer(OrderCompleted(organization=DEFAULT, order="ord_1"))
    notifications.choose(bought, {"email": {Notices.REMINDERS: False}})

    service.announce(ADMIN, wait.event.id, NEWS, Audience.BUYERS)
    deliver.all()

    assert mails(MAIL) == []
    assert [(notice.sent, notice.failed) for notice in notices(wait)] == [(0, 0)]


def test_an_order_of_nobody_or_of_no_event_notes_nobody(wait, monkeypatch):
    for address, sold in ((None, ()), (MAIL, (SimpleNamespace(subject="shelf"),))):
        order = SimpleNamespace(buyer=address, owner=None, language="en", lines=sold)
        monkeypatch.setattr(orders, "get", lambda organization, id, order=order: order)
        assert service.note_buyer(DEFAULT, "ord_1") is False


def test_the_events_websocket_group_hears_it_once_and_nobody_of_an_event_that_is_gone(wait):
    wait.go()
    fact = EventWentLive(organization=DEFAULT, event=wait.event.id)

    with log.correlated("another try"):
        jobs.show_live(fact)
    told = [json.loads(record.frame) for record in EntryRecord.scan() if record.frame]

    assert {frame["type"] for frame in told} == {"EventLive"}
    assert told[0]["data"] == {"event": wait.event.id, "slug": wait.event.slug, "status": "live"}
    assert jobs.show_live(EventWentLive(organization=DEFAULT, event="evt_none")) is Outcome.SKIPPED
