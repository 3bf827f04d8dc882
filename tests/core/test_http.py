import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core import auth
from chalicelib.core.auth import PUBLIC
from chalicelib.core.http import SECURITY_HEADERS
from chalicelib.core.routing import Address, Routes, placed
from chalicelib.core.wire import LARGEST_BODY, Output
from infra.local.gateway import Gateway, Response, thread_safe
from tests import logged, stack
from tests.core import lamps
from tests.core.lamps import NO_JSON, ORG, OTHER_ORG, People

ORIGIN = "http://localhost:3000"


@pytest.fixture(scope="module")
def people():
    return People()


@pytest.fixture(scope="module")
def gateway(people, secret):
    with stack.moto_stack(secret):
        yield Gateway(lamps.api(people))


@pytest.fixture
def call(gateway):
    """One request; a body that is not bytes goes as JSON."""

    def send(
        method: str,
        target: str,
        body: Any = None,
        *,
        roles: set[str] | None = None,
        headers: dict[str, str] | None = None,
        source_ip: str = "203.0.113.7",
    ) -> Response:
        given = dict(headers or {})
        if roles is not None:
            given["Authorization"] = f"Bearer {token(roles)}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer: Response = gateway.handle(method, target, given, raw, source_ip)
        return answer

    return send


def token(roles: set[str], organization: str = ORG) -> str:
    return auth.issue(organization=organization, user="usr_1", roles=frozenset(roles), session="ses_1", version=1)


def assert_refused(answer: Response, status: int, code: str, *fields: str | None) -> None:
    body = answer.json()
    assert (answer.status, body["error"]["code"]) == (status, code)
    assert [each["field"] for each in body["errors"]] == list(fields or [None])
    assert body == {
        "success": False,
        "data": None,
        "message": body["error"]["message"],
        "errors": body["errors"],
        "error": {"code": code, "message": body["message"]},
        "requestId": answer.header("X-Request-Id"),
    }


# --- answers ------------------------------------------------------------------------------------------------


def test_one_value(call):
    answer = call("GET", "/lamps/lmp_7")

    assert (answer.status, answer.header("Content-Type")) == (200, "application/json")
    assert answer.json() == {
        "success": True,
        "data": {
            "id": "lmp_7",
            "lightOutput": 40,
            "boughtAt": "2026-11-20T08:00:00Z",
            "colour": "red",
            "note": None,
        },
        "message": "OK",
        "errors": [],
        "error": None,
        "requestId": answer.header("X-Request-Id"),
    }


def test_a_list(call):
    data = call("GET", "/lamps?cursor=abc").json()["data"]

    assert [item["id"] for item in data.pop("items")] == ["lmp_1", "lmp_1"]
    assert data == {"pageSize": 20, "nextCursor": "abc", "hasMore": True, "totalCount": None}


@pytest.mark.parametrize(("size", "pages"), [(1, 5), (2, 3), (5, 1), (20, 1)])
def test_a_counted_list_by_page_numbers(call, size, pages):
    data = call("GET", f"/lamps?page=3&pageSize={size}").json()["data"]

    del data["items"]
    assert data == {
        "pageSize": size,
        "nextCursor": None,
        "hasMore": False,
        "totalCount": 5,
        "page": 3,
        "totalPages": pages,
    }


def test_a_list_that_nobody_counts_has_no_last_page(call):
    data = call("GET", "/lamps?page=3&colour=red").json()["data"]

    assert (data["page"], data["totalCount"], "totalPages" in data) == (3, None, False)


def test_nothing_to_say(call):
    answer = call("DELETE", "/lamps/lmp_1", roles={"breaker"})

    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/lamps", "/lamps/lmp_1"),
        ("/lamps/", "/lamps/lmp_1"),
        ("/api/v1/lamps", "/api/v1/lamps/lmp_1"),
        ("/lamp", "/lamp/lmp_1"),
    ],
)
def test_what_was_made_says_where_it_is(call, target, location):
    answer = call("POST", target, {"name": "a", "lightOutput": 1}, roles={"maker"})

    assert (answer.status, answer.header("Location")) == (201, location)


def test_what_was_made_under_another_thing_says_where_it_is(call):
    answer = call("POST", "/lamps/lmp_9/shades")

    assert answer.header("Location") == "/lamps/lmp_9/shades/shd_1"


def test_text_goes_out_as_it_is(call):
    answer = call("GET", "/lamps")

    assert "โคมไฟ".encode() in answer.body


def test_an_answer_outside_the_envelope(call):
    answer = call("GET", "/leaflet")

    assert (answer.status, answer.body.decode()) == (200, "<p>ก</p>")
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "max-age=60"


def test_an_acknowledgement_in_the_callers_shape(call):
    assert call("POST", "/hook").json() == {"status": 1}


def test_a_view_sees_the_request(call):
    answer = call("POST", "/api/echo?a=1&a=2&b=%E0%B8%81", b"\x01 raw", headers={"Host": "Lamps.Example:8000"})

    data = answer.json()["data"]
    assert data.pop("correlation") == answer.header("X-Request-Id")
    assert data == {
        "method": "POST",
        "path": "/api/echo",
        "host": "lamps.example",
        "source": "203.0.113.7",
        "query": {"a": ["1", "2"], "b": ["ก"]},
        "body": b"\x01 raw".hex(),
    }


def test_threads_do_not_mix_their_requests(people, secret, gateway):
    shared = Gateway(thread_safe(lamps.api(people)))

    def ask(number: int) -> bool:
        answer = shared.handle("POST", f"/echo?n={number}", {}, str(number).encode())
        data = answer.json()["data"]
        own = data["correlation"] == answer.header("X-Request-Id") == answer.header("x-amzn-requestid")
        return own and data["query"] == {"n": [str(number)]} and bytes.fromhex(data["body"]) == str(number).encode()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


# --- bodies -------------------------------------------------------------------------------------------------

GOOD = {"name": "Luxo", "lightOutput": 40}


@pytest.fixture
def make(call):
    """Posts a new lamp; whatever is refused must have made none."""

    def post(body: Any, **headers: str) -> Response:
        lamps.made.clear()
        answer = call("POST", "/lamps", body, roles={"maker"}, headers=headers)
        assert len(lamps.made) == (answer.status == 201)
        assert isinstance(answer, Response)
        return answer

    return post


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON)
def test_a_body_that_is_no_json(make, raw):
    assert_refused(make(raw), 400, "malformed_json")


@pytest.mark.parametrize("raw", [b"[]", b"null", b'""', b'"{}"', b"3", b"true", b'[{"name": "a"}]', b"-0.0"])
def test_a_body_that_is_no_object(make, raw):
    assert_refused(make(raw), 400, "object_expected")


@pytest.mark.parametrize(
    "raw",
    [
        b'{"name": "a", "lightOutput": 1, "name": "b"}',
        b'{"name": "a", "lightOutput": 1, "\\u006eame": "b"}',
        b'{"name": "a", "lightOutput": 1, "shades": [{"width": 1, "width": 1}]}',
    ],
)
def test_a_field_named_twice(make, raw):
    assert_refused(make(raw), 400, "duplicate_key")


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"name": None}, "name", "string_type"),
        ({"name": 7}, "name", "string_type"),
        ({"name": ["a"]}, "name", "string_type"),
        ({"name": "x" * 21}, "name", "string_too_long"),
        ({"lightOutput": "40"}, "lightOutput", "int_type"),
        ({"lightOutput": 40.0}, "lightOutput", "int_type"),
        ({"lightOutput": True}, "lightOutput", "int_type"),
        ({"lightOutput": -1}, "lightOutput", "greater_than_equal"),
        ({"lightOutput": 10**30}, "lightOutput", "less_than_equal"),
        ({"lightOutput": 10**4000}, "lightOutput", "less_than_equal"),
        ({"weight": "1"}, "weight", "float_type"),
        ({"weight": float("nan")}, "weight", "finite_number"),
        ({"weight": float("inf")}, "weight", "finite_number"),
        ({"colour": "green"}, "colour", "enum"),
        ({"colour": None}, "colour", "enum"),
        ({"shades": {}}, "shades", "list_type"),
        ({"shades": [{"width": 1}] * 4}, "shades", "too_long"),
        ({"shades": [{"width": 1}, {"width": "1"}]}, "shades.1.width", "int_type"),
        ({"price": 1}, "price", "extra_forbidden"),
        ({"__proto__": 1}, "__proto__", "extra_forbidden"),
        ({"shades": [{"width": 1, "id": 2}]}, "shades.0.id", "extra_forbidden"),
    ],
)
def test_a_field_that_is_wrong_is_named(make, change, field, code):
    answer = make(GOOD | change)

    assert_refused(answer, 400, "validation_failed", field)
    assert answer.json()["errors"][0]["code"] == code


def test_a_float_too_large_for_a_float(make):
    assert_refused(make(b'{"name": "a", "lightOutput": 1, "weight": 1e999}'), 400, "validation_failed", "weight")


@pytest.mark.parametrize("body", [{}, b""])
def test_every_missing_field_is_named(make, body):
    assert_refused(make(body), 400, "validation_failed", "name", "lightOutput")


def test_no_more_than_twenty_faults_are_told(make):
    answer = make(GOOD | {f"x{number}": 1 for number in range(1000)})

    assert len(answer.json()["errors"]) == 20


def test_a_refusal_does_not_repeat_the_value(make):
    answer = make(GOOD | {"lightOutput": "canary"})

    assert b"canary" not in answer.body


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/json;"])
def test_json_is_taken_as_json(make, content_type):
    assert make(GOOD, **{"Content-Type": content_type}).status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "",
    ],
)
def test_anything_else_is_not(make, content_type):
    assert_refused(make(GOOD, **{"Content-Type": content_type}), 415, "unsupported_media_type")


def test_a_body_may_be_left_out_where_nothing_is_required(call):
    assert call("PUT", "/lamps/lmp_1", roles=set()).status == 200


def body_of(size: int) -> bytes:
    return b'{"name": "a", "lightOutput": 1' + b" " * (size - 31) + b"}"


def test_the_largest_body(make):
    assert len(body_of(LARGEST_BODY)) == LARGEST_BODY
    assert make(body_of(LARGEST_BODY)).status == 201


def test_a_body_too_large(make):
    assert_refused(make(body_of(LARGEST_BODY + 1)), 413, "body_too_large")


def test_names_may_also_come_as_python_writes_them(make):
    assert make({"name": "a", "light_output": 1}).status == 201


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200)
@given(body=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_is_a_bug(gateway, body):
    answer = gateway.handle("PUT", "/lamps/lmp_1", {"Authorization": f"Bearer {token(set())}"}, body)

    assert answer.status in (200, 400)
    assert answer.json()["success"] is (answer.status == 200)


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/nothing", "/lamps/lmp_1/none", "/api/v1/nothing", "/lamp/a/b", "/%00"])
def test_nothing_there(call, target):
    assert_refused(call("GET", target), 404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "target", "id"),
    [
        ("GET", "/lamp/lmp_5", "lmp_5"),
        ("GET", "/lamp/lmp_5/", "lmp_5"),
        ("GET", "/api/v1/lamp/lmp_5", "lmp_5"),
        ("POST", "/lamp/lmp_5/edit", "lmp_5"),
        ("PUT", "/lamp/lmp_5", "lmp_5"),
        ("POST", "/lamps/lmp_5", "lmp_5"),  # another method at a canonical address
        ("PUT", "/lamps/lmp_5", "lmp_5"),
    ],
)
def test_other_addresses_of_a_lamp(call, method, target, id):
    answer = call(method, target, roles=set())

    assert (answer.status, answer.json()["data"]["id"]) == (200, id)


@pytest.mark.parametrize("target", ["/lamps/lmp_1/shades/shd_2", "/shade/lmp_1/of/shd_2"])
def test_path_variables_keep_their_places(call, target):
    assert call("GET", target).json()["data"] == {"id": "lmp_1", "shade": "shd_2"}


def test_an_alias_asks_for_the_same_permission(call):
    assert_refused(call("POST", "/lamp", GOOD, roles={"guest"}), 403, "forbidden")


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("DELETE", "/lamp", "GET, POST"),
        ("PATCH", "/lamp/lmp_1", "GET, PUT"),
        ("GET", "/lamp/lmp_1/edit", "POST"),
    ],
)
def test_a_method_that_an_alias_does_not_have(call, method, target, allow):
    answer = call(method, target)

    assert_refused(answer, 405, "method_not_allowed")
    assert answer.header("Allow") == allow


@pytest.mark.parametrize("target", ["/lamps", "/lamps/lmp_1"])
def test_a_method_that_an_address_does_not_have(call, target):
    answer = call("PATCH", target)

    assert (answer.status, answer.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "value",
    ["a%20b", "%2e%2e%2fx", "a+b", "a'b", "%00", "%E0%B8%81", "<b>", "a:b", "a,b", "x" * 201, "a%0d%0ab", "T%23org"],
)
@pytest.mark.parametrize("path", ["/lamps/", "/lamp/"])
def test_an_odd_path_value_is_not_found(call, path, value):
    assert_refused(call("GET", path + value), 404, "not_found")


@pytest.mark.parametrize("value", ["lmp_1", "summer-run_2026", "a.b~c", "x" * 200])
def test_a_plain_path_value_is_taken(call, value):
    assert call("GET", f"/lamps/{value}").json()["data"]["id"] == value


@settings(max_examples=200)
@given(path=st.text(max_size=40), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]))
def test_no_address_is_a_bug(gateway, path, method):
    answer = gateway.handle(method, f"/{path}")

    assert answer.status < 500


# --- queries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", (20, None, None)),
        ("pageSize=5", (5, None, None)),
        ("page_size=5", (5, None, None)),
        ("limit=5", (5, None, None)),
        ("size=5", (5, None, None)),
        ("size=6&limit=5&pageSize=4", (4, None, None)),
        ("size=6&limit=5", (5, None, None)),
        ("limit=5&limit=6", (6, None, None)),
        ("page=50&size=1", (1, None, 50)),
        ("cursor=abc&limit=100", (100, "abc", None)),
        ("unknown=1", (20, None, None)),
    ],
)
def test_a_page_is_asked_for_in_many_words(call, query, asked):
    data = call("GET", f"/asked?{query}").json()["data"]

    assert (data["size"], data["cursor"], data["number"]) == asked


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("pageSize=0", "pageSize"),
        ("pageSize=101", "pageSize"),
        ("limit=-1", "pageSize"),
        ("size=ten", "pageSize"),
        ("limit=", "pageSize"),
        ("limit=1.5", "pageSize"),
        ("limit=" + "9" * 5000, "pageSize"),
        ("page=0", "page"),
        ("page=51", "page"),
        ("page=NaN", "page"),
        ("cursor=" + "x" * 4097, "cursor"),
    ],
)
def test_a_page_that_there_can_not_be(call, query, field):
    assert_refused(call("GET", f"/asked?{query}"), 400, "validation_failed", field)


def test_a_value_that_is_no_choice(call):
    assert_refused(call("GET", "/lamps?colour=green"), 400, "validation_failed", "colour")


# --- people -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/lamps"), ("PUT", "/lamps/lmp_1"), ("DELETE", "/lamps/lmp_1")]
)
def test_a_visitor_is_asked_to_sign_in(call, method, target):
    answer = call(method, target)

    assert_refused(answer, 401, "sign_in_required")
    assert answer.header("WWW-Authenticate") == "Bearer"


@pytest.mark.parametrize(
    ("roles", "make", "edit", "destroy"),
    [
        (set(), 403, 200, 403),
        ({"guest"}, 403, 200, 403),
        ({"unheard-of"}, 403, 200, 403),
        ({"maker"}, 201, 200, 403),
        ({"guest", "breaker"}, 201, 200, 204),
    ],
)
def test_roles_may_what_they_are_granted(call, roles, make, edit, destroy):
    assert call("POST", "/lamps", GOOD, roles=roles).status == make
    assert call("PUT", "/lamps/lmp_1", roles=roles).status == edit
    assert call("DELETE", "/lamps/lmp_1", roles=roles).status == destroy


def test_what_is_forbidden_is_told(call):
    answer = call("POST", "/lamps", GOOD, roles={"guest"})

    assert_refused(answer, 403, "forbidden")
    assert answer.header("WWW-Authenticate") is None


def test_permission_is_asked_before_the_body_is_read(call):
    assert_refused(call("POST", "/lamps", b"{", roles={"guest"}), 403, "forbidden")


@pytest.mark.parametrize(
    ("roles", "method", "target", "lives", "ended"),
    [
        ({"breaker"}, "DELETE", "/lamps/lmp_1", 204, 401),  # who holds a guarded permission is looked at everywhere
        ({"breaker"}, "GET", "/lamps", 200, 401),
        ({"breaker"}, "PUT", "/lamps/lmp_1", 200, 401),
        ({"breaker"}, "GET", "/anybody", 200, 200),
        ({"maker"}, "GET", "/mine", 204, 401),  # everybody is looked at where the route is guarded
        ({"maker"}, "GET", "/lamps", 200, 200),
        ({"maker"}, "PUT", "/lamps/lmp_1", 200, 200),
        ({"maker"}, "DELETE", "/lamps/lmp_1", 403, 403),
        (None, "GET", "/lamps", 200, 200),
    ],
)
def test_an_ended_session_opens_nothing_guarded(call, people, monkeypatch, roles, method, target, lives, ended):
    assert call(method, target, roles=roles).status == lives

    monkeypatch.setattr(people, "lives", False)

    assert call(method, target, roles=roles).status == ended


@pytest.mark.parametrize(
    ("roles", "method", "target", "good", "no_longer"),
    [
        ({"maker"}, "GET", "/lamps", 200, 401),
        ({"maker"}, "PUT", "/lamps/lmp_1", 200, 401),
        ({"maker"}, "DELETE", "/lamps/lmp_1", 403, 401),
        ({"guest"}, "GET", "/lamps", 200, 401),
        ({"guest"}, "GET", "/anybody", 200, 200),  # looks at no token
        (None, "GET", "/lamps", 200, 200),
    ],
)
def test_a_token_that_is_no_longer_good_opens_nothing(
    call, people, monkeypatch, roles, method, target, good, no_longer
):
    assert call(method, target, roles=roles).status == good

    monkeypatch.setattr(people, "good", False)

    assert call(method, target, roles=roles).status == no_longer


def test_an_ended_session_is_told(call, people, monkeypatch):
    monkeypatch.setattr(people, "lives", False)

    answer = call("GET", "/mine", roles={"maker"})

    assert_refused(answer, 401, "session_ended")
    assert answer.header("WWW-Authenticate") == "Bearer"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer x.y.z", "bearer", "token", "Bearer ก"]
)
@pytest.mark.parametrize("target", ["/lamps", "/caller"])
def test_an_authorization_that_is_none_is_refused(call, authorization, target):
    answer = call("GET", target, headers={"Authorization": authorization})

    assert_refused(answer, 401, "invalid_token")
    assert answer.header("WWW-Authenticate") == "Bearer"


def test_the_scheme_may_be_written_small(call):
    answer = call("GET", "/caller", headers={"authorization": f"bearer  {token({'maker'})}"})

    assert answer.json()["data"]["user"] == "usr_1"


def test_a_token_of_another_tenant_is_refused(call):
    answer = call(
        "GET", "/caller", headers={"Authorization": f"Bearer {token({'maker'}, OTHER_ORG)}", "Host": "lamps.example"}
    )

    assert_refused(answer, 401, "invalid_token")


def test_a_view_sees_its_caller(call):
    answer = call(
        "GET",
        "/caller",
        headers={
            "Authorization": f"Bearer {token({'breaker', 'guest'}, OTHER_ORG)}",
            "Host": "other.example",
            "X-Cart-Token": "c1",
            "x-order-token": "o1",
        },
        source_ip="198.51.100.4",
    )

    assert answer.json()["data"] == {
        "organization": OTHER_ORG,
        "user": "usr_1",
        "roles": ["breaker", "guest"],
        "permissions": ["lamp.break", "lamp.make"],
        "tokens": {"cart": "c1", "order": "o1"},
        "source": "198.51.100.4",
    }


@pytest.mark.parametrize("authorization", ["", "Bearer x.y.z", "Basic dXNlcjpwYXNz"])
def test_an_anonymous_route_looks_at_no_token(call, authorization):
    data = call("GET", "/anybody", headers={"Authorization": authorization, "X-Cart-Token": "c1"}).json()["data"]

    assert (data["user"], data["tokens"], data["source"]) == (None, {}, "203.0.113.7")


def test_an_anonymous_route_does_not_know_its_caller(call):
    assert call("GET", "/anybody", roles={"maker"}).json()["data"]["user"] is None


def test_a_view_sees_a_visitor(call):
    data = call("GET", "/caller", headers={"X-Cart-Token": "c1", "X-Forwarded-For": "10.0.0.1"}).json()["data"]

    assert data == {
        "organization": ORG,
        "user": None,
        "roles": [],
        "permissions": [],
        "tokens": {"cart": "c1"},
        "source": "203.0.113.7",
    }


# --- limits -------------------------------------------------------------------------------------------------


def test_a_limit_counts_every_address_of_a_route(call):
    source = "198.51.100.21"
    first, second = call("GET", "/rare", source_ip=source), call("GET", "/seldom", source_ip=source)
    third = call("GET", "/rare", source_ip=source)

    assert (first.status, second.status) == (204, 204)
    assert_refused(third, 429, "too_many_requests")
    assert 1 <= int(third.header("Retry-After") or 0) <= 3600


@pytest.mark.parametrize("other", [{"source_ip": "198.51.100.23"}, {"headers": {"Host": "other.example"}}])
def test_a_limit_counts_each_source_and_tenant_alone(call, other):
    assert 429 in {call("GET", "/rare", source_ip="198.51.100.22").status for _ in range(3)}

    assert call("GET", "/rare", **({"source_ip": "198.51.100.22"} | other)).status == 204


def test_a_client_can_not_choose_its_source(call):
    answers = [
        call("GET", "/rare", source_ip="198.51.100.24", headers={"X-Forwarded-For": f"10.0.0.{number}"})
        for number in range(3)
    ]

    assert [answer.status for answer in answers] == [204, 204, 429]


# --- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status", "code", "field", "retry_after"),
    [
        ("conflict", 409, "sold_out", "units", None),
        ("unprocessable", 422, "reused", None, None),
        ("unavailable", 503, "later", None, "7"),
        ("busy", 503, "unavailable", None, "2"),
        ("bug", 500, "internal_error", None, None),
        ("output", 500, "internal_error", None, None),
    ],
)
def test_what_a_view_raises(call, how, status, code, field, retry_after):
    answer = call("GET", f"/broken?how={how}")

    assert_refused(answer, status, code, field)
    assert answer.header("Retry-After") == retry_after
    assert b"canary" not in answer.body


def test_a_reply_that_is_no_json_is_a_bug_in_the_envelope(call):
    assert_refused(call("GET", "/unserializable"), 500, "internal_error")


def test_a_bug_is_logged_without_its_text(call):
    with logged.lines() as told:
        answer = call("GET", "/broken?how=bug")

    line, answered = told()
    assert (line["level"], line["error"], line["route"]) == ("ERROR", "LookupError", "GET /broken")
    assert line["correlation"] == answered["correlation"] == answer.header("X-Request-Id")
    assert "canary" not in json.dumps(line)


def test_every_answer_is_a_line_with_its_route_and_never_its_address(call):
    targets = ("/lamp/canary", "/lamps/none?canary=1", "/broken?how=conflict")
    with logged.lines() as told:
        answers = [call("GET", target) for target in targets]

    lines = told()
    assert [(line["message"], line["route"], line["status"], line.get("code")) for line in lines] == [
        ("answered", "GET /lamps/{id}", 200, None),
        ("answered", "GET /lamps/{id}", 404, "lamp_not_found"),
        ("answered", "GET /broken", 409, "sold_out"),
    ]
    assert [line["correlation"] for line in lines] == [answer.header("X-Request-Id") for answer in answers]
    assert {line["function"] for line in lines} == {"api"}
    assert "canary" not in json.dumps(lines)


def test_a_tenant_that_can_not_be_found_now(call, people, monkeypatch):
    monkeypatch.setattr(people, "failing", {"lamps.example"})

    answer = call("GET", "/lamps", headers={"Host": "lamps.example", "Origin": "https://shop.other.example"})

    assert_refused(answer, 503, "tenants_unavailable")
    assert answer.header("Access-Control-Allow-Origin") is None


def test_the_configured_origin_needs_no_tenant(call, people, monkeypatch):
    monkeypatch.setattr(people, "failing", {"lamps.example"})

    answer = call("GET", "/lamps", headers={"Host": "lamps.example", "Origin": ORIGIN})

    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (503, ORIGIN)


@pytest.mark.parametrize("key", ["", "short", "x" * 201, "with space", "ก" * 10, 'quo"te-12'])
def test_an_idempotency_key_that_is_none(call, key):
    assert_refused(
        call("POST", "/orders", headers={"Idempotency-Key": key}), 400, "idempotency_key_required", "Idempotency-Key"
    )


def test_no_idempotency_key(call):
    assert_refused(call("POST", "/orders"), 400, "idempotency_key_required", "Idempotency-Key")


@pytest.mark.parametrize("key", ["12345678", "x" * 200, "a.b_c:d-e", "6f1e9c1e-8a51-4d1c-9e55-0d1f5e4c7a11"])
def test_an_idempotency_key(call, key):
    assert call("POST", "/orders", headers={"idempotency-key": key}).status == 204


# --- browsers -----------------------------------------------------------------------------------------------

EVERY_KIND = [
    ("GET", "/lamps", 200),
    ("POST", "/lamps/lmp_1/shades", 201),
    ("GET", "/broken?how=conflict", 409),
    ("GET", "/broken?how=unprocessable", 422),
    ("GET", "/broken?how=bug", 500),
    ("GET", "/broken?how=busy", 503),
    ("GET", "/unserializable", 500),
    ("GET", "/lamps?page=99", 400),
    ("GET", "/lamps/none", 404),
    ("GET", "/lamps/a%20b", 404),
    ("GET", "/nothing", 404),
    ("POST", "/nothing", 404),
    ("DELETE", "/lamp", 405),
    ("POST", "/lamps", 401),
    ("POST", "/orders", 400),
    ("POST", "/hook", 200),
    ("HEAD", "/lamps", 200),
    ("OPTIONS", "/lamps", 204),
    ("OPTIONS", "/lamps/lmp_1", 204),
    ("OPTIONS", "/nothing", 204),
]


@pytest.mark.parametrize("origin", [None, ORIGIN, "https://evil.example"])
@pytest.mark.parametrize(("method", "target", "status"), EVERY_KIND)
def test_every_answer_has_the_security_headers(call, method, target, status, origin):
    answer = call(method, target, headers={"Origin": origin} if origin else {})

    assert answer.status == status
    assert {name: answer.header(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.header("Vary") == "Origin"
    assert answer.header("X-Request-Id") == answer.header("x-amzn-RequestId")


@pytest.mark.parametrize(("method", "target", "status"), EVERY_KIND)
def test_every_answer_can_be_read_by_a_known_origin(call, method, target, status):
    answer = call(method, target, headers={"Origin": ORIGIN})

    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (status, ORIGIN)
    assert answer.header("Access-Control-Allow-Credentials") is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost:3000.evil.example",
        "http://localhost:3001",
        "http://localhost",
        "https://localhost:3000",
        "http://LOCALHOST:3000",
        "http://localhost:3000/",
        "null",
        "*",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_another_origin_gets_nothing(call, method, origin):
    answer = call(method, "/lamps", headers={"Origin": origin})

    assert [name for name, _ in answer.headers if name.startswith("Access-Control")] == []


def test_no_origin_gets_nothing(call):
    assert [name for name, _ in call("GET", "/lamps").headers if name.startswith("Access-Control")] == []


@pytest.mark.parametrize(
    ("host", "allowed"), [("other.example", "https://shop.other.example"), ("lamps.example", None)]
)
def test_an_organizations_origin_is_known_at_its_host_only(call, host, allowed):
    answer = call("GET", "/lamps", headers={"Host": host, "Origin": "https://shop.other.example"})

    assert answer.header("Access-Control-Allow-Origin") == allowed


@pytest.mark.parametrize("target", ["/lamps", "/lamps/lmp_1", "/lamp/lmp_1", "/nothing"])
def test_a_preflight_says_what_is_possible(call, target):
    answer = call("OPTIONS", target, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"})

    said = {name: value for name, value in answer.headers if name.startswith("Access-Control")}
    assert (answer.status, answer.body) == (204, b"")
    assert said == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": (
            "Authorization, Content-Type, Idempotency-Key, X-Cart-Token, X-Event-Token, X-Order-Token, X-Search-Token"
        ),
        "Access-Control-Expose-Headers": "X-Request-Id, Retry-After, Location, Link",
        "Access-Control-Max-Age": "600",
    }


# --- mounting -----------------------------------------------------------------------------------------------


def refused_mount(*declared: Routes) -> str:
    with pytest.raises(TypeError) as refusal:
        lamps.api(People(), *declared)
    return str(refusal.value)


def one(method: str, path: str, *aliases: str, permission: str = PUBLIC) -> Routes:
    routes = Routes("test")
    names = ", ".join(name.strip("{}") for name in path.split("/") if name.startswith("{"))
    view = eval(f"lambda {names}: None")
    getattr(routes, method.lower())(path, permission=permission, aliases=aliases)(view)
    return routes


def test_a_permission_that_no_role_has():
    assert "lamp.melt" in refused_mount(one("GET", "/a", permission="lamp.melt"))


@pytest.mark.parametrize(
    "others",
    [
        (one("GET", "/a"),),
        (one("POST", "/b", "GET /a"),),
        (one("GET", "/b", "/c"), one("GET", "/d", "/c")),
        (one("GET", "/b/{id}", "/c/{id}"), one("GET", "/d/{id}", "/c/{other}")),
    ],
)
def test_a_doubled_address(others):
    assert "declared twice" in refused_mount(one("GET", "/a"), *others)


def test_one_position_with_two_names():
    assert "differently" in refused_mount(one("GET", "/a/{id}"), one("PUT", "/a/{name}"))


@pytest.mark.parametrize("alias", ["/b", "/b/{id}/{name}"])
def test_an_alias_with_other_variables(alias):
    assert "differ in their variables" in refused_mount(one("GET", "/a/{id}", alias))


def test_an_alias_that_only_puts_values_in_is_answered_by_the_path_itself():
    (route,) = one("GET", "/a/{id}", "/a/seven").routes
    address = Address(route.method, route.path, route.aliases, lambda: route)

    route.check(frozenset({PUBLIC}))

    assert placed([address]) == {"/a/{id}": {"GET": address}}


@pytest.mark.parametrize("name", ["body", "query", "id", "user"])
def test_a_view_that_asks_for_what_no_request_gives(name):
    routes = Routes("test")
    routes.get("/a", permission=PUBLIC)(eval(f"lambda {name}: None"))

    assert f"asks for {name}" in refused_mount(routes)


def test_a_route_without_a_permission_is_none():
    with pytest.raises((TypeError, KeyError), match="permission"):
        Routes("test").get("/a")(lambda: None)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("options", "status"),
    [({}, 204), ({"returns": Output}, 200), ({"raw": "text/html"}, 200), ({"returns": Output, "status": 202}, 202)],
)
def test_the_status_follows_from_the_answer(options, status):
    routes = Routes("test")
    routes.get("/a", permission=PUBLIC, **options)(lambda: None)

    assert routes.routes[0].status == status


def test_tracebacks_are_never_answered(people):
    assert lamps.api(people).debug is False


def test_importing_the_dispatch_imports_nothing_that_only_some_calls_need():
    """A cold start pays for every import."""
    code = "import sys, chalicelib.core.openapi; print(*{name.partition('.')[0] for name in sys.modules})"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    heavy = {"boto3", "s3transfer", "cryptography", "jwt", "PIL", "requests", "jinja2", "argon2", "moto"}
    assert not heavy & set(done.stdout.split())
