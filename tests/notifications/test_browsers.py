"""Browsers and Apple's devices, registered over HTTP and rung by what lands in the inbox."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from chalicelib.core import settings
from chalicelib.core.errors import Unavailable
from chalicelib.core.secrets import ApnsSecret
from chalicelib.notifications.channels.apns import apns
from chalicelib.notifications.channels.webpush import Subscription
from chalicelib.notifications.devices import jobs, store
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.inbox.messages import NotificationCreated
from chalicelib.notifications.model import Kind
from chalicelib.organizations.service import DEFAULT
from infra.local.apns import ApnsSandbox
from infra.local.webpush import WebPushSandbox
from tests import deliver
from tests.notifications.channels.conftest import stage_of
from tests.profiles.conftest import anna, refusal
from tests.stack import client

assert anna
assert stage_of

PATH = "/users/notifications/devices"
PHONE = "a1" * 32


@pytest.fixture
def browsers(stage_of, monkeypatch) -> Iterator[WebPushSandbox]:
    with WebPushSandbox(stage="test", hang=0.3) as sandbox:
        monkeypatch.setenv("PIX_WEBPUSH_URL", sandbox.url)
        stage_of(webpush=sandbox.account)
        settings.settings.cache_clear()
        yield sandbox


def body(held: Subscription):
    return {"platform": "webpush", "token": held.endpoint, "keys": {"p256dh": held.p256dh, "auth": held.auth}}


def tell(person, occasion="News") -> NotificationCreated:
    user = person.principal.known_user
    inbox.receive(DEFAULT, user, occasion=occasion, kind=Kind.ORDERS, topic="refunded", title=occasion, text="text")
    return [fact for fact in deliver.facts() if isinstance(fact, NotificationCreated)][-1]


def registered(person) -> int:
    return len(store.devices_of(DEFAULT, person.principal.known_user).devices)


def test_a_browser_is_rung_as_long_as_it_is_subscribed(browsers, anna):
    held = browsers.subscribe()
    assert anna.call("POST", PATH, body(held)).status == 204

    jobs.ring(tell(anna))
    assert browsers.shown() == ["News"]

    browsers.unsubscribe(held)
    jobs.ring(tell(anna, "Later"))
    assert registered(anna) == 0


def test_it_is_one_browser_whatever_its_keys_are(browsers, anna):
    held, renewed = browsers.subscribe(), browsers.subscribe()
    for keys in (held, renewed):
        assert anna.call("POST", PATH, body(Subscription(held.endpoint, keys.p256dh, keys.auth))).status == 204

    assert registered(anna) == 1
    assert anna.call("DELETE", PATH, {"token": held.endpoint}).status == 204
    assert registered(anna) == 0


def test_a_lost_answer_is_shown_once(browsers, anna):
    anna.call("POST", PATH, body(browsers.subscribe()))
    fact = tell(anna)
    browsers.faults.set({"send": {"lost": 1}})

    with pytest.raises(Unavailable):
        jobs.ring(fact)
    jobs.ring(fact)
    jobs.ring(fact)

    assert len(browsers.messages) == 2
    assert browsers.shown() == ["News"]


def test_a_browser_reads_the_key_with_which_it_subscribes(browsers, anna):
    told = anna.get(PATH)

    assert told["items"] == []
    assert len(told["webPushKey"]) == 87


def test_addresses_inside_are_refused(browsers, anna):
    held = browsers.subscribe()
    inside = Subscription("http://169.254.169.254/latest", held.p256dh, held.auth)

    assert refusal(anna.call("POST", PATH, body(inside))) == (400, "unknown_push_service")
    assert refusal(anna.call("POST", PATH, body(held) | {"keys": None})) == (400, "required")
    short = body(held) | {"keys": {"p256dh": held.auth, "auth": held.auth}}
    assert refusal(anna.call("POST", PATH, short)) == (400, "invalid_push_keys")
    assert registered(anna) == 0


def test_what_a_browser_gave_is_kept_sealed(browsers, anna):
    held = browsers.subscribe()
    anna.call("POST", PATH, body(held))

    rows = str(client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"])
    assert [secret for secret in (held.endpoint, held.p256dh, held.auth) if secret in rows] == []


def test_a_phone_of_apples_is_rung_until_the_app_is_gone(stage_of, anna):
    with ApnsSandbox(stage="test", hang=0.3) as apple, closing(apns(ApnsSecret.model_validate(apple.account))):
        stage_of(apns=apple.account)
        assert anna.call("POST", PATH, {"platform": "apns", "token": PHONE}).status == 204

        jobs.ring(tell(anna))
        assert apple.shown(PHONE) == ["News"]

        apple.gone.add(PHONE)
        jobs.ring(tell(anna, "Later"))
        assert registered(anna) == 0
