"""Keys over HTTP, in the world of the system tests: what they open, and that they never open more."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.api_keys import service, store
from chalicelib.api_keys.model import GRANTABLE, SEEN_EVERY
from chalicelib.core import clock, ids
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN
from chalicelib.core.routing import Route
from chalicelib.organizations.roles import GRANTS
from infra.local.gateway import Response
from tests.stack import client
from tests.system import world as worlds
from tests.system.authorization import matrix
from tests.system.world import Shop, Stored, World, bearer

Make = Callable[..., str]
ROUTES = {route.name: route for route in app.mounted}
COUNTS = ROUTES["GET /events/{id}/counts"].permission


@pytest.fixture(scope="module")
def world(secret: str) -> Iterator[World]:
    with worlds.poured(secret) as world:
        yield world


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


@pytest.fixture(autouse=True)
def put_back(stored: Stored) -> Iterator[None]:
    with stored.kept():
        yield


@pytest.fixture
def make(world: World) -> Make:
    """The token of a key that A's admin made."""

    def make(*permissions: str, shop: Shop = world.a, who: str = "admin", days: int = 90) -> str:
        body = {"name": "Till", "permissions": list(permissions), "days": days}
        made = world.call("POST", "/api-keys", body, shop.headers(who), shop=shop, source=ids.token())
        assert made.status == 201, made.body
        return str(made.json()["data"]["token"])

    return make


def ask(world: World, token: str, method: str, path: str, body: Any = None) -> Response:
    return world.call(method, path, body, bearer(token), source=ids.token())


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


# --- what a key opens ---------------------------------------------------------------------------------------


def test_a_key_does_what_it_was_made_for(world, make):
    token = make("event.manage")

    made = ask(world, token, "POST", "/events", {"name": "By key", "date": "2026-04-13"})

    assert made.status == 201
    drafts = ask(world, token, "GET", f"/events/{made.json()['data']['id']}")
    assert drafts.json()["data"]["name"] == "By key"


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_a_key_opens_no_route_but_those_of_its_permissions(world, make, route: Route):
    """Of every route there is: one for people is closed, and one for another permission, too."""
    token = make("photo.upload")
    asked = matrix.example(world, route)
    path = matrix.filled(route.path, asked)
    headers = bearer(token) | dict.fromkeys(route.headers, "one-key-for-all")

    answer = world.call(route.method, path, asked.body, headers, source=ids.token())

    if route.permission == SIGNED_IN:
        assert refusal(answer) == (403, "key_not_accepted")
    elif route.permission not in (ANONYMOUS, PUBLIC, "photo.upload"):
        assert refusal(answer) == (403, "forbidden")
    else:
        assert answer.status < 500


def test_what_a_key_may_have_gives_rights_to_nobody():
    assert GRANTS.keys() >= GRANTABLE
    assert not [word for word in GRANTABLE if word.startswith(("api_key.", "user.", "member.", "organization."))]
    assert not GRANTABLE & {"settings.manage", "platform.manage", "domain.manage"}


def test_where_people_are_meant_a_key_is_nobody(world, make):
    token = make("event.manage", who="colleague")

    assert ask(world, token, "GET", "/cart").json()["data"]["items"] == []
    assert world.call("GET", "/cart", None, world.a.headers("customer")).json()["data"]["items"]


def test_a_key_connects_nothing(world, make):
    token = make("event.manage")
    asked = next(iter(matrix.OBJECTS["POST /auth/social/google"](world).values()))

    found = ask(world, token, "POST", "/auth/social/google", asked.body).json()["data"]

    assert found["user"]["id"] != world.a.people["admin"].id


# --- how wide it is -----------------------------------------------------------------------------------------


def test_a_key_makes_no_keys_and_keeps_none(world, make):
    token = make(*GRANTABLE)
    body = {"name": "Wider", "permissions": ["photo.upload"]}

    assert refusal(ask(world, token, "POST", "/api-keys", body)) == (403, "forbidden")
    assert refusal(ask(world, token, "GET", "/api-keys")) == (403, "forbidden")


@pytest.mark.parametrize("wanted", ["api_key.manage", "user.manage", "organization.own", "platform.manage", "root"])
def test_some_permissions_no_key_is_given(world, wanted):
    body = {"name": "Wide", "permissions": ["photo.upload", wanted]}

    answer = world.call("POST", "/api-keys", body, world.a.headers("admin"), source=ids.token())

    assert refusal(answer) == (400, "unknown_permission")


def test_nobody_gives_what_they_have_not(world, monkeypatch):
    admin = world.a.people["admin"].principal
    narrow = worlds.replace(admin, permissions=frozenset({"api_key.manage", "photo.upload"}))

    with pytest.raises(service.Forbidden, match="key_too_wide"):
        service.create(narrow, name="Wide", permissions=frozenset({"event.manage"}), days=1)


def test_a_key_shrinks_with_its_maker(world, make):
    token = make(COUNTS, who="colleague")
    assert ask(world, token, "GET", f"/events/{world.a.events['live'].id}/counts").status == 200

    maker = world.a.people["colleague"].id
    accounts.set_roles(world.a.people["admin"].principal, maker, ["photographer"])

    answer = ask(world, token, "GET", f"/events/{world.a.events['live'].id}/counts")
    assert refusal(answer) == (403, "forbidden")


def test_an_old_session_makes_no_key(world):
    admin = world.a.people["admin"].principal

    with clock.travel(timedelta(minutes=16)), pytest.raises(service.Forbidden, match="log_in_again"):
        service.create(admin, name="Late", permissions=frozenset({"photo.upload"}), days=1)


# --- when it ends -------------------------------------------------------------------------------------------


def test_a_revoked_key_opens_nothing_from_the_next_request_on(world, make):
    token = make(COUNTS)
    key = service.parts_of(token)[0]
    assert ask(world, token, "GET", f"/events/{world.a.events['live'].id}/counts").status == 200

    for _ in range(2):
        assert world.call("DELETE", f"/api-keys/{key}", None, world.a.headers("admin")).status == 204

    assert refusal(ask(world, token, "GET", "/events")) == (401, "invalid_token")


def test_a_key_runs_out(world, make):
    token = make("event.manage", days=1)

    with clock.travel(timedelta(days=1)):
        assert refusal(ask(world, token, "GET", "/events")) == (401, "invalid_token")


def test_a_key_is_good_in_its_organization_only(world, make):
    token = make("event.manage", shop=world.b)

    assert refusal(ask(world, token, "GET", "/events")) == (401, "invalid_token")


def test_a_key_with_another_secret_is_refused(world, make):
    id, _, secret = make("event.manage").rpartition("_")

    for forged in (f"{id}_{ids.token()}", f"{id}_", id, "pix_", "pix__", f"pix_x_{secret}", f"{id}_{secret}x"):
        assert refusal(ask(world, forged, "GET", "/events")) == (401, "invalid_token")


# --- what is kept and shown ---------------------------------------------------------------------------------


def test_the_secret_is_shown_once_and_kept_as_a_digest(world, make):
    token = make("event.manage")
    key, secret = service.parts_of(token)

    listed = world.call("GET", "/api-keys", None, world.a.headers("admin"))
    one = world.call("GET", f"/api-keys/{key}", None, world.a.headers("admin"))

    assert secret not in str(listed.body) + str(one.body)
    assert one.json()["data"]["hint"] == secret[-4:]
    kept = [client("dynamodb").scan(TableName=f"thepixstock-test-{name}")["Items"] for name in ("accounts", "audit")]
    assert secret not in str(kept)


def test_a_key_tells_when_it_was_used_about_once_an_hour(world, make):
    token = make("event.manage")
    key = service.parts_of(token)[0]

    def used() -> Any:
        ask(world, token, "GET", "/events")
        return store.get(world.a.organization, key).used_at

    first = used()
    with clock.travel(SEEN_EVERY - timedelta(minutes=1)):
        assert used() == first
    with clock.travel(SEEN_EVERY):
        assert used() > first


def test_making_a_key_stands_in_the_audit_log(world, make):
    token = make("photo.review")
    key = service.parts_of(token)[0]

    entries = client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]

    made = [entry for entry in entries if entry["entity_id"]["S"] == key]
    assert [entry["action"]["S"] for entry in made] == ["api_key.created"]
