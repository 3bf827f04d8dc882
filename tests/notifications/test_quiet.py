"""Quiet hours: what waits, what does not, and that it is told once."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from moto.sns.models import sns_backends

from chalicelib.core import clock
from chalicelib.core.queues import Outcome
from chalicelib.notifications import service as notifications
from chalicelib.notifications.channels import push
from chalicelib.notifications.devices import service as devices
from chalicelib.notifications.model import Reader
from chalicelib.notifications.quiet import service
from chalicelib.notifications.quiet.model import QuietHours
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.profiles.conftest import anna, refusal
from tests.stack import ACCOUNT, REGION, client

assert anna

SETTINGS = "/users/notifications/settings"
PHONE = "+66812345678"
LIVE = {"event": "Run", "link": "https://shop.example/e", "unsubscribe": "https://shop.example/n"}
CHANGED = {"name": "Anna"}
NIGHT = QuietHours(time(22), time(7), "Asia/Bangkok")


@pytest.fixture
def rung(monkeypatch) -> list[str]:
    told: list[str] = []

    class Phone:
        def send(self, token: str, message: Any) -> str:
            told.append(message.title)
            return "sent"

    monkeypatch.setattr(push, "of_platform", lambda *_: Phone())
    return told


def texts() -> list[str]:
    return [text for _, text in sns_backends[ACCOUNT][REGION].sms_messages.values()]


def text(person, template="event_live", values=LIVE, once="one") -> Outcome:
    reader = Reader(person.principal.known_user) if person else None
    return notifications.send_text(
        DEFAULT, once=once, to=PHONE, template=template, language="en", values=values, reader=reader
    )


def now_is_quiet(person, *, hours: int = 2) -> None:
    """From an hour ago on, so many hours."""
    begin = clock.now() - timedelta(hours=1)
    end = begin + timedelta(hours=hours)
    body = {"start": f"{begin:%H:%M}", "end": f"{end:%H:%M}", "zone": "UTC"}
    person.put(SETTINGS, {"quietHours": body, "sms": {"reminders": True}})


def later(by: timedelta = timedelta(hours=2)) -> None:
    with clock.travel(by):
        service.release_due()
        deliver.all()


def waiting() -> int:
    rows = client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"]
    return sum("#WAITING#" in row["pk"]["S"] or row["pk"]["S"].startswith("G#DUE#quiet") for row in rows)


# --- the clock ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "2026-11-22T14:59:00", None),  # 21:59 in Bangkok
        (NIGHT, "2026-11-22T15:00:00", "2026-11-23T00:00:00"),
        (NIGHT, "2026-11-22T17:30:00", "2026-11-23T00:00:00"),
        (NIGHT, "2026-11-22T23:59:59", "2026-11-23T00:00:00"),
        (NIGHT, "2026-11-23T00:00:00", None),
        (QuietHours(time(12), time(14), "UTC"), "2026-11-22T13:00:00", "2026-11-22T14:00:00"),
        (QuietHours(time(12), time(14), "UTC"), "2026-11-22T14:00:00", None),
        (QuietHours(time(0), time(7), "UTC"), "2026-11-22T00:00:00", "2026-11-22T07:00:00"),
        (QuietHours(time(22), time(0), "UTC"), "2026-11-22T23:00:00", "2026-11-23T00:00:00"),
        (QuietHours(time(22), time(7), "Europe/Berlin"), "2026-03-28T23:00:00", "2026-03-29T05:00:00"),
        (QuietHours(time(22), time(7), "Europe/Berlin"), "2026-10-24T23:00:00", "2026-10-25T06:00:00"),
        (QuietHours(time(1), time(2, 30), "Europe/Berlin"), "2026-03-29T00:30:00", "2026-03-29T01:30:00"),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_their_zone(hours, now, until):
    found = hours.ending(datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert found == (datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None)


# --- settings -----------------------------------------------------------------------------------------------


def test_they_are_chosen_kept_and_ended(anna):
    assert anna.get(SETTINGS)["quietHours"] is None

    body = {"start": "22:00", "end": "07:30", "zone": "Asia/Bangkok"}
    assert anna.put(SETTINGS, {"quietHours": body})["quietHours"] == body
    assert anna.put(SETTINGS, {"email": {"news": True}})["quietHours"] == body

    assert anna.put(SETTINGS, {"quietHours": None})["quietHours"] is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"zone": "Asia/Atlantis"}, "invalid_zone"),
        ({"zone": "../../etc/passwd"}, "invalid_zone"),
        ({"end": "22:00"}, "invalid_quiet_hours"),
    ],
)
def test_what_is_no_time_is_refused(anna, changed, code):
    body = {"start": "22:00", "end": "07:30", "zone": "Asia/Bangkok"} | changed

    assert refusal(anna.call("PUT", SETTINGS, {"quietHours": body})) == (400, code)
    assert anna.get(SETTINGS)["quietHours"] is None


# --- what waits ---------------------------------------------------------------------------------------------


def test_a_text_waits_and_is_sent_once(anna):
    now_is_quiet(anna)

    assert [text(anna) for _ in range(2)] == [Outcome.SUCCESS] * 2
    assert texts() == []
    later(timedelta(minutes=30))
    assert texts() == []

    later()
    later()

    assert len(texts()) == 1
    assert "Run" in texts()[0]
    assert waiting() == 0
    with clock.travel(timedelta(hours=2)):
        assert text(anna) is Outcome.SKIPPED


def test_nothing_that_is_told_is_kept_readable(anna):
    now_is_quiet(anna)

    text(anna)

    rows = str(client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"])
    assert PHONE not in rows
    assert "https://shop.example/n" not in rows


def test_what_is_about_the_account_waits_for_nobody(anna):
    now_is_quiet(anna)

    text(anna, "password_changed", CHANGED)

    assert len(texts()) == 1


def test_who_has_no_account_has_no_quiet_hours(anna):
    now_is_quiet(anna)

    text(None)

    assert len(texts()) == 1


def test_who_wants_it_no_more_when_the_night_is_over_does_not_get_it(anna):
    now_is_quiet(anna)
    text(anna)
    anna.put(SETTINGS, {"sms": {"reminders": False}})

    later()

    assert texts() == []
    assert waiting() == 0


def test_a_push_waits_and_is_rung_once_and_the_inbox_does_not_wait(anna, rung):
    now_is_quiet(anna)
    devices.register(anna.principal, push.Platform.FCM, "phone-of-anna")

    text(anna)
    deliver.all()
    assert rung == []
    assert len(anna.get("/users/notifications")["items"]) == 1

    later()
    later()

    assert rung == ["The photos of Run are up"]


def test_what_was_read_meanwhile_rings_nobody(anna, rung):
    now_is_quiet(anna)
    devices.register(anna.principal, push.Platform.FCM, "phone-of-anna")
    text(anna)
    deliver.all()
    anna.call("PUT", "/users/notifications")

    later()

    assert rung == []


def test_a_push_about_the_account_rings_at_any_hour(anna, rung):
    now_is_quiet(anna)
    devices.register(anna.principal, push.Platform.FCM, "phone-of-anna")

    text(anna, "password_changed", CHANGED)
    deliver.all()

    assert len(rung) == 1


def test_of_who_is_erased_nothing_waits(anna):
    now_is_quiet(anna)
    text(anna)

    for _ in range(2):
        notifications.erase_person(DEFAULT, anna.principal.known_user)
    later()

    assert texts() == []
    assert waiting() == 0
