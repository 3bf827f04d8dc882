"""The link that ends a kind of notice on a channel, as mail programs and people follow it."""

from urllib.parse import urlsplit

import pytest

from app import app
from chalicelib.accounts import store as people
from chalicelib.core import aws
from chalicelib.core.table import transact
from chalicelib.notifications import service as notifications
from chalicelib.notifications.model import Kind, Reader
from chalicelib.notifications.muting import mute_link
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from infra.local.gateway import Gateway
from tests.profiles.conftest import anna, berta

assert anna
assert berta

NEWS = {"event": "Run", "link": "https://shop.example/e", "unsubscribe": "https://shop.example/n"}


@pytest.fixture
def asked():
    """What goes to SES's second API."""
    seen, event = [], "provide-client-params.sesv2.SendEmail"
    aws.client("sesv2").meta.events.register(event, listen := lambda params, **_: seen.append(params))
    yield seen
    aws.client("sesv2").meta.events.unregister(event, listen)


def tell(reader, once="one"):
    return notifications.send_email(
        DEFAULT, once=once, to="anna@shop.example", template="event_live", language="en", values=NEWS, reader=reader
    )


def header(asked) -> str:
    headers = {each["Name"]: each["Value"] for each in asked[-1]["Content"]["Simple"]["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return headers["List-Unsubscribe"].strip("<>")


def browse(method, link, host=None):
    found = urlsplit(link)
    body = b"List-Unsubscribe=One-Click" if method == "POST" else b""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}
    return Gateway(app).handle(method, f"{found.path}?{found.query}", headers | ({"Host": host} if host else {}), body)


def wants(person) -> bool:
    return person.get("/users/notifications/settings")["email"]["reminders"]


def test_a_mail_program_ends_a_kind_of_mail_with_one_post(anna, asked):
    tell(Reader(anna.principal.known_user))
    link = header(asked)

    shown = browse("GET", link)
    assert (shown.status, wants(anna)) == (200, True)
    assert "<form" in shown.body.decode()

    pressed = [browse("POST", link) for _ in range(2)]

    assert [answer.status for answer in pressed] == [200, 200]
    assert wants(anna) is False
    assert notifications.Outcome.SKIPPED is tell(Reader(anna.principal.known_user), "two")


def test_who_asked_for_an_event_ends_the_event_alone(anna, asked):
    tell(Reader(anna.principal.known_user, asked=True))

    assert header(asked) == NEWS["unsubscribe"]


def test_who_has_no_account_ends_the_event(anna, asked):
    tell(None)

    assert header(asked) == NEWS["unsubscribe"]


def test_another_channel_and_another_kind_stay(anna):
    browse("POST", mute_link(DEFAULT, anna.principal.known_user, "sms", Kind.REMINDERS))

    settings = anna.get("/users/notifications/settings")
    assert settings["sms"]["reminders"] is False
    assert settings["email"]["reminders"] is True
    assert settings["push"]["reminders"] is True


def test_a_link_is_for_one_person_channel_kind_and_organization_alone(anna, berta):
    link = mute_link(DEFAULT, anna.principal.known_user, "email", Kind.REMINDERS)
    elsewhere = mute_link(organizations.create("Other").id, anna.principal.known_user, "email", Kind.REMINDERS)
    forged = [
        link.replace(anna.principal.known_user, berta.principal.known_user),
        link.replace(".email.", ".push."),
        link.replace(".reminders.", ".news."),
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.rpartition(".")[0],
        f"{link}.x",
        elsewhere.replace(urlsplit(elsewhere).netloc, urlsplit(link).netloc),
    ]

    assert {browse(method, each).status for each in forged for method in ("GET", "POST")} == {404}
    assert wants(anna)
    assert wants(berta)


def test_a_link_of_somebody_who_is_gone_leaves_nothing_behind(anna):
    user = anna.principal.known_user
    link = mute_link(DEFAULT, user, "email", Kind.REMINDERS)
    transact(*people.forget(people.find(DEFAULT, user)))

    assert browse("POST", link).status == 404
    assert notifications.personal_data(DEFAULT, user)["settings"] == {}
