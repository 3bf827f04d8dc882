"""People link LINE, and hear there what lands in their inbox."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app import app
from chalicelib.core import clock
from chalicelib.notifications.channels.push import Platform
from chalicelib.notifications.devices import store
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.model import Kind
from chalicelib.organizations.service import DEFAULT
from infra.local.gateway import Gateway
from infra.local.line import LineSandbox
from tests import deliver
from tests.notifications.channels.conftest import stage_of
from tests.profiles.conftest import anna, berta, refusal
from tests.stack import client

assert anna
assert berta
assert stage_of

PATH = "/users/notifications/line"
LINE_OF_ANNA = f"U{'0a' * 16}"


@pytest.fixture
def line(stage_of) -> Iterator[LineSandbox]:
    with LineSandbox(stage="test", hang=0.3) as sandbox:
        stage_of(line_of_organizations={DEFAULT: sandbox.account})
        yield sandbox


def webhook(line: LineSandbox, text: str = "", *, kind: str = "message", person: str = LINE_OF_ANNA, forge: str = ""):
    body, signature = line.webhook(person, kind, text)
    headers = {"Content-Type": "application/json", "X-Line-Signature": forge or signature}
    return Gateway(app).handle("POST", "/notices/line", headers, body)


def link(line: LineSandbox, person, on: str = LINE_OF_ANNA) -> str:
    code = str(person.call("POST", PATH).json()["data"]["code"])
    assert webhook(line, code, person=on).status == 200
    return code


def linked(person) -> list[Platform]:
    return [device.platform for device in store.devices_of(DEFAULT, person.principal.known_user).devices]


def tell(person, occasion="one", kind=Kind.ORDERS):
    user = person.principal.known_user
    inbox.receive(DEFAULT, user, occasion=occasion, kind=kind, topic="refunded", title=occasion, text="text")
    deliver.all()


def test_who_sends_the_code_is_written_to(line, anna):
    answer = anna.call("POST", PATH)
    offered = answer.json()["data"]
    assert answer.status == 202
    assert re.fullmatch("[2-9A-Z]{12}", offered["code"])
    assert offered["link"] == f"https://line.me/R/oaMessage/%40pixlocal/?{offered['code']}"

    assert webhook(line, f" {offered['code'].lower()} ").status == 200
    tell(anna)

    assert anna.get("/users/notifications/devices")["items"][0]["platform"] == "line"
    assert [(message["to"], message["text"]) for message in line.messages] == [(LINE_OF_ANNA, "one\ntext")]


def test_a_code_is_used_once_and_a_webhook_may_come_twice(line, anna):
    code = link(line, anna)

    assert webhook(line, code).status == 200
    assert webhook(line, code, person=f"U{'0d' * 16}").status == 200

    tell(anna)
    assert [message["to"] for message in line.messages] == [LINE_OF_ANNA]


def test_a_code_is_good_for_ten_minutes(line, anna):
    code = anna.call("POST", PATH).json()["data"]["code"]

    with clock.travel(timedelta(minutes=10, seconds=1)):
        webhook(line, code)

    assert linked(anna) == []


def test_a_webhook_that_line_did_not_sign_links_nobody(line, anna):
    code = anna.call("POST", PATH).json()["data"]["code"]

    assert refusal(webhook(line, code, forge="AAAA")) == (401, "invalid_signature")
    assert refusal(webhook(line, code, forge="ü")) == (401, "invalid_signature")
    with LineSandbox(stage="test") as another:
        assert refusal(webhook(another, code)) == (401, "invalid_signature")

    assert linked(anna) == []


def test_what_is_written_in_a_group_links_nobody(line, anna, monkeypatch):
    code = anna.call("POST", PATH).json()["data"]["code"]
    sign = LineSandbox.webhook

    def in_a_group(sandbox, person, kind="message", text=""):
        import base64
        import hashlib
        import hmac

        body, _ = sign(sandbox, person, kind, text)
        body = body.replace(b'"type": "user"', b'"type": "group", "groupId": "C1"')
        mac = hmac.new(sandbox.account["channel_secret"].encode(), body, hashlib.sha256).digest()
        return body, base64.b64encode(mac).decode()

    monkeypatch.setattr(LineSandbox, "webhook", in_a_group)
    assert webhook(line, code).status == 200

    assert linked(anna) == []


def test_other_words_and_other_events_change_nothing(line, anna):
    for kind, text in (("message", "hello"), ("message", "ABCDEFGHJKLM"), ("follow", ""), ("postback", "")):
        assert webhook(line, text, kind=kind).status == 200

    assert linked(anna) == []
    assert line.messages == []


def test_who_blocks_the_account_is_written_to_no_more(line, anna):
    link(line, anna)

    for _ in range(2):
        assert webhook(line, kind="unfollow").status == 200

    assert linked(anna) == []


def test_who_is_gone_is_forgotten_by_the_next_message(line, anna):
    link(line, anna)
    line.gone.add(LINE_OF_ANNA)

    tell(anna)

    assert linked(anna) == []


def test_an_account_of_line_is_of_who_linked_it_last(line, anna, berta):
    link(line, anna)
    link(line, berta)

    assert (linked(anna), linked(berta)) == ([], [Platform.LINE])


def test_a_person_ends_it(line, anna):
    link(line, anna)

    for _ in range(2):
        assert anna.call("DELETE", PATH).status == 204

    tell(anna)
    assert line.messages == []


def test_line_is_a_channel_of_its_own(line, anna):
    link(line, anna)
    anna.put("/users/notifications/settings", {"line": {"reminders": False}})

    tell(anna, "reminder", Kind.REMINDERS)
    tell(anna, "order")

    assert [message["text"] for message in line.messages] == ["order\ntext"]


def test_nobody_registers_a_line_account_as_a_device(line, anna):
    body = {"platform": "line", "token": LINE_OF_ANNA}

    assert anna.call("POST", "/users/notifications/devices", body).status == 400


def test_an_organization_without_an_account_offers_none(stage_of, anna):
    stage_of()

    assert refusal(anna.call("POST", PATH)) == (422, "platform_not_supported")
    with LineSandbox(stage="test") as another:
        assert refusal(webhook(another)) == (401, "invalid_signature")


def test_neither_code_nor_account_is_kept_readable(line, anna):
    code = anna.call("POST", PATH).json()["data"]["code"]
    link(line, anna)

    rows = str(client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"])
    assert code not in rows
    assert LINE_OF_ANNA not in rows
