from typing import ClassVar

import pytest
from moto.ses.models import ses_backends

from chalicelib.core.queues import Outcome
from chalicelib.notifications import service, store
from chalicelib.notifications.model import CHANNELS, Kind, Preferences, Reader
from chalicelib.notifications.values import TEMPLATES, Name, Values
from chalicelib.organizations.service import DEFAULT
from tests.profiles.conftest import Person, person, refusal
from tests.stack import ACCOUNT, REGION

SETTINGS = "/users/notifications/settings"
AT_FIRST = {"account": True, "orders": True, "reminders": True, "news": False}


@pytest.fixture
def anna(aws) -> Person:
    return person("anna")


def mails():
    return len(ses_backends[ACCOUNT][REGION].sent_messages)


@pytest.fixture(params=[Kind.REMINDERS, Kind.NEWS, Kind.ACCOUNT, Kind.ORDERS])
def kind(request, monkeypatch) -> Kind:
    """What a mail is about that is written like the one to who registers again."""

    class Notice(Values):
        about: ClassVar[Kind] = request.param
        name: Name

    monkeypatch.setitem(TEMPLATES, "already_registered", Notice)
    return Kind(request.param)


def send(user, once="one"):
    return service.send_email(
        DEFAULT,
        once=once,
        to="anna@shop.example",
        template="already_registered",
        language="en",
        values={"name": "Anna"},
        reader=Reader(user) if user else None,
    )


def test_news_have_to_be_asked_for_and_what_is_necessary_always_comes(anna):
    assert anna.get(SETTINGS) == {
        **dict.fromkeys(("email", "sms", "push", "line"), AT_FIRST),
        "inapp": AT_FIRST | {"news": True},
        "quietHours": None,
    }
    assert anna.get("/notifications/preferences") == anna.get(SETTINGS)


def test_only_what_is_sent_changes(anna):
    anna.put(SETTINGS, {"email": {"news": True}, "sms": {"reminders": False}})

    chosen = anna.put("/notifications/preferences", {"email": {"reminders": False}})

    assert chosen["email"] == AT_FIRST | {"news": True, "reminders": False}
    assert chosen["sms"] == AT_FIRST | {"reminders": False}
    assert anna.get(SETTINGS) == chosen
    assert anna.put(SETTINGS, {}) == chosen


@pytest.mark.parametrize(
    "body",
    [
        {"email": {"orders": False}},
        {"email": {"account": False}},
        {"fax": {}},
        {"email": {"news": None}},
        {"email": 1},
    ],
)
def test_what_can_not_be_chosen_is_refused(anna, body):
    assert refusal(anna.call("PUT", SETTINGS, body)) == (400, "validation_failed")
    assert store.preferences_of(DEFAULT, anna.principal.known_user).version == 0


def test_a_mail_comes_only_to_those_who_want_its_kind(anna, kind):
    necessary = kind in (Kind.ACCOUNT, Kind.ORDERS)
    user = anna.principal.known_user
    unwanted = Preferences(DEFAULT, user).changed({"email": {kind: False}, "sms": {kind: True}})
    store_it(unwanted)
    assert send(user) is (Outcome.SUCCESS if necessary else Outcome.SKIPPED)
    assert mails() == int(necessary)

    store_it(unwanted.changed({"email": {kind: True}}))
    assert send(user, "two") is Outcome.SUCCESS
    assert mails() == int(necessary) + 1


def test_who_has_no_account_gets_what_nobody_has_to_ask_for(aws, kind):
    assert send(None) is (Outcome.SKIPPED if kind is Kind.NEWS else Outcome.SUCCESS)


def test_two_who_choose_at_once_both_get_what_they_asked_for(anna, monkeypatch):
    old, read, seen = service.preferences_of(anna.principal), store.preferences_of, []
    anna.put(SETTINGS, {"sms": {"news": True}})

    def late(*args):
        seen.append(args)
        return old if len(seen) == 1 else read(*args)

    monkeypatch.setattr(store, "preferences_of", late)
    chosen = anna.put(SETTINGS, {"email": {"news": True}})

    assert [channel for channel in CHANNELS if chosen[channel]["news"]] == ["email", "sms", "inapp"]


def store_it(preferences):
    store.PreferencesRecord.of(
        preferences, pk=f"T#{preferences.organization}#USR#{preferences.user}", sk="PREFERENCES"
    ).save()
