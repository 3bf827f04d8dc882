"""Tricks with headers, addresses and tokens, each of which must change nothing at all."""

import re
from collections.abc import Mapping
from urllib.parse import quote

import pytest

from chalicelib.core import ids
from infra.local.gateway import Response
from tests.system.world import Stored, World, bearer, picture, watched

SPOOFS = [
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-HTTP-Method": "DELETE", "X-Method-Override": "DELETE"},
    {"X-Original-URL": "/organization/settings", "X-Rewrite-URL": "/organization/settings"},
    {"X-Forwarded-Host": "b.photos.example", "X-Host": "b.photos.example", "Forwarded": "host=b.photos.example"},
    {"X-Forwarded-Prefix": "/organization/settings", "X-Amzn-Trace-Id": "Root=1"},
    {"X-Organization": "b", "X-Tenant-Id": "b", "X-User": "admin", "X-Roles": "admin"},
    {"Cookie": "token=x; session=x", "X-Api-Key": "x"},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Client-Ip": "127.0.0.1"},
    {"X-Cart-Token": "", "X-Order-Token": ""},
    {"X-Cart-Token": "crt_\u0e01.\xff", "X-Order-Token": "\u0e01" * 5000},
]


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


def told(answer: Response) -> tuple[int, str]:
    text = re.sub(r'"requestId":"[^"]+"|crt_[0-9A-Z]{26}|\?X-Amz-[^"]+', "-", answer.body.decode())
    return answer.status, text


@pytest.mark.parametrize("spoof", SPOOFS, ids=lambda spoof: next(iter(spoof)))
@pytest.mark.parametrize("who", [None, "customer", "admin"])
def test_a_header_that_claims_something_is_not_believed(
    world: World, stored: Stored, who: str | None, spoof: Mapping[str, str]
):
    headers = world.a.headers(who) if who else {}
    paid = world.a.orders["paid"].id
    for target in (
        "/organization",
        "/events",
        f"/orders/{paid}",
        "/organization/settings",
        "/cart",
        "/events/run-draft-a",
    ):
        with watched() as writes:
            plain = world.call("GET", target, headers=headers)
            spoofed = world.call("GET", target, headers=headers | dict(spoof))

        assert told(spoofed) == told(plain), target
        assert stored.changed_by(writes) == []


@pytest.mark.parametrize("host", ["a.photos.example:443", "A.PHOTOS.EXAMPLE", "a.photos.example."])
def test_a_host_is_the_same_however_it_is_written(world: World, host: str):
    assert world.call("GET", "/organization", headers={"Host": host}).json()["data"]["name"] == "Shop A"


@pytest.mark.parametrize(
    "host", ["c.photos.example", "a.photos.example.evil.example", "localhost", "127.0.0.1", "a.photos.example#", ""]
)
def test_an_unknown_host_opens_no_other_shop(world: World, host: str):
    a = world.a
    home = world.call("GET", "/organization", headers={"Host": host})
    event = world.call("GET", f"/events/{a.events['live'].id}", headers={"Host": host})
    staff = world.call("GET", "/organization/settings", headers=a.headers("admin") | {"Host": host})

    assert home.json()["data"]["name"] == "ThePixStock"
    assert event.status == 404
    assert (staff.status, staff.json()["error"]["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("first", [True, False])
def test_of_two_authorizations_one_that_is_wrong_opens_nothing_more(world: World, first: bool):
    """API Gateway hands on the last of a repeated header: whoever adds one only ever replaces it."""
    pairs = [("Authorization", "Bearer x.y.z"), ("Authorization", f"Bearer {world.a.people['customer'].token}")]
    pairs = pairs if first else pairs[::-1]

    answer = world.gateway.handle("GET", "/organization/settings", [("Host", world.a.host), *pairs])

    assert answer.status in {401, 403}


@pytest.mark.parametrize(
    "scheme", ["Basic {}", "bearer{}", "Token {}", "{}", "Bearer {} {}", "Bearer\t{}", "Bearer {},Bearer {}"]
)
def test_a_token_in_another_dress_is_none(world: World, scheme: str):
    token = world.a.people["admin"].token

    answer = world.call("GET", "/organization/settings", headers={"Authorization": scheme.format(token, token)})

    assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_token")


def test_a_token_in_the_address_is_none(world: World):
    token = world.a.people["admin"].token

    for name in ("token", "access_token", "authorization", "X-Order-Token"):
        assert world.call("GET", f"/organization/settings?{name}={token}").status == 401


# --- tokens of guests ---------------------------------------------------------------------------------------------


def test_a_cart_token_that_somebody_made_up_is_never_taken(world: World, stored: Stored):
    """Else a stranger could hand out a token and look into the cart that grows behind it."""
    made_up = {"X-Cart-Token": f"{ids.new('crt')}.{ids.token()}"}
    with stored.kept():
        added = world.call("POST", "/cart/items", {"items": [{"ref": world.a.photos["approved"]}]}, made_up)
        fresh = added.json()["data"]["token"]
        behind = world.call("GET", "/cart", headers=made_up).json()["data"]["items"]
        real = world.call("GET", "/cart", headers={"X-Cart-Token": fresh}).json()["data"]["items"]

    assert added.status == 200
    assert fresh
    assert fresh.partition(".")[0] != made_up["X-Cart-Token"].partition(".")[0]
    assert (behind, len(real)) == ([], 1)


def test_the_id_of_a_cart_opens_nothing(world: World, stored: Stored):
    id = world.a.carts["walk-in"].partition(".")[0]
    for secret in ("", ".", f".{ids.token()}", f".{ids.digest('x')}"):
        headers = {"X-Cart-Token": f"{id}{secret}", "Idempotency-Key": "checkout-walk-in"}
        with watched() as writes:
            seen = world.call("GET", "/cart", headers=headers)
            removed = world.call("DELETE", f"/cart/items/{world.a.photos['second']}", headers=headers)
            cleared = world.call("DELETE", "/cart", headers=headers)
            ordered = world.call("POST", "/orders", {"email": "walk-in@buyer.example", "language": "en"}, headers)

        assert [seen.json()["data"]["items"], removed.json()["data"]["items"], cleared.status] == [[], [], 204]
        assert (ordered.status, ordered.json()["error"]["code"]) == (422, "cart_empty")
        assert stored.changed_by(writes) == []


def test_a_cart_token_works_at_its_own_shop_alone(world: World, stored: Stored):
    headers = {"X-Cart-Token": world.a.carts["walk-in"]}
    with watched() as writes:
        here = world.call("GET", "/cart", headers=headers).json()["data"]["items"]
        there = world.call("GET", "/cart", headers=headers, shop=world.b).json()["data"]["items"]
        merged = world.call("GET", "/cart", headers=headers | world.b.headers("neighbour"), shop=world.b)

    assert (len(here), there) == (1, [])
    assert [item["ref"] for item in merged.json()["data"]["items"]] == [world.b.photos["approved"]]
    assert stored.changed_by(writes) == []


def test_an_order_token_opens_one_order_at_one_shop(world: World, stored: Stored):
    a, b = world.a, world.b
    orders = [(shop, name, shop.orders[name].id) for shop in (a, b) for name in ("paid", "unpaid", "guest", "walk-in")]
    for holder, held, _ in orders:
        headers = {"X-Order-Token": holder.order_token(held)}
        with watched() as writes:
            opened = [
                (shop.host, asked)
                for shop in (a, b)
                for _, asked, id in orders
                if world.call("GET", f"/orders/{id}", headers=headers, shop=shop).status == 200
            ]

        assert opened == [(holder.host, held)]
        assert stored.changed_by(writes) == []


def test_other_secrets_are_no_order_tokens(world: World):
    a = world.a
    order = a.orders["guest"]
    for token in (order.id, order.code, a.carts["guest"], a.people["admin"].token, ids.digest(order.id), "null", "*"):
        answer = world.call("GET", f"/orders/{order.id}", headers={"X-Order-Token": token})

        assert (answer.status, answer.json()["error"]["code"]) == (404, "order_not_found")


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(world: World):
    person = world.a.people["customer"]

    assert world.call("GET", "/auth/me", headers=bearer(person.refresh_token)).status == 401
    swapped = world.call("POST", "/auth/refresh", {"refreshToken": person.token[:200]})
    assert (swapped.status, swapped.json()["error"]["code"]) == (401, "invalid_refresh_token")


# --- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["&".join(f"a{n}=1" for n in range(20_000)), "a" * 200_000, "%00=%FF&=&&;", "x[]=1&x=2"]
)
def test_a_query_of_rubbish_is_ignored(world: World, query: str):
    assert told(world.call("GET", f"/events?{query}")) == told(world.call("GET", "/events"))


def test_of_a_repeated_parameter_the_last_one_counts(world: World):
    assert world.call("GET", "/events?pageSize=101&pageSize=1").json()["data"]["pageSize"] == 1
    assert world.call("GET", "/events?pageSize=1&pageSize=101").status == 400


@pytest.mark.parametrize(
    "name", ["run-live-A", "RUN-LIVE-A", "run\u2010live\u2010a", "run-live-a\u200b", "run-live-a.", "run-live-a;x"]
)
def test_a_slug_is_taken_letter_by_letter(world: World, name: str):
    assert world.call("GET", f"/events/{quote(name)}").status == 404


@pytest.mark.parametrize("name", ["../../secret.jpg", "..\\secret.jpg", "/etc/passwd", "a/b.jpg", "x" * 255, "<b>.jpg"])
def test_a_file_name_leads_nowhere(world: World, stored: Stored, name: str):
    event = world.a.events["live"].id
    with stored.kept():
        offer = {"files": [picture(55).wire | {"name": name}]}
        answer = world.call("POST", f"/events/{event}/uploads", offer, world.a.headers("photographer"))

    key = answer.json()["data"]["files"][0]["upload"]["fields"]["key"]
    assert re.fullmatch(rf"uploads/{world.a.organization}/{event}/pho_[0-9A-Z]{{26}}/1", key)
