"""Somebody asks to hear of an event, proves the address, and leaves."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.announcements import service, store
from chalicelib.announcements.model import KEPT_FOR, Audience, Text, address_owner
from chalicelib.announcements.service import following
from chalicelib.core import clock, ids
from chalicelib.core.errors import Forbidden, Invalid, Limited, NotFound
from chalicelib.core.table import transact
from chalicelib.events import service as events
from chalicelib.events.model import Access, EventStatus
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.announcements.conftest import MAIL, PHONE, browse, mails, texts
from tests.events.people import ADMIN, OTHER, VISITOR, caller, opened, planned


def test_nothing_is_kept_of_an_address_before_it_is_proven(wait):
    wait.ask(email=MAIL)

    assert wait.known(MAIL) is None
    assert len(mails()) == 1


def test_who_proves_an_address_hears_at_it(wait):
    follower = wait.register(email=MAIL)

    assert (follower.asked_at is not None, follower.bought_at, follower.language) == (True, None, "en")
    assert MAIL not in str(follower)
    assert follower.expires_at >= clock.now() + KEPT_FOR - timedelta(minutes=1)
    assert [each.id for each in store.owned(DEFAULT, address_owner(DEFAULT, MAIL))] == [follower.id]


def test_a_phone_gets_a_text_with_a_code(wait):
    follower = wait.register(phone=PHONE)

    assert (follower.channel, len(texts()), mails()) == ("sms", 1, [])


def test_a_wrong_code_proves_nothing(wait):
    code = wait.ask(email=MAIL)

    for guess in ("000000" if code != "000000" else "000001", code[::-1] + "0"):
        with pytest.raises(Invalid, match="invalid_code"):
            service.confirm(VISITOR, wait.event.id, email=MAIL, phone=None, code=guess)
    with pytest.raises(Invalid, match="invalid_code"):
        service.confirm(VISITOR, wait.event.id, email="other@people.example", phone=None, code=code)

    assert wait.known(MAIL) is None


def test_a_code_proves_once(wait):
    wait.register(email=MAIL)
    code = wait.ask(email=MAIL)

    service.confirm(VISITOR, wait.event.id, email=MAIL, phone=None, code=code)
    with pytest.raises(Invalid, match="invalid_code"):
        service.confirm(VISITOR, wait.event.id, email=MAIL, phone=None, code=code)


def test_who_asks_is_answered_alike_whatever_is_known_of_the_address(wait):
    wait.register(email=MAIL)
    first = len(mails())

    service.ask(VISITOR, wait.event.id, email=MAIL, phone=None)
    service.ask(VISITOR, wait.event.id, email="new@people.example", phone=None)
    deliver.all()

    again, new = mails()[first:]
    assert again.subject == new.subject


def test_an_address_is_written_to_a_few_times_an_hour(wait):
    for _ in range(5):
        service.ask(VISITOR, wait.event.id, email=MAIL, phone=None)

    with pytest.raises(Limited):
        service.ask(VISITOR, wait.event.id, email=MAIL, phone=None)


def test_an_event_that_is_not_shown_is_found_by_its_id_alone(wait):
    for unknown in (wait.event.slug, ids.new("evt"), planned(caller("admin", organization=OTHER)).id):
        with pytest.raises(NotFound, match="event_not_found"):
            service.ask(VISITOR, unknown, email=MAIL, phone=None)

    wait.move()
    service.ask(VISITOR, wait.event.slug, email=MAIL, phone=None)


def test_of_an_event_with_a_code_only_who_knows_it_hears(wait):
    wait.move()
    held = events.get(DEFAULT, wait.event.id)
    events.restrict(ADMIN, held.id, Access.CODE, "mango rice", held.version)

    with pytest.raises(Forbidden, match="access_code_required"):
        service.ask(VISITOR, wait.event.id, email=MAIL, phone=None)


def test_a_code_that_comes_too_late_is_not_sent(wait):
    service.ask(VISITOR, wait.event.id, email=MAIL, phone=None)
    with clock.travel(timedelta(minutes=11)):
        deliver.all()

    assert mails() == []


# --- pages --------------------------------------------------------------------------------------------------


def _link(body: str) -> str:
    link = next(word for word in body.replace('"', " ").split() if "/notices?token=" in word)
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def test_the_link_of_the_mail_proves_the_address_when_its_button_is_pressed(wait):
    wait.ask(email=MAIL)
    link = _link(mails()[0].body)

    assert browse("GET", link).status == 200
    assert wait.known(MAIL) is None
    assert browse("POST", link).status == 200
    assert wait.known(MAIL).asked_at is not None
    assert browse("POST", link).status == 404


def test_a_link_proves_nothing_for_another_event(wait):
    wait.ask(email=MAIL)
    hidden = planned()
    link = _link(mails()[0].body).replace(wait.event.id, hidden.id)

    assert browse("POST", link).status == 404
    assert store.followers(DEFAULT, hidden.id, "", 10) == []


def test_a_mail_program_ends_the_news_by_one_post(wait):
    follower = wait.register(email=MAIL)
    wait.go()
    (headers,) = wait.headers
    link = _link(headers["List-Unsubscribe"].strip("<>"))

    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert browse("GET", link).status == 200
    assert wait.known(MAIL) == follower
    for _ in range(2):
        assert browse("POST", link, b"List-Unsubscribe=One-Click").status == 200
    assert wait.known(MAIL).left_at is not None


@pytest.mark.parametrize("token", ["", "u", "u.a.b", "u.a.b.c", "x.a.b.c", "c.a.b.c", "u.{event}.{follower}.forged"])
def test_a_forged_link_does_nothing(wait, token):
    follower = wait.register(email=MAIL)
    token = token.format(event=wait.event.id, follower=follower.id)

    assert browse("POST", f"/notices?token={token}").status == 404
    assert wait.known(MAIL) == follower


# --- leaving and being forgotten ----------------------------------------------------------------------------


def test_of_who_left_a_digest_is_left(wait):
    follower = wait.register(email=MAIL)

    assert service.leave(DEFAULT, wait.event.id, follower.id) is True
    assert service.leave(DEFAULT, wait.event.id, follower.id) is False

    left = wait.known(MAIL)
    assert (left.address, left.owners, left.user, left.asked_at) == (None, (), None, None)
    assert list(store.owned(DEFAULT, address_owner(DEFAULT, MAIL))) == []


def test_who_left_hears_again_after_asking_again(wait):
    follower = wait.register(email=MAIL)
    service.leave(DEFAULT, wait.event.id, follower.id)

    assert wait.register(email=MAIL).left_at is None


def test_somebody_with_an_account_stops_by_their_account(wait):
    anna = caller("customer")
    wait.register(anna, email=MAIL)
    wait.register(email="other@people.example")

    service.stop(anna, wait.event.id)
    service.stop(anna, wait.event.id)

    assert wait.known(MAIL).left_at is not None
    assert wait.known("other@people.example").left_at is None


def test_an_account_finds_what_was_asked_at_its_address_and_forgets_it(wait):
    anna = accounts.create_user(DEFAULT, email=MAIL, password="a long enough phrase", name="Anna", roles=["customer"])
    wait.register(email=MAIL)
    wait.register(caller("customer", anna.id), phone=PHONE)

    told = service.personal_data(DEFAULT, anna.id)
    assert sorted(each["channel"] for each in told) == ["email", "sms"]

    service.erase_person(DEFAULT, anna.id)
    service.erase_person(DEFAULT, anna.id)

    assert service.personal_data(DEFAULT, anna.id) == []
    assert (wait.known(MAIL), wait.known(PHONE)) == (None, None)


def test_a_deleted_event_takes_its_followers_along(wait):
    wait.register(email=MAIL)
    service.announce(ADMIN, wait.event.id, {"en": Text("News", "Rain.")}, Audience.ALL)
    events.delete_event(ADMIN, wait.event.id)

    deliver.all()

    assert wait.known(MAIL) is None
    assert list(store.owned(DEFAULT, address_owner(DEFAULT, MAIL))) == []


def test_two_who_ask_at_once_are_one(wait, monkeypatch):
    code = wait.ask(email=MAIL)
    find, met = store.find_follower, []

    def late(*key):
        """Somebody else is written between the read and the write, once."""
        found = find(*key)
        if not met:
            met.append(key)
            transact(*store.save_follower(following.new(wait.event, MAIL, "en"), was=None))
        return found

    monkeypatch.setattr(store, "find_follower", late)
    service.confirm(VISITOR, wait.event.id, email=MAIL, phone=None, code=code)

    assert wait.known(MAIL).asked_at is not None


def test_events_that_are_over_can_still_be_followed(aws):
    closed = opened(status=EventStatus.CLOSED)

    service.ask(VISITOR, closed.slug, email=MAIL, phone=None)
    deliver.all()

    assert len(mails(MAIL)) == 1
