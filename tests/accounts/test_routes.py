from collections import Counter
from datetime import timedelta

import botocore.endpoint
import pytest

from chalicelib.accounts import passwords, service
from chalicelib.core import clock
from chalicelib.organizations import service as organizations
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, log_in, someone, stored, told, wrong

pytestmark = pytest.mark.usefixtures("aws")

FORM = {"email": EMAIL, "password": PASSWORD, "name": "Anna"}
NEW_CODE = {"email": EMAIL}
KEY = {"email": EMAIL, "password": PASSWORD}


def test_a_person_registers_logs_in_refreshes_and_logs_out(browser, mailbox):
    assert browser.post("/auth/register", FORM).status == 202
    verified = browser.post("/auth/verify", KEY | {"code": mailbox.code()})
    assert verified.status == 200
    tokens = browser.post("/auth/login", KEY).json()["data"]
    assert tokens.pop("secondFactor") is None
    assert tokens.keys() == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
    assert (tokens["tokenType"], tokens["expiresIn"]) == ("Bearer", 600)

    me = browser.call("GET", "/auth/me", token=tokens["accessToken"])
    assert me.status == 200
    assert me.json()["data"] == tokens["user"]
    assert me.json()["data"].keys() == {*("id", "email", "phone", "name", "roles", "language", "verified", "createdAt")}
    assert (me.json()["data"]["email"], me.json()["data"]["roles"]) == (EMAIL, ["customer"])
    assert browser.call("GET", "/users/me", token=tokens["accessToken"]).json()["data"] == tokens["user"]

    following = browser.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).json()["data"]
    assert following["refreshToken"] != tokens["refreshToken"]
    gone = browser.post("/auth/logout", token=following["accessToken"])
    assert (gone.status, gone.body) == (204, b"")
    for token in (tokens["refreshToken"], following["refreshToken"]):
        refused = browser.post("/auth/refresh", {"refreshToken": token})
        assert (refused.status, refused.json()["error"]["code"]) == (401, "invalid_refresh_token")
    ended = browser.call("GET", "/auth/me", token=following["accessToken"])
    assert (ended.status, ended.json()["error"]["code"]) == (401, "session_ended")
    other = verified.json()["data"]["accessToken"]
    assert browser.call("GET", "/auth/me", token=other).status == 200


def test_a_log_out_everywhere_ends_the_other_devices_too(browser, anna):
    here, there = log_in(), log_in()

    assert browser.post("/auth/logout", {"everywhere": True}, token=here.access_token).status == 204

    assert browser.post("/auth/refresh", {"refreshToken": there.refresh_token}).status == 401
    assert browser.call("GET", "/auth/me", token=there.access_token).status == 401


def test_a_log_out_kills_guarded_routes_at_once(browser, anna, make_user):
    make_user("boss@shop.example", roles=("admin",))
    token = log_in("boss@shop.example").access_token
    browser.post("/auth/logout", token=token)

    answer = browser.call("PUT", f"/users/{anna.id}/roles", {"roles": ["admin"]}, token=token)

    assert (answer.status, answer.json()["error"]["code"]) == (401, "session_ended")
    assert service.get_user(ORG, anna.id) == anna


# --- known and unknown addresses ----------------------------------------------------------------------------


@pytest.fixture(params=["known", "unproven"])
def present(request, make_user, register):
    """An address that is there; `nobody@shop.example` is not."""
    if request.param == "known":
        make_user()
    else:
        register()


def both(body, **changed):
    return body | changed, body | changed | {"email": "nobody@shop.example"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/register", FORM),
        ("/auth/register", FORM | {"password": "password1"}),
        ("/auth/resend", NEW_CODE),
        ("/auth/verify", KEY | {"code": "000000"}),
        ("/auth/login", KEY | {"password": "a wrong password"}),
    ],
)
def test_an_answer_does_not_tell_whether_the_address_is_known(present, browser, mailbox, path, body):
    known, unknown = both(body)
    if mailbox.collect() and body.get("code") == mailbox.sent[-1]["values"].get("code"):
        known["code"] = unknown["code"] = wrong(body["code"])

    answers = [told(browser.post(path, sent)) for sent in (known, unknown)]

    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("path", "body", "times"),
    [("/auth/register", FORM, 7), ("/auth/resend", NEW_CODE, 7), ("/auth/login", KEY | {"password": "wrong one"}, 12)],
)
def test_limits_do_not_tell_either(anna, browser, path, body, times):
    known, unknown = both(body)

    answers = [[told(browser.post(path, sent))[0] for _ in range(times)] for sent in (known, unknown)]

    assert answers[0] == answers[1]
    assert answers[0][-1] == 429


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/register", FORM),
        ("/auth/resend", NEW_CODE),
        ("/auth/verify", KEY | {"code": "000000"}),
        ("/auth/login", KEY | {"password": "a wrong password"}),
    ],
)
def test_the_work_does_not_tell_either(anna, browser, monkeypatch, path, body):
    calls: Counter[str] = Counter()
    send = botocore.endpoint.Endpoint.make_request

    def counted(self, operation_model, request_dict):
        calls[operation_model.name] += 1
        return send(self, operation_model, request_dict)

    monkeypatch.setattr(botocore.endpoint.Endpoint, "make_request", counted)
    for name in ("digest", "matches"):
        real = getattr(passwords, name)
        monkeypatch.setattr(passwords, name, lambda *given, name=name, real=real: calls.update([name]) or real(*given))
    known, unknown = both(body)
    browser.call("GET", "/auth/me")  # the organization of the host is known from now on

    done = []
    for sent in (known, unknown):
        calls.clear()
        browser.post(path, sent)
        done.append(dict(calls))

    assert done[0] == done[1]
    assert done[0]["TransactWriteItems"] == 1
    assert done[0].get("digest", 0) + done[0].get("matches", 0) == (1 if "password" in body else 0)


def test_ten_failures_lock_and_say_how_long(browser, anna):
    for _ in range(10):
        assert browser.post("/auth/login", KEY | {"password": "wrong one"}).status == 401

    locked = browser.post("/auth/login", KEY)

    assert (locked.status, locked.json()["error"]["code"]) == (429, "log_in_locked")
    assert 880 < int(locked.header("Retry-After")) <= 900
    with clock.travel(timedelta(minutes=15)):
        assert browser.post("/auth/login", KEY).status == 200


def test_an_address_of_origin_has_a_limit(browser):
    statuses = [browser.post("/auth/register", {"email": "x"}).status for _ in range(40)]

    assert Counter(statuses) in (Counter({400: 30, 429: 10}), Counter({400: 40}))  # 40 when a minute turned
    forged = browser.post("/auth/register", {"email": "x"}, **{"X-Forwarded-For": "198.51.100.7"})
    assert forged.status == statuses[-1]


def test_tokens_are_kept_by_no_cache(browser, anna):
    answer = browser.post("/auth/login", KEY)

    assert answer.header("Cache-Control") == "no-store"


# --- roles --------------------------------------------------------------------------------------------------


@pytest.fixture
def boss(make_user):
    make_user("boss@shop.example", roles=("admin",))
    return log_in("boss@shop.example").access_token


def test_an_admin_gives_roles(browser, anna, boss):
    answer = browser.call("PUT", f"/users/{anna.id}/roles", {"roles": ["photographer", "customer"]}, token=boss)

    assert answer.status == 200
    assert answer.json()["data"]["roles"] == ["customer", "photographer"]
    assert service.get_user(ORG, anna.id).roles == {"customer", "photographer"}


@pytest.mark.parametrize("role", ["photographer", "customer"])
def test_nobody_else_does(browser, anna, make_user, role):
    make_user("eve@shop.example", roles=(role,))
    token = log_in("eve@shop.example").access_token

    answer = browser.call("PUT", f"/users/{anna.id}/roles", {"roles": ["admin"]}, token=token)

    assert (answer.status, answer.json()["error"]["code"]) == (403, "forbidden")
    assert service.get_user(ORG, anna.id) == anna


def test_a_foreign_user_answers_as_a_missing_one(browser, boss):
    other = organizations.create("Other").id
    foreign = service.create_user(other, email=EMAIL, password=PASSWORD, name="Anna", roles=["customer"])

    answers = [
        told(browser.call("PUT", f"/users/{user}/roles", {"roles": ["admin"]}, token=boss))
        for user in (foreign.id, someone(), "x")
    ]

    assert answers[0] == answers[1] == answers[2]
    assert (answers[0][0], answers[0][1]["error"]["code"]) == (404, "user_not_found")
    assert service.get_user(other, foreign.id) == foreign


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "roles"),
        ({"roles": []}, "roles"),
        ({"roles": "admin"}, "roles"),
        ({"roles": [1]}, "roles.0"),
        ({"roles": ["root"]}, "roles"),
        ({"roles": ["customer"] * 11}, "roles"),
        ({"roles": ["customer"], "email": "eve@shop.example"}, "email"),
    ],
)
def test_bad_roles_are_refused(browser, anna, boss, body, field):
    before = stored()

    answer = browser.call("PUT", f"/users/{anna.id}/roles", body, token=boss)

    assert (answer.status, [problem["field"] for problem in answer.json()["errors"]]) == (400, [field])
    assert stored() == before
