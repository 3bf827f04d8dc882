"""Secrets and addresses sent through every flow, then looked for where they must not be."""

import io
import json
from datetime import timedelta

import boto3
import pytest

from chalicelib.accounts import store
from chalicelib.core import clock, log
from tests import deliver, stack
from tests.accounts.conftest import stored

pytestmark = pytest.mark.usefixtures("aws")

EMAIL = "canary.bird@shop.example"
PASSWORD = "yellow canary sings 7319"
NAME = "Canary Birdsong"


@pytest.fixture
def logged():
    stream = io.StringIO()
    log.configure(stream)
    yield stream
    log.configure()


def queued() -> str:
    """The text of everything that waits in the queues."""
    sqs, texts = boto3.client("sqs"), []
    for name in stack.QUEUES:
        url = stack.ENVIRONMENT[f"PIX_{name.upper()}_QUEUE"]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        texts += [message["Body"] for message in messages]
    return "\n".join(texts)


def tables() -> str:
    dynamodb = boto3.client("dynamodb")
    names = dynamodb.list_tables()["TableNames"]
    return "\n".join(json.dumps(dynamodb.scan(TableName=name)["Items"]) for name in names)


def test_no_secret_is_stored_queued_or_logged(browser, mailbox, logged, monkeypatch):
    outbox_seen, queues_seen = [], []
    form = {"email": EMAIL, "password": PASSWORD, "name": NAME}

    def settle() -> None:
        outbox_seen.append(json.dumps([item for item in stored() if "#OUT#" in item["pk"]["S"]]))
        relayed = deliver.relay()
        queues_seen.append(queued())
        assert relayed == queues_seen[-1].count('"handler"')

    browser.post("/auth/register", form)
    settle()
    deliver.queue("emails")
    code = mailbox.code(EMAIL)
    proof = {"email": EMAIL, "code": code, "password": PASSWORD}
    browser.post("/auth/verify", proof | {"code": "000000" if code != "000000" else "000001"})
    verified = browser.post("/auth/verify", proof).json()["data"]
    browser.post("/auth/register", form | {"password": "another canary 2204"})
    settle()
    login = browser.post("/auth/login", {"email": EMAIL, "password": PASSWORD}).json()["data"]
    browser.post("/auth/login", {"email": EMAIL, "password": "a wrong canary 5521"})
    following = browser.post("/auth/refresh", {"refreshToken": login["refreshToken"]}).json()["data"]
    with clock.travel(timedelta(minutes=1)):
        browser.post("/auth/refresh", {"refreshToken": login["refreshToken"]})
    monkeypatch.setattr(store, "find_by_address", lambda *_: 1 / 0)
    assert browser.post("/auth/login", {"email": EMAIL, "password": PASSWORD}).status == 500
    browser.post("/auth/logout", token=verified["accessToken"])

    tokens = [pair[name] for pair in (verified, login, following) for name in ("accessToken", "refreshToken")]
    secrets_of_refresh = [pair["refreshToken"].partition(".")[2] for pair in (verified, login, following)]
    typed = [PASSWORD, "another canary 2204", "a wrong canary 5521"]
    lines = logged.getvalue()
    assert "a refresh token that is not current" in lines
    assert "unexpected failure" in lines
    everywhere = {
        "tables": tables(),
        "outbox": "\n".join(outbox_seen),
        "queues": "\n".join(queues_seen),
        "logs": lines,
    }
    assert all(everywhere.values())
    for place, text in everywhere.items():
        for secret in [*tokens, *secrets_of_refresh, *typed]:
            assert secret not in text, place
        assert f'"{code}"' not in text, place
    for place in ("outbox", "queues", "logs"):
        for trace in ("canary.bird", NAME, "Birdsong"):
            assert trace not in everywhere[place], place
    assert code not in everywhere["outbox"] + everywhere["queues"]
