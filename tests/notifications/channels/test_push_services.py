"""Everybody who rings devices passes one suite; and what only one of them has."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.core import settings
from chalicelib.core.errors import Invalid, Unavailable
from chalicelib.core.secrets import ApnsSecret, FirebaseSecret, LineSecret, WebPushSecret
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.apns import Apns
from chalicelib.notifications.channels.fcm import Firebase
from chalicelib.notifications.channels.line import Line
from chalicelib.notifications.channels.webpush import Subscription, WebPush, sealed_for
from infra.local.apns import ApnsSandbox
from infra.local.firebase import FirebaseSandbox
from infra.local.line import LineSandbox
from infra.local.webpush import WebPushSandbox
from tests.notifications.channels.contract import TOLD, PushContract

HANG = 0.4
PATIENCE = (0.5, 0.3)
PHONE = "a1" * 32
PERSON = f"U{'0b' * 16}"


@dataclass
class Bench:
    service: Any
    sandbox: Any
    device: str
    gone: str

    def trouble(self, kind: str) -> None:
        self.sandbox.faults.set({"send": {kind: 1}, "hang": HANG})

    def calls(self) -> int:
        return self.sandbox.faults.calls["send"]

    def taken(self) -> int:
        return len(self.sandbox.messages)

    def shown(self) -> list[str]:
        match self.sandbox:
            case FirebaseSandbox():
                return self.sandbox.rung(self.device)
            case ApnsSandbox():
                return self.sandbox.shown(self.device)
            case WebPushSandbox():
                return self.sandbox.shown()
        return [message["text"].partition("\n")[0] for message in self.sandbox.messages]


class TestFirebase(PushContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with FirebaseSandbox(stage="test", hang=HANG) as sandbox:
            sandbox.lose("old-phone", "uninstall")
            account = FirebaseSecret.model_validate(sandbox.account)
            yield Bench(Firebase(account, timeout=PATIENCE), sandbox, "new-phone", "old-phone")


class TestApns(PushContract):
    passing = (*PushContract.passing, "malformed")

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with ApnsSandbox(stage="test", hang=HANG) as sandbox:
            sandbox.gone.add("0c" * 32)
            account = ApnsSecret.model_validate(sandbox.account)
            with closing(Apns(account, timeout=PATIENCE)) as service:
                yield Bench(service, sandbox, PHONE, "0c" * 32)

    def test_a_message_says_what_it_tells(self, bench):
        id = bench.service.send(PHONE, TOLD)

        (message,) = bench.sandbox.messages
        assert message["aps"]["alert"] == {"title": TOLD.title, "body": TOLD.text}
        assert (message["apns_id"], message["collapse"]) == (id, TOLD.id)
        assert (message["id"], message["topic"], message["link"]) == (TOLD.id, TOLD.topic, TOLD.link)

    @pytest.mark.parametrize("token", ["no-token-of-apples", "../../3/device/x"])
    def test_a_token_that_is_none_is_undeliverable(self, bench, token):
        with pytest.raises(Undeliverable):
            bench.service.send(token, TOLD)

    def test_many_messages_share_a_signature_and_a_stale_one_is_replaced(self, bench):
        for _ in range(3):
            bench.service.send(PHONE, TOLD)
        assert len(bench.sandbox.tokens) == 1

        bench.trouble("stale")
        bench.service.send(PHONE, TOLD)

        assert bench.taken() == 4

    def test_somebody_elses_key_rings_nobody(self, bench):
        with ApnsSandbox(stage="test") as another:
            stolen = bench.sandbox.account | {"private_key": another.account["private_key"]}
        with closing(Apns(ApnsSecret.model_validate(stolen))) as service, pytest.raises(Unavailable):
            service.send(PHONE, TOLD)

        assert bench.taken() == 0

    def test_a_service_that_is_not_there_is_tried_again_later(self, bench):
        bench.sandbox.stop()

        with pytest.raises(Unavailable):
            bench.service.send(PHONE, TOLD)


@pytest.fixture
def browsers(monkeypatch) -> Iterator[WebPushSandbox]:
    with WebPushSandbox(stage="test", hang=HANG) as sandbox:
        monkeypatch.setenv("PIX_WEBPUSH_URL", sandbox.url)
        settings.settings.cache_clear()
        yield sandbox
        monkeypatch.undo()
        settings.settings.cache_clear()


class TestWebPush(PushContract):
    passing = (*PushContract.passing, "refused")

    @pytest.fixture
    def bench(self, browsers) -> Bench:
        gone = browsers.subscribe()
        browsers.unsubscribe(gone)
        account = WebPushSecret.model_validate(browsers.account)
        return Bench(WebPush(account, timeout=PATIENCE), browsers, browsers.subscribe().token, gone.token)

    def test_the_browser_alone_reads_what_is_told(self, bench):
        place = bench.service.send(bench.device, TOLD)

        assert "/message/" in place
        assert bench.sandbox.messages == [
            {"title": TOLD.title, "body": TOLD.text, "tag": TOLD.id, "topic": TOLD.topic, "link": TOLD.link}
        ]
        assert TOLD.text.encode() not in sealed_for(Subscription.parse(bench.device), TOLD.text.encode())

    def test_what_was_sealed_for_one_browser_is_nothing_to_another(self, bench):
        other = bench.sandbox.subscribe()
        mixed = Subscription(Subscription.parse(bench.device).endpoint, other.p256dh, other.auth)

        with pytest.raises(Unavailable):
            bench.service.send(mixed.token, TOLD)

        assert bench.taken() == 0

    def test_the_longest_text_fits(self, bench):
        bench.service.send(bench.device, replace(TOLD, title="ก" * 200, text="ก" * 500))

        assert bench.taken() == 1


@pytest.mark.usefixtures("browsers")
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/push/1",
        "http://fcm.googleapis.com/fcm/send/1",
        "https://fcm.googleapis.com:8443/fcm/send/1",
        "https://fcm.googleapis.com@evil.example/1",
        "https://user@fcm.googleapis.com/1",
        "https://fcm.googleapis.com.evil.example/1",
        "https://evilpush.apple.com.example/1",
        "https://.push.apple.com/1",
        "https://evil.example/.push.apple.com",
        "https://evil.example#.push.apple.com",
        "https://evil.example?.push.apple.com",
        "https://evil.example\\.push.apple.com/1",
        "https://evil.example%2f.push.apple.com/1",
        "https://127.0.0.1/1",
        "https://[::1]/1",
        "http://127.0.0.1:1/push/1",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//fcm.googleapis.com/1",
        "",
    ],
)
def test_nothing_is_sent_to_hosts_that_are_no_push_service(browsers, endpoint):
    theirs = browsers.subscribe()
    subscription = Subscription(endpoint, theirs.p256dh, theirs.auth)

    with pytest.raises(Invalid):
        subscription.check()
    with pytest.raises(Undeliverable):
        WebPush(WebPushSecret.model_validate(browsers.account)).send(subscription.token, TOLD)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://web.push.apple.com/QGuQyavXutnMH",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA",
    ],
)
def test_the_browsers_of_the_world_are_known(browsers, endpoint):
    theirs = browsers.subscribe()

    Subscription(endpoint, theirs.p256dh, theirs.auth).check()


@pytest.mark.parametrize("broken", ["p256dh", "auth"])
def test_keys_that_are_none_are_refused(browsers, broken):
    held = browsers.subscribe()
    keys = {"p256dh": held.p256dh, "auth": held.auth, broken: "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"}

    with pytest.raises(Invalid, match="other keys"):
        Subscription(held.endpoint, **keys).check()


class TestLine(PushContract):
    """The only one with an idempotency key."""

    passing = (*PushContract.passing, "refused", "malformed")
    lost = 1

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with LineSandbox(stage="test", hang=HANG) as sandbox:
            sandbox.gone.add(f"U{'0c' * 16}")
            account = LineSecret.model_validate(sandbox.account)
            yield Bench(Line(account, timeout=PATIENCE), sandbox, PERSON, f"U{'0c' * 16}")

    def test_two_notices_are_two(self, bench):
        bench.service.send(PERSON, TOLD)
        bench.service.send(PERSON, replace(TOLD, id="ntf_2"))

        assert bench.taken() == 2

    def test_a_message_is_what_the_inbox_shows(self, bench):
        bench.service.send(PERSON, TOLD)

        (message,) = bench.sandbox.messages
        assert message["text"] == f"{TOLD.title}\n{TOLD.text}\n{TOLD.link}"


@pytest.mark.parametrize("make", [ApnsSandbox, LineSandbox, WebPushSandbox])
def test_a_sandbox_takes_no_part_in_a_stage_that_others_use(make):
    with pytest.raises(RuntimeError, match="takes no part"):
        make(stage="prod")
