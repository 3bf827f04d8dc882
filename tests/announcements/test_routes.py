"""Hearing of events over HTTP."""

import json
import re

import pytest

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.organizations.service import DEFAULT
from infra.local.gateway import Gateway
from tests import deliver
from tests.announcements.conftest import MAIL, mails
from tests.profiles.conftest import PASSWORD, person, refusal

NEWS = {"texts": {"en": {"title": "It rains", "text": "Take a coat."}}, "audience": "all"}


@pytest.fixture
def ask(aws):
    accounts.create_user(DEFAULT, email="boss@shop.example", password=PASSWORD, name="Boss", roles=["admin"])
    tokens = accounts.log_in(DEFAULT, email="boss@shop.example", password=PASSWORD)
    assert isinstance(tokens, Tokens)

    def send(method, path, body=None, *, token=None, by_staff=False):
        headers = {"Content-Type": "application/json"}
        if by_staff or token:
            headers["Authorization"] = f"Bearer {token or tokens.access_token}"
        return Gateway(app).handle(method, path, headers, b"" if body is None else json.dumps(body).encode())

    return send


def test_a_visitor_asks_proves_and_reads_and_the_organizer_counts(wait, ask):
    at = f"/events/{wait.event.id}"
    assert ask("POST", f"{at}/notices", {"email": MAIL, "language": "en"}).status == 202
    deliver.all()
    (code,) = set(re.findall(r"(?<![#\w])\d{6}\b", mails(MAIL)[0].body))
    wrong = "000000" if code != "000000" else "000001"
    assert refusal(ask("PUT", f"{at}/notices", {"email": MAIL, "code": wrong})) == (400, "invalid_code")
    assert ask("PUT", f"{at}/notices", {"email": MAIL, "code": code, "language": "en"}).status == 204
    wait.go()

    said = ask("POST", f"{at}/announce", NEWS, by_staff=True)
    deliver.all()

    told = ask("GET", f"{at}/announce", by_staff=True).json()["data"]["items"]
    assert [(each["kind"], each["audience"], each["sent"], each["failed"]) for each in told] == [
        ("announcement", "all", 1, 0),
        ("live", "registered", 1, 0),
    ]
    shown = ask("GET", f"/events/{wait.event.slug}/announcements").json()["data"]["items"]
    assert shown == [{"id": said.json()["data"]["id"], "at": told[0]["at"], "texts": NEWS["texts"]}]


def test_who_has_an_account_stops_by_it_and_a_visitor_has_none(wait, ask):
    anna = person("anna")
    wait.register(anna.principal, email=MAIL)
    at = f"/events/{wait.event.id}/notices"

    assert refusal(ask("DELETE", at)) == (401, "sign_in_required")
    assert ask("DELETE", at, token=anna.token).status == 204
    assert wait.known(MAIL).left_at is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "address_required"),
        ({"email": MAIL, "phone": "+66812345678"}, "address_required"),
        ({"email": "nobody"}, "invalid_email"),
        ({"phone": "+6621234567"}, "invalid_phone"),
        ({"email": MAIL, "language": "de"}, "validation_failed"),
    ],
)
def test_an_address_that_nobody_can_write_to_is_refused(wait, ask, body, code):
    assert refusal(ask("POST", f"/events/{wait.event.id}/notices", body)) == (400, code)
    assert deliver.facts() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"texts": {}}, "text_missing"),
        ({"texts": {"en": {"title": " ", "text": "Rain."}}}, "validation_failed"),
        ({"texts": {"en": {"title": "x" * 121, "text": "Rain."}}}, "validation_failed"),
        ({"texts": {"de": {"title": "Regen", "text": "Jacke."}}}, "validation_failed"),
        ({"audience": "everybody"}, "validation_failed"),
    ],
)
def test_an_announcement_that_is_none_is_refused(wait, ask, change, code):
    path = f"/events/{wait.event.id}/announce"

    assert refusal(ask("POST", path, NEWS | change, by_staff=True)) == (400, code)
    assert ask("GET", path, by_staff=True).json()["data"]["items"] == []
