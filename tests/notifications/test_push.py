"""Devices that ring, through a Firebase of this machine."""

import json
from collections.abc import Iterator

import jwt
import pytest

from chalicelib.core import sealing, secrets
from chalicelib.core.errors import Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.secrets import FirebaseSecret
from chalicelib.notifications import service as notifications
from chalicelib.notifications.channels import Undeliverable, push
from chalicelib.notifications.channels.fcm import Firebase
from chalicelib.notifications.channels.push import Push
from chalicelib.notifications.devices import jobs, service, store
from chalicelib.notifications.devices.model import MOST, device_id
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.inbox.messages import NotificationCreated
from chalicelib.notifications.model import Kind
from chalicelib.organizations.service import DEFAULT
from infra.local.firebase import FirebaseSandbox
from tests import deliver
from tests.profiles.conftest import Person, anna, berta, refusal
from tests.stack import client

assert anna
assert berta

PATH = "/notifications/push-token"
PHONE = "phone:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx"
TOLD = Push("ntf_1", "refunded", "Your refund", "฿59.00", "https://shop.example/orders/ord_1")


@pytest.fixture(scope="module")
def running() -> Iterator[FirebaseSandbox]:
    with FirebaseSandbox(stage="test", hang=0.3) as sandbox:
        yield sandbox


@pytest.fixture
def fcm(running: FirebaseSandbox) -> FirebaseSandbox:
    running.messages.clear()
    running.tokens.clear()
    running.gone.clear()
    running.faults.set({"hang": 0.3})
    return running


@pytest.fixture
def service_of(fcm, monkeypatch) -> Firebase:
    """The platform's service, whose answers it waits for a tenth of a second."""
    made = Firebase(FirebaseSecret.model_validate(fcm.account), timeout=(1, 0.5))
    monkeypatch.setattr(push, "of_platform", lambda *_: made)
    return made


def register(person: Person, token: str = PHONE) -> None:
    assert person.call("POST", PATH, {"token": token}).status == 204


def tell(person: Person, title: str = "News", kind: Kind = Kind.ORDERS) -> NotificationCreated:
    user = person.principal.known_user
    inbox.receive(
        DEFAULT, user, occasion=title, kind=kind, topic="refunded", title=title, text="text", page="/orders/1"
    )
    created = [fact for fact in deliver.facts() if isinstance(fact, NotificationCreated) and fact.user == user]
    return created[-1]


def devices(person: Person) -> list[str]:
    return [device.id for device in store.devices_of(DEFAULT, person.principal.known_user).devices]


def table() -> str:
    return json.dumps(client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"])


# --- the wire -----------------------------------------------------------------------------------------------


def test_a_message_goes_to_one_device_with_what_it_is_known_by(service_of, fcm):
    assert service_of.send(PHONE, TOLD).startswith("projects/thepixstock-local/messages/")

    (message,) = fcm.messages
    assert message["token"] == PHONE
    assert message["notification"] == {"title": "Your refund", "body": "฿59.00"}
    assert message["data"] == {"id": "ntf_1", "topic": "refunded", "link": TOLD.link}
    tags = (message["android"]["notification"]["tag"], message["apns"]["headers"]["apns-collapse-id"])
    assert {*tags, message["webpush"]["notification"]["tag"]} == {"ntf_1"}


def test_an_access_token_is_asked_for_once_an_hour(service_of, fcm):
    for _ in range(3):
        service_of.send(PHONE, TOLD)
    assert len(fcm.tokens) == 1

    fcm.faults.set({"token": {"short": 2}})
    short = Firebase(FirebaseSecret.model_validate(fcm.account))
    for _ in range(2):
        short.send(PHONE, TOLD)
    assert len(fcm.tokens) == 3


def test_an_access_token_that_was_taken_back_is_replaced(service_of, fcm):
    service_of.send(PHONE, TOLD)
    fcm.faults.set({"send": {"stale": 1}})

    service_of.send(PHONE, TOLD)

    assert len(fcm.messages) == 2


@pytest.mark.parametrize("token", ["malformed-token", "uninstall", "foreign"])
def test_a_token_that_firebase_never_takes_is_undeliverable(service_of, fcm, token):
    if token != "malformed-token":
        fcm.lose(token, token)

    with pytest.raises(Undeliverable):
        service_of.send(token, TOLD)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        *(("token", fault) for fault in ("timeout", "refused", "garbage")),
        *(("send", fault) for fault in ("timeout", "lost", "error", "unavailable", "quota", "garbage", "redirect")),
        ("send", "malformed"),
    ],
)
def test_what_goes_wrong_there_is_tried_again_later(service_of, fcm, call, fault):
    fcm.faults.set({call: {fault: 1}, "hang": 0.3})

    with pytest.raises(Unavailable):
        service_of.send(PHONE, TOLD)
    service_of.send(PHONE, TOLD)

    assert fcm.rung(PHONE) == ["Your refund"]


def test_an_assertion_of_somebody_else_gets_no_token(fcm):
    with FirebaseSandbox(stage="test") as another:
        stolen = fcm.account | {"private_key": another.account["private_key"]}

        with pytest.raises(Unavailable):
            Firebase(FirebaseSecret.model_validate(stolen)).send(PHONE, TOLD)

    assert fcm.tokens == []


def test_the_sandbox_starts_on_no_stage_of_others():
    with pytest.raises(RuntimeError):
        FirebaseSandbox(stage="prod")


# --- devices ------------------------------------------------------------------------------------------------


def test_a_device_rings_for_what_is_new(anna, service_of, fcm):
    register(anna)

    assert jobs.ring(tell(anna)) is Outcome.SUCCESS

    (message,) = fcm.messages
    assert message["data"]["link"] == "http://127.0.0.1:8000/orders/1"
    assert fcm.rung(PHONE) == ["News"]


def test_told_again_it_rings_once(anna, service_of, fcm):
    register(anna)
    fact = tell(anna)

    for _ in range(3):
        jobs.ring(fact)

    assert len(fcm.messages) == 1


def test_the_other_devices_ring_though_one_fails(anna, service_of, fcm):
    for token in ("first-device", "second-device"):
        register(anna, token)
    fact = tell(anna)
    fcm.faults.set({"send": {"error": 1}})

    with pytest.raises(Unavailable):
        jobs.ring(fact)
    assert [fcm.rung(token) for token in ("first-device", "second-device")] == [[], ["News"]]
    jobs.ring(fact)

    assert [message["token"] for message in fcm.messages] == ["second-device", "first-device"]


def test_a_device_without_the_app_is_forgotten(anna, service_of, fcm):
    for token in ("first-device", "second-device"):
        register(anna, token)
    fcm.lose("first-device", "uninstall")

    assert jobs.ring(tell(anna)) is Outcome.SUCCESS

    assert devices(anna) == [device_id(push.Platform.FCM, "second-device")]
    assert fcm.rung("second-device") == ["News"]


def test_nobody_is_rung_for_what_is_read_or_not_wanted_or_without_a_device(anna, berta, service_of, fcm):
    register(anna)
    anna.put("/notifications/preferences", {"push": {"reminders": False}})
    read = tell(anna, "read")
    anna.call("PUT", "/notifications/read-all")

    outcomes = [jobs.ring(fact) for fact in (read, tell(anna, "b", Kind.REMINDERS), tell(anna, "c", Kind.NEWS))]

    assert {*outcomes, jobs.ring(tell(berta))} == {Outcome.SKIPPED}
    assert jobs.ring(tell(anna, "d", Kind.ACCOUNT)) is Outcome.SUCCESS
    assert fcm.rung(PHONE) == ["d"]


def test_a_device_rings_for_who_registered_it_last(anna, berta, service_of, fcm):
    register(anna)
    register(berta)

    assert (devices(anna), len(devices(berta))) == ([], 1)
    assert jobs.ring(tell(anna)) is Outcome.SKIPPED
    assert jobs.ring(tell(berta, "for Berta")) is Outcome.SUCCESS
    assert fcm.rung(PHONE) == ["for Berta"]


def test_ten_devices_ring_and_another_one_drops_the_oldest(anna, service_of):
    for number in range(MOST):
        register(anna, f"device-{number}")
    register(anna, "device-0")
    register(anna, "the-newest")

    gone = device_id(push.Platform.FCM, "device-1")
    assert len(devices(anna)) == MOST
    assert gone not in devices(anna)
    assert store.owner_of(DEFAULT, gone) is None


def test_a_device_is_taken_back_twice_and_by_nobody_else(anna, berta, service_of):
    register(anna)
    register(anna, "second-device")

    assert berta.call("DELETE", PATH, {"token": PHONE}).status == 204
    assert len(devices(anna)) == 2
    for _ in range(2):
        assert anna.call("DELETE", PATH, {"token": PHONE}).status == 204
    assert devices(anna) == [device_id(push.Platform.FCM, "second-device")]
    assert anna.call("DELETE", PATH).status == 204
    assert devices(anna) == []
    assert "#DEVICE#" not in table()


def test_a_token_is_stored_sealed_and_under_its_digest(anna, service_of):
    register(anna)

    assert PHONE not in table()
    (device,) = store.devices_of(DEFAULT, anna.principal.known_user).devices
    assert sealing.unseal(DEFAULT, f"push-token#{device.id}", device.token) == PHONE
    assert PHONE not in repr(device)


def test_two_who_register_at_once_both_count(anna, service_of, monkeypatch):
    stale, read, seen = store.devices_of(DEFAULT, anna.principal.known_user), store.devices_of, []
    register(anna, "first-device")

    def late(*args):
        seen.append(args)
        return stale if len(seen) == 1 else read(*args)

    monkeypatch.setattr(store, "devices_of", late)
    register(anna, "second-device")

    assert len(devices(anna)) == 2


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "short"}, {"token": "with a blank inside"}])
def test_what_is_no_token_is_refused(anna, service_of, body):
    assert refusal(anna.call("POST", PATH, body)) == (400, "validation_failed")


@pytest.mark.parametrize("platform", ["fcm", "apns"])
def test_a_platform_that_the_stage_has_no_account_at_is_refused(anna, platform, monkeypatch):
    held = secrets.secrets().model_copy(update={"firebase": None})
    monkeypatch.setattr(push, "secrets", lambda: held)

    answer = anna.call("POST", PATH, {"token": PHONE, "platform": platform})

    assert refusal(answer) == (422, "platform_not_supported")
    assert devices(anna) == []


def test_the_account_is_the_stages_and_keeps_its_access_token(aws, fcm, monkeypatch):
    held = secrets.secrets().model_copy(update={"firebase": FirebaseSecret.model_validate(fcm.account)})
    monkeypatch.setattr(push, "secrets", lambda: held)

    for _ in range(2):
        push.of_platform(push.Platform.FCM, DEFAULT).send(PHONE, TOLD)

    assert len(fcm.tokens) == 1
    assert fcm.account["private_key"] not in repr(held)


def test_devices_are_exported_and_erased(anna, service_of):
    register(anna)
    user = anna.principal.known_user

    (told,) = notifications.personal_data(DEFAULT, user)["devices"]
    assert told["platform"] == "fcm"
    for _ in range(2):
        notifications.erase_person(DEFAULT, user)

    assert "DEVICE" not in table()
    assert service.personal_data(DEFAULT, user) == []


def test_the_sandbox_reads_assertions_as_google_does(fcm):
    unsigned = jwt.encode({"iss": "somebody"}, "k" * 32, algorithm="HS256")

    assert fcm.give_token("urn:ietf:params:oauth:grant-type:jwt-bearer", unsigned).status == 400
    assert fcm.give_token("password", unsigned).status == 400
