import json

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.core import auth, ids
from chalicelib.core.http import Access, Api
from chalicelib.events.assignments.routes import routes as assignments
from chalicelib.events.routes import routes
from chalicelib.organizations.roles import GUARDED, ROLES
from chalicelib.organizations.service import DEFAULT
from infra.local.gateway import Gateway
from tests.events.people import OTHER

pytestmark = pytest.mark.usefixtures("aws")

HOSTS = {"a.example": DEFAULT, "b.example": OTHER}
NEW = {"name": "งานวิ่ง Night Run", "date": "2026-11-20", "venue": "Lumphini", "autoApprove": True}


@pytest.fixture(scope="module")
def gateway():
    api = Api("events", Access(ROLES, GUARDED, HOSTS.__getitem__, session_lives=lambda principal: True))
    api.mount(routes, assignments)
    return Gateway(api)


@pytest.fixture
def call(gateway):
    def send(method, target, body=None, *, role=None, user=None, host="a.example"):
        headers = {"Host": host, "Content-Type": "application/json"}
        if role:
            token = auth.issue(
                organization=HOSTS[host],
                user=user or ids.new("usr"),
                roles=frozenset({role}),
                session="ses_1",
                version=1,
            )
            headers["Authorization"] = f"Bearer {token}"
        return gateway.handle(method, target, headers, b"" if body is None else json.dumps(body).encode())

    return send


def data(response, status=200):
    assert response.status == status, response.body
    return response.json()["data"]


def refusal(response):
    answer = response.json()
    return response.status, answer["error"]["code"], [error["field"] for error in answer["errors"]]


def test_an_event_is_planned_opened_shown_and_deleted(call):
    created = call("POST", "/events", NEW, role="admin")
    event = data(created, 201)
    path = f"/events/{event['id']}"

    assert created.header("Location") == path
    assert (event["slug"], event["status"], event["version"]) == ("night-run", "planning", 1)
    assert refusal(call("GET", path)) == (404, "event_not_found", [None])

    moved = data(call("PUT", f"{path}/status", {"status": "live", "version": 1}, role="admin"))
    assert (moved["status"], moved["version"]) == ("live", 2)
    assert data(call("GET", "/events/night-run")) == moved | {"photographers": [], "soldAt": None}
    assert [item["id"] for item in data(call("GET", "/events"))["items"]] == [event["id"]]

    edited = data(call("PUT", path, NEW | {"name": "Day Run", "version": 2}, role="admin"))
    assert (edited["name"], edited["slug"]) == ("Day Run", "night-run")
    assert refusal(call("PUT", path, NEW | {"version": 2}, role="admin")) == (
        409,
        "version_conflict",
        ["version"],
    )

    assert call("DELETE", path, role="admin").status == 204
    assert refusal(call("GET", path, role="admin")) == (404, "event_not_found", [None])


def test_a_photographer_is_assigned_over_http(call):
    user = accounts.create_user(
        DEFAULT, email="nok@photo.example", password="a long enough phrase", name="N", roles=["photographer"]
    ).id
    event = data(call("POST", "/events", NEW, role="admin"), 201)
    path = f"/events/{event['id']}/photographers/{user}"

    assert data(call("PUT", path, role="admin"))["photographers"] == [user]
    assert data(call("GET", "/events?mine=true", role="photographer", user=user))["items"][0]["id"] == event["id"]
    assert data(call("DELETE", path, role="admin"))["photographers"] == []


@pytest.mark.parametrize(
    ("method", "alias"),
    [
        ("GET", "/event"),
        ("GET", "/event/{id}"),
        ("POST", "/event"),
        ("PUT", "/event/{id}"),
        ("DELETE", "/event/{id}"),
    ],
)
def test_the_singular_addresses_serve_too(call, method, alias):
    event = data(call("POST", "/event", NEW, role="admin"), 201)
    bodies = {"POST": NEW, "PUT": NEW | {"version": 1}}

    answer = call(method, alias.format(id=event["id"]), bodies.get(method), role="admin")

    assert answer.status == {"POST": 201, "DELETE": 204}.get(method, 200)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": "  "}, "validation_failed", "name"),
        ({"name": "x" * 201}, "validation_failed", "name"),
        ({"date": "tomorrow"}, "validation_failed", "date"),
        ({"date": "1000-01-01"}, "validation_failed", "date"),
        ({"slug": "No Spaces"}, "validation_failed", "slug"),
        ({"slug": "evt_0"}, "validation_failed", "slug"),
        ({"timezone": "Mars/Base"}, "unknown_timezone", "timezone"),
        ({"location": {"lat": 91, "lon": 0}}, "validation_failed", "location.lat"),
        ({"location": {"lat": float("nan"), "lon": 0}}, "validation_failed", "location.lat"),
        ({"saleOpensAt": "2026-01-01T00:00:00"}, "validation_failed", "saleOpensAt"),
        ({"saleOpensAt": "0001-01-01T00:00:00+14:00"}, "validation_failed", "saleOpensAt"),
        (
            {"saleOpensAt": "2026-02-01T00:00:00Z", "saleClosesAt": "2026-01-01T00:00:00Z"},
            "sale_window",
            "saleClosesAt",
        ),
        ({"downloadLimit": 0}, "validation_failed", "downloadLimit"),
        ({"downloadHours": "72"}, "validation_failed", "downloadHours"),
        ({"autoApprove": "yes"}, "validation_failed", "autoApprove"),
        ({"organization": "org_other"}, "validation_failed", "organization"),
        ({"soldAt": None}, "validation_failed", "soldAt"),
    ],
)
def test_what_is_no_event_is_refused_and_nothing_is_written(call, change, code, field):
    assert refusal(call("POST", "/events", NEW | change, role="admin")) == (400, code, [field])
    assert data(call("GET", "/events", role="admin"))["items"] == []


def test_times_come_back_in_utc_to_the_millisecond(call):
    window = {"saleOpensAt": "2026-01-01T07:00:00.123456+07:00"}

    event = data(call("POST", "/events", NEW | window, role="admin"), 201)

    assert event["saleOpensAt"] == "2026-01-01T00:00:00.123000Z"
    assert data(call("GET", f"/events/{event['id']}", role="admin")) == event


@pytest.mark.parametrize("role", [None, "customer", "photographer"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/events", NEW),
        ("PUT", "/events/{id}", NEW | {"version": 2}),
        ("DELETE", "/events/{id}", None),
        ("PUT", "/events/{id}/status", {"status": "closed", "version": 2}),
        ("PUT", "/events/{id}/photographers/usr_00000000000000000000000001", None),
        ("DELETE", "/events/{id}/photographers/usr_00000000000000000000000001", None),
    ],
)
def test_only_staff_changes_events(call, role, method, path, body):
    event = data(call("POST", "/events", NEW, role="admin"), 201)
    live = data(call("PUT", f"/events/{event['id']}/status", {"status": "live", "version": 1}, role="admin"))

    status, code, _ = refusal(call(method, path.format(id=event["id"]), body, role=role))

    assert (status, code) == ((401, "sign_in_required") if role is None else (403, "forbidden"))
    assert data(call("GET", f"/events/{event['id']}", role="admin")) == live


def test_a_foreign_event_is_a_missing_one(call):
    event = data(call("POST", "/events", NEW, role="admin"), 201)
    missing = ids.new("evt")
    attempts = [
        ("GET", "/events/{}", None),
        ("PUT", "/events/{}", NEW | {"version": 1}),
        ("DELETE", "/events/{}", None),
        ("PUT", "/events/{}/status", {"status": "live", "version": 1}),
        ("DELETE", "/events/{}/photographers/usr_00000000000000000000000001", None),
    ]

    for method, path, body in attempts:
        foreign = call(method, path.format(event["id"]), body, role="admin", host="b.example").json()
        absent = call(method, path.format(missing), body, role="admin", host="b.example").json()
        assert foreign | {"requestId": ""} == absent | {"requestId": ""}
        assert foreign["error"]["code"] == "event_not_found"
    assert data(call("GET", f"/events/{event['id']}", role="admin")) == event
