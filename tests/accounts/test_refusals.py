"""Input that is refused at the door: 400 with the field at fault, nothing written."""

import pytest

from tests.accounts.conftest import EMAIL, PASSWORD, stored

FORM = {"email": EMAIL, "password": PASSWORD, "name": "Anna"}
KEY = {"email": EMAIL, "password": PASSWORD}
BODIES = [
    (b"", 400, None),
    (b"{", 400, "malformed_json"),
    (b'{"email": "\\ud800"}', 400, "malformed_json"),
    (b"\xff\xfe", 400, "malformed_json"),
    (b"[]", 400, "object_expected"),
    (b"null", 400, "object_expected"),
    (b'"text"', 400, "object_expected"),
    (b"1e999", 400, "object_expected"),
    (b"{" + b" " * (1 << 20) + b"}", 413, "body_too_large"),
]


@pytest.mark.parametrize("path", ["register", "resend", "verify", "login", "refresh"])
def test_a_body_that_is_no_form_is_refused(standing, path):
    for body, status, code in BODIES:
        answer = standing.post(f"/auth/{path}", body)

        assert (answer.status, answer.json()["success"]) == (status, False), body[:20]
        empty = "address_required" if path == "resend" else "validation_failed"
        assert answer.json()["error"]["code"] == (code or empty), body[:20]
    other = standing.call("POST", f"/auth/{path}", b"a=b", **{"Content-Type": "application/x-www-form-urlencoded"})
    assert (other.status, other.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert stored() == []


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("register", FORM | {"email": "anna"}, "email"),
        ("register", FORM | {"email": 1}, "email"),
        ("register", FORM | {"email": "a" * 255}, "email"),
        ("register", FORM | {"email": None}, "email"),
        ("register", FORM | {"phone": "0812345678"}, "phone"),
        ("register", {"phone": "+6621234567", "password": PASSWORD, "name": "Anna"}, "phone"),
        ("register", {"phone": "+66812345678", "password": "66812345678", "name": "Anna"}, "password"),
        ("register", FORM | {"password": "short"}, "password"),
        ("register", FORM | {"password": "x" * 257}, "password"),
        ("register", FORM | {"password": ["correct horse battery"]}, "password"),
        ("register", FORM | {"name": ""}, "name"),
        ("register", FORM | {"name": "n" * 81}, "name"),
        ("register", FORM | {"name": "Anna\u202e"}, "name"),
        ("register", FORM | {"language": "fr"}, "language"),
        ("register", FORM | {"roles": ["admin"]}, "roles"),
        ("register", FORM | {"verifiedAt": "2026-01-01T00:00:00Z"}, "verifiedAt"),
        ("register", {"email": EMAIL, "password": PASSWORD}, "name"),
        ("resend", {}, "email"),
        ("resend", {"email": "@"}, "email"),
        ("verify", KEY, "code"),
        ("verify", KEY | {"code": 123456}, "code"),
        ("verify", KEY | {"code": "12345"}, "code"),
        ("verify", KEY | {"code": "1234567"}, "code"),
        ("verify", KEY | {"code": "١٢٣٤٥٦"}, "code"),
        ("verify", KEY | {"code": "123456\n"}, "code"),
        ("verify", {"email": EMAIL, "code": "123456"}, "password"),
        ("login", {"email": EMAIL}, "password"),
        ("login", KEY | {"phone": "+66812345678"}, "email"),
        ("login", {"phone": "+" + "6" * 40, "password": PASSWORD}, "phone"),
        ("login", {"email": EMAIL, "password": ""}, "password"),
        ("login", {"email": EMAIL, "password": None}, "password"),
        ("login", {"email": {"$gt": ""}, "password": PASSWORD}, "email"),
        ("refresh", {}, "refreshToken"),
        ("refresh", {"refreshToken": ""}, "refreshToken"),
        ("refresh", {"refreshToken": "x" * 201}, "refreshToken"),
        ("refresh", {"refreshToken": None}, "refreshToken"),
        ("refresh", {"refreshToken": "x", "grant": "all"}, "grant"),
    ],
)
def test_a_field_at_fault_is_named(standing, path, body, field):
    answer = standing.post(f"/auth/{path}", body)

    assert answer.status == 400
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]
    assert stored() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/auth/logout"), ("GET", "/auth/me"), ("GET", "/users/me"), ("PUT", "/users/usr_1/roles")],
)
def test_a_visitor_is_asked_to_sign_in(standing, method, path):
    answer = standing.call(method, path, {})

    assert (answer.status, answer.json()["error"]["code"]) == (401, "sign_in_required")
    assert answer.header("WWW-Authenticate") == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/auth/login", 405), ("DELETE", "/users/me", 405), ("GET", "/auth/nothing", 404)],
)
def test_unknown_routes_and_methods_answer_the_envelope(standing, method, path, status):
    answer = standing.call(method, path)

    assert (answer.status, answer.json()["success"]) == (status, False)
