"""Revenue as it travels: one sale, seen by the organizer and by the photographer."""

import json

import pytest

from chalicelib.core import auth, ids
from chalicelib.core.http import Access, Api
from chalicelib.lines.contract import QuoteLine
from chalicelib.organizations.roles import GUARDED, ROLES
from chalicelib.organizations.service import DEFAULT
from chalicelib.revenue import service
from chalicelib.revenue.routes import routes
from infra.local.gateway import Gateway
from tests.events.people import ADMIN, planned
from tests.lines.photos.conftest import photographers

__all__ = ["photographers"]

AMOUNTS = {"sold": 2, "gross": 100_00, "platform": 30_00, "photographer": 60_00, "organizer": 10_00, "currency": "THB"}
OWN = {"sold": 2, "gross": 100_00, "earned": 60_00, "currency": "THB"}


@pytest.fixture
def call(aws):
    api = Api("revenue", Access(ROLES, GUARDED, lambda host: DEFAULT, session_lives=lambda principal: True))
    api.mount(routes)
    gateway = Gateway(api)

    def send(method, target, by, body=None):
        token = auth.issue(organization=DEFAULT, user=by.user, roles=by.roles, session="ses_1", version=1)
        headers = {"Host": "a.example", "Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        response = gateway.handle(method, target, headers, b"" if body is None else json.dumps(body).encode())
        return response.status, response.json()

    return send


def test_a_rule_and_what_is_sold_by_it(call, photographers):
    anna, event = photographers("anna"), planned()
    parts = {"platform": 3_000, "photographerPart": 6_000, "organizer": 1_000}

    status, set_to = call("POST", "/revenue/split-rules", ADMIN, parts | {"event": event.slug})
    refs = tuple(ids.new("pho") for _ in range(2))
    line = QuoteLine("photos", event.id, event.name, refs, (), 100_00, 100_00, "-", makers=(anna.known_user,) * 2)
    (shares,) = service.shares_of(DEFAULT, [line])
    service.book(DEFAULT, order="ord_1", line="line-1", subject=event.id, shares=shares, currency="THB")

    def seen(target, by=ADMIN):
        status, answer = call("GET", target, by)
        assert status == 200, answer
        return answer["data"]

    assert (status, set_to["data"]["version"], set_to["data"]["eventId"]) == (200, 1, event.id)
    assert [rule["photographer"] for rule in seen("/revenue/split-rules")["items"]] == [6_000]
    assert seen("/revenue/summary") == AMOUNTS
    named = AMOUNTS | {"id": anna.user, "name": "anna"}
    assert seen("/revenue/photographers")["items"] == [named]
    assert seen(f"/revenue/events/{event.slug}") == AMOUNTS | {"items": [named], "nextCursor": None}
    photos = seen(f"/revenue/events/{event.id}/photos")["items"]
    assert {photo["id"]: photo["photographer"] for photo in photos} == dict.fromkeys(refs, 30_00)
    assert seen("/users/me/earnings", anna) == OWN | {"items": [OWN | {"id": event.id}], "nextCursor": None}
    assert [photo["earned"] for photo in seen(f"/users/me/earnings/{event.id}", anna)["items"]] == [30_00, 30_00]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"organizer": 999}, "split_incomplete"), ({"platform": -1}, "greater_than_equal"), ({"version": 7}, None)],
)
def test_a_rule_that_is_none_is_refused(call, change, code):
    parts = {"platform": 3_000, "photographerPart": 6_000, "organizer": 1_000}

    status, answer = call("POST", "/revenue/split-rules", ADMIN, parts | change)

    assert status == (400 if code else 409)
    assert answer["errors"][0]["code"] == (code or "version_conflict")
    assert service.list_rules(DEFAULT, service.PageRequest()).items == []
