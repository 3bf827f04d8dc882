"""What holds for every mounted route: how it is declared, that all its addresses answer, and which headers it sends."""

import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from random import Random
from typing import Any
from urllib.parse import urljoin

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from app import app
from chalicelib.core import log, queues, storage
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN
from chalicelib.core.http import METHODS, SECURITY_HEADERS
from chalicelib.core.routing import Route
from chalicelib.core.settings import settings
from chalicelib.core.wire import Input
from chalicelib.operations.routes import openapi_document
from chalicelib.organizations.roles import GRANTS
from infra.local.gateway import Response
from tests.figures import Show
from tests.stack import ENVIRONMENT
from tests.system.authorization import matrix
from tests.system.test_refusals import assert_refusal
from tests.system.world import ORIGIN, Stored, World

ROUTES = {route.name: route for route in app.mounted}
PREFIXES = ("/api", "/api/v1")
MOST_RESOURCES = 280
every_route = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)


@pytest.fixture(scope="module")
def stored(world: World) -> Stored:
    return Stored()


# --- how it is declared ---------------------------------------------------------------------------------------


@every_route
def test_it_says_who_may_call_it(route: Route):
    assert route.permission in {ANONYMOUS, PUBLIC, SIGNED_IN, *GRANTS}


@every_route
def test_it_says_what_it_does_in_one_line(route: Route):
    summary, _, rest = (route.view.__doc__ or "").strip().partition("\n")

    assert 10 <= len(summary) <= 120
    assert summary.endswith(".")
    assert not rest or rest.startswith("\n")


def test_a_variable_has_one_name_at_one_position():
    names: dict[tuple[str, ...], set[str]] = {}
    for path in app.routes:
        parts = path.strip("/").split("/")
        for position, part in enumerate(parts):
            if part.startswith("{") and not part.endswith("+}"):
                before = tuple("{}" if known.startswith("{") else known for known in parts[:position])
                names.setdefault(before, set()).add(part)

    assert {before: found for before, found in names.items() if len(found) > 1} == {}


def test_only_canonical_addresses_that_are_not_the_staffs_are_resources():
    public = {route.path for route in app.mounted if not route.path.startswith("/admin/")}
    assert set(app.routes) == public | {"/{proxy+}"}
    assert any(route.path.startswith("/admin/") for route in app.mounted)
    assert len(app.routes) <= MOST_RESOURCES


def test_an_alias_has_the_variables_of_its_route():
    different = [
        alias for route in app.mounted for alias in route.aliases if alias.count("{") not in (0, len(route.variables))
    ]

    assert different == []


def test_no_traceback_is_ever_sent():
    assert app.debug is False


def test_every_input_is_bounded():
    bodies = {route.body for route in app.mounted if route.body is not None}
    _, defined = models_json_schema([(body, "validation") for body in bodies], by_alias=True)

    unbounded = [problem for name, schema in defined["$defs"].items() for problem in _unbounded(name, schema)]

    assert all(issubclass(body, Input) for body in bodies)
    assert unbounded == []


def _unbounded(where: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Texts without a longest length, lists without a largest size, objects that take any number of fields."""
    match schema.get("type"):
        case "string" if not schema.keys() & {"maxLength", "enum", "const", "format"}:
            pattern = schema.get("pattern", "")
            if not re.fullmatch(r"\^\S*\{\d+(,\d+)?\}\$", pattern):
                yield where
        case "array":
            if "maxItems" not in schema:
                yield where
            yield from _unbounded(f"{where}[]", schema.get("items", {}))
        case "object":
            if schema.get("additionalProperties") is not False and "maxProperties" not in schema:
                yield where
            for name, part in schema.get("properties", {}).items():
                yield from _unbounded(f"{where}.{name}", part)
    for part in schema.get("anyOf", ()):
        yield from _unbounded(where, part)


# --- every address answers ------------------------------------------------------------------------------------

REFUSED = {
    "POST /users/notifications/line": 422,
    "POST /notices/line": 401,
    "PUT /photographers/{id}/rating": 404,
    "GET /photos/{id}/original": 404,
    "POST /auth/register": 400,
    "DELETE /auth/providers/{provider}": 404,
    "POST /auth/resend": 400,
    "POST /auth/verify": 400,
    "GET /auth/verify-email": 404,
    "POST /auth/link": 404,
    "POST /auth/forgot-password": 400,
    "POST /auth/reset-password": 400,
    "POST /auth/change-password": 400,
    "DELETE /auth/sessions/{id}": 404,
    "POST /users/email": 400,
    "PUT /users/email": 400,
    "POST /users/phones": 400,
    "PUT /users/phones/{id}": 404,
    "DELETE /users/phones/{id}": 404,
    "PUT /cart/items/{id}": 404,  # not in this cart
    "PUT /cart/update": 404,
    "GET /downloads/{id}": 404,  # of somebody else, whoever asks
    "POST /downloads/{id}/photos/{photo}": 404,
    "POST /downloads/{id}/photos/{photo}/received": 404,
    "POST /events/{id}/access": 403,
    "GET /users/me/payouts/{id}/statement": 404,
    "POST /orders/{id}/redownload": 404,
    "GET /orders/{id}/zip": 404,
    "POST /orders/{id}/zip": 404,
    "POST /cart/promo": 409,  # nothing is in the cart
    "POST /orders/{id}/cancel": 409,  # it is paid
    "POST /payments/create": 409,
    "POST /payments/{id}/slip": 404,  # the customer's
    "PUT /orders/{id}/billing": 409,  # it has a receipt
    "POST /payments/refund": 404,  # staff ask for nothing
    "POST /payments/{id}/refund": 404,
    "POST /payments/webhook": 401,
    "POST /payments/webhook/{gateway}": 401,
    "POST /photos/{id}/retry": 409,
    "GET /users/me/erasure": 404,  # only the customer asked for one
    "DELETE /users/me/erasure": 404,
    "DELETE /users/me/documents/{id}": 404,  # the customer's
    "POST /users/me/documents/{id}/submit": 404,
    "GET /face/search/{id}/status": 404,
    "GET /face/search/{id}/results": 404,
    "POST /face/feedback": 404,
    "PUT /auth/second-factor": 400,
    "POST /auth/second-factor/disable": 400,
    "POST /auth/second-factor/recovery-codes": 400,
    "GET /organizations/by-domain": 400,  # without a domain
    "POST /events/{id}/notices": 400,
    "PUT /events/{id}/notices": 400,
    "POST /events/{id}/notices/faces": 400,
    "POST /admin/notifications/templates/{kind}/{channel}/{language}/restore": 404,  # nothing was written before
    "GET /notices": 404,
    "POST /notices": 404,
}
"""What A's admin is answered where the example of a route is not for them; elsewhere it works."""


def ask(world: World, route: Route, address: str = "", prefix: str = "", **changes: Any) -> Response:
    """Call the example of a route at one of its addresses, as A's admin holding the walk-in's cart.

    What is the platform's is called by its operator, what is the owner's by the owner.
    """
    asked = matrix.example(world, route)
    method, path = (address or route.name).split(" ")
    sent = world.a.headers("admin") | dict.fromkeys(route.headers, "one-key-for-all")
    if route.name == "POST /orders":
        sent["X-Cart-Token"] = world.a.carts["walk-in"]
    if route.permission.startswith("platform."):
        sent |= world.platform.headers("operator") | {"Host": world.platform.host}
    if route.permission == "organization.own":
        sent |= world.a.headers("owner")
    sent |= changes.get("headers", {})
    method, body = changes.get("method", method), changes.get("body", asked.body)
    return world.call(method, prefix + matrix.filled(path, asked), body, sent, source=f"10.3.0.{next(SOURCES)}")


SOURCES = itertools.cycle(range(250))


@every_route
def test_it_answers_the_same_at_all_its_addresses(world: World, stored: Stored, full: bool, route: Route):
    with stored.kept():
        plain = ask(world, route)
    assert plain.status == REFUSED.get(route.name, route.status)

    addresses = [*itertools.product((route.name, *route.aliases), ("", *PREFIXES))]
    if not full:
        addresses = [(address, Random(address).choice(("", *PREFIXES))) for address in (route.name, *route.aliases)]
    for address, prefix in addresses:
        with stored.kept():
            answer = ask(world, route, address, prefix)
        assert answer.status == plain.status, (prefix, address)
        assert _headers(answer) == _headers(plain), (prefix, address)
        assert _content(answer, route) == _content(plain, route), (prefix, address)


def _headers(answer: Response) -> dict[str, str]:
    fleeting = {"x-amzn-requestid", "x-request-id", "location", "content-length"}
    return {name.lower(): value for name, value in answer.headers if name.lower() not in fleeting}


def _content(answer: Response, route: Route) -> Any:
    """A JSON answer: of a GET what it says, of anything else, where much is made anew, only its shape."""
    if not (answer.header("content-type") or "").startswith("application/json"):
        return None
    return _steady(answer.json() | {"requestId": "-", "timestamp": "-"}, values=route.method == "GET")


def _steady(value: Any, *, values: bool) -> Any:
    match value:
        case dict():
            # Sealed or signed anew each time.
            fleeting = {"ms", "nextCursor", "timestamp", "issuedAt", "signature", "expiresAt"}
            return {name: _steady(part, values=values and name not in fleeting) for name, part in value.items()}
        case list():
            return [_steady(part, values=values) for part in value]
        case str() if value.startswith("http"):
            return value.partition("?")[0]  # signed anew every two minutes
    return value if values else type(value).__name__


def test_what_was_created_is_where_the_answer_says(world: World, stored: Stored):
    made = [
        (route, address) for route in app.mounted for address in (route.name, *route.aliases) if route.status == 201
    ]

    for (route, address), prefix in itertools.product(made, ("", *PREFIXES)):
        with stored.kept():
            created = ask(world, route, address, prefix)
            where = created.header("location") or ""
            found = world.call("GET", where, headers=world.a.headers("admin"))
        assert where.startswith(f"{prefix}/")
        assert (created.status, found.status) == (201, 200), where
        assert found.json()["data"]["id"] == created.json()["data"]["id"]
    assert len(made) >= 4


# --- the acceptance table -------------------------------------------------------------------------------------

EXPECTED = """
POST /api/auth/register
POST /api/auth/login
POST /api/auth/refresh
POST /api/auth/logout
GET /api/event
GET /api/event/{}
POST /api/event
PUT /api/event/{}
DELETE /api/event/{}
GET /api/event/{}/photos
GET /api/event/{}/packages
POST /api/payment/webhook
POST /api/payment/create
GET /api/payment/{}/status
GET /api/health
"""
"""What frontends of the photo shop call."""


def test_what_the_frontends_of_the_photo_shop_call_is_served():
    document = openapi_document(app)
    served = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            served |= {f"{method.upper()} {path}", *operation.get("x-aliases", ())}
    shapes = {re.sub(r"\{\w+\}", "{}", address) for address in served}

    assert [line for line in EXPECTED.split("\n") if line and line.replace(" /api/", " /") not in shapes] == []


def test_the_document_lists_every_route_and_alias(world: World):
    document = world.call("GET", "/openapi.json").json()
    told = {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }

    assert told.keys() == {route.name for route in app.mounted if not route.hidden}
    for name, operation in told.items():
        assert operation.get("x-aliases", []) == list(ROUTES[name].aliases)
        assert operation["summary"] == (ROUTES[name].view.__doc__ or "").strip().partition("\n")[0]
        assert operation["x-permission"] == ROUTES[name].permission
    assert Counter(operation["operationId"] for operation in told.values()).most_common(1)[0][1] == 1


# --- headers ----------------------------------------------------------------------------------------------------

OWN_POLICY = {
    "/docs",
    "/auth/verify-email",
    "/auth/link",
    "/notices",
    "/t/{id}/{token}",
    "/d/{id}/{token}",
    "/d/{id}/{token}/photos/{photo}",
    "/d/{id}/{token}/invoice",
    "/invitations/{id}/{token}",
    "/photos/{id}/share",
    "/exports/{user}/{id}/{token}",
}


def assert_headers(answer: Response, *, policy: str | None = None, cache: str | None = None) -> None:
    """What every answer carries, and nothing that names the software."""
    wanted = SECURITY_HEADERS | {"Access-Control-Allow-Origin": ORIGIN}
    wanted |= {"Content-Security-Policy": policy} if policy else {}
    wanted |= {"Cache-Control": cache} if cache else {}
    for name, value in wanted.items():
        assert answer.header(name) == value, name
    assert answer.header("Set-Cookie") is None
    assert "Origin" in (answer.header("Vary") or "").split(", ")
    assert answer.header("X-Request-Id") == answer.header("x-amzn-RequestId")
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert answer.header("Server") is None
    counted = Counter(name.lower() for name, _ in answer.headers)
    assert [name for name, count in counted.items() if count > 1] == []
    assert b"Traceback" not in answer.body
    assert b'File "' not in answer.body


def cached_for(route: Route) -> str | None:
    return f"public, max-age={route.cache}, stale-while-revalidate={route.cache // 2}" if route.cache else None


@every_route
def test_every_answer_carries_the_headers(world: World, stored: Stored, figure: Show, route: Route):
    """When it works, when it is refused, to a stranger, with a dead token, as HEAD."""
    examples: list[dict[str, Any]] = [
        {},
        {"body": b"[]"},
        {"headers": {"Authorization": "Bearer x.y.z"}},
        {"headers": {"Content-Type": "text/plain"}},
        *([{"method": "HEAD"}] if route.method == "GET" else []),
    ]
    for changes in examples:
        with stored.kept():
            answer = ask(world, route, **changes)
        is_page = (answer.header("content-type") or "").startswith("text/html")
        policy = answer.header("Content-Security-Policy") if route.path in OWN_POLICY and is_page else None
        kept = route.permission == ANONYMOUS and answer.status == 200  # the examples are sent with a token
        assert_headers(answer, policy=policy, cache=cached_for(route) if kept else None)
        assert policy is None or policy.startswith("default-src 'none'; ")
        assert answer.status < 500
    text = "{routes} routes, {answers} answers, all with every header"
    figure("routes", "security headers and CORS on every answer", text, routes=1, answers=len(examples))


@every_route
def test_head_is_get_without_the_body(world: World, stored: Stored, route: Route):
    if route.method != "GET":
        assert ask(world, route, method="HEAD").status in {200, 404, 405}
        return
    with stored.kept():
        head, get = ask(world, route, method="HEAD"), ask(world, route)

    assert head.body == b""
    assert (head.status, _headers(head)) == (get.status, _headers(get))


@pytest.mark.parametrize("path", [*app.routes, "/event/{id}", "/nothing"])
def test_a_preflight_is_answered_everywhere(world: World, figure: Show, path: str):
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    target = re.sub(r"\{\w+\+?\}", "x", path)

    welcome = world.call("OPTIONS", target, headers=asked)
    strange = world.call("OPTIONS", target, headers=asked | {"Origin": "https://evil.example"})

    assert (welcome.status, welcome.body, strange.status) == (204, b"", 204)
    assert_headers(welcome)
    assert set((welcome.header("Access-Control-Allow-Methods") or "").split(", ")) == {*METHODS, "OPTIONS"}
    allowed = (welcome.header("Access-Control-Allow-Headers") or "").split(", ")
    tokens = {"X-Cart-Token", "X-Event-Token", "X-Order-Token", "X-Search-Token"}
    assert {"Authorization", "Content-Type", "Idempotency-Key", *tokens} == set(allowed)
    told = [name for name, _ in strange.headers if name.startswith("Access-Control-")]
    text = "{asked} preflights of another origin, {told} headers for it"
    figure("routes", "other origins are told nothing", text, asked=1, told=len(told))
    assert told == []


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", f"{ORIGIN}.evil.example", f"{ORIGIN}/", ORIGIN.upper(), "*", "file://"]
)
def test_another_origin_is_not_welcome(world: World, origin: str):
    for path in ("/events", "/nothing", "/docs", "/orders"):
        answer = world.call("GET", path, headers={"Origin": origin})

        assert [name for name, _ in answer.headers if name.startswith("Access-Control-")] == []
        assert "Origin" in (answer.header("Vary") or "").split(", ")


def test_unknown_addresses_carry_the_headers_too(world: World):
    for method in METHODS:
        answer = world.call(method, "/nothing/at/all")

        assert_refusal(answer, 404, "route_not_found")
        assert_headers(answer)


@pytest.mark.parametrize("path", [path for path in app.routes if "proxy" not in path])
def test_an_unknown_method_is_told_which_there_are(world: World, path: str):
    """Behind AWS the gateway itself answers this. Whose answer it is, it is in the envelope and as closed."""
    unknown = next(method for method in ("PATCH", "PUT") if method not in app.routes[path])

    answer = world.call(unknown, re.sub(r"\{\w+\}", "x", path))

    assert_refusal(answer, 405, "method_not_allowed")
    assert set((answer.header("Allow") or "").split(", ")) == set(app.routes[path])
    assert {name: answer.header(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_an_unknown_method_of_an_alias_carries_the_headers(world: World):
    answer = world.call("PATCH", "/event/x")

    assert_refusal(answer, 405, "method_not_allowed")
    assert answer.header("Allow") == "DELETE, GET, PUT"
    assert_headers(answer)


# --- when something breaks ----------------------------------------------------------------------------------------


@every_route
def test_a_bug_answers_the_envelope_and_says_nothing(
    world: World, route: Route, monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
):
    def broken(host: str) -> str:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(app, "access", replace(app.access, tenant_of=broken))

    answer = ask(world, route)

    assert_refusal(answer, 500, "internal_error")
    assert_headers(answer)
    assert "secret of the house" not in answer.body.decode() + lines.getvalue()
    assert "ZeroDivisionError" in lines.getvalue()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged meanwhile."""
    stream = io.StringIO()
    log.configure(stream)
    yield stream
    log.configure()


@contextmanager
def down(service: str) -> Iterator[None]:
    """The service can not be reached."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def failing(self: Any, operation: str, parameters: Any) -> Any:
        if self.meta.service_model.service_name == service:
            raise EndpointConnectionError(endpoint_url="https://10.0.0.7:4566/secret-path")
        return call(self, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", failing)
        yield


def test_a_service_that_does_not_answer_is_a_503_with_a_time_to_wait(world: World):
    with down("dynamodb"):
        answer = world.call("GET", "/events")

    assert_refusal(answer, 503, "unavailable")
    assert_headers(answer)
    assert int(answer.header("Retry-After") or 0) > 0


PROBES = {"database": "dynamodb", "storage": "s3", "queue": "sqs"}


def test_health_when_all_is_well(world: World):
    answer = world.call("GET", "/health")
    body = answer.json()

    assert answer.status == 200
    assert body["data"] == {
        "status": "healthy",
        "timestamp": body["data"]["timestamp"],
        "services": dict.fromkeys(PROBES, "up"),
    }
    assert (body["success"], body["errors"], body["error"]) == (True, [], None)


@pytest.mark.parametrize(("part", "service"), PROBES.items(), ids=PROBES)
def test_health_when_a_part_is_down(world: World, part: str, service: str):
    world.call("GET", "/health")  # so that the tenant of this host is known
    with down(service):
        answer = world.call("GET", "/health")

    assert answer.status == 503
    assert answer.json()["data"]["services"] == dict.fromkeys(PROBES, "up") | {part: "down"}
    assert answer.json()["error"] == {"code": "unhealthy", "message": "A part of the system is down."}
    assert_headers(answer)
    for detail in ("10.0.0.7", "4566", "secret-path", "Error", '"ms"', ENVIRONMENT["PIX_ORIGINALS_BUCKET"], "dynamodb"):
        assert detail not in answer.body.decode()


def test_health_asks_for_the_bucket_and_the_queue_that_are_used(world: World, monkeypatch: pytest.MonkeyPatch):
    gone = {"originals_bucket": "nobody-made-this", "jobs_queue": f"{settings().jobs_queue}-nobody-made-this"}
    elsewhere = settings().model_copy(update=gone)
    monkeypatch.setattr(storage, "settings", lambda: elsewhere)
    monkeypatch.setattr(queues, "settings", lambda: elsewhere)

    answer = world.call("GET", "/health")

    assert answer.status == 503
    assert answer.json()["data"]["services"] == {"database": "up", "storage": "down", "queue": "down"}


def test_health_tells_the_time_as_every_answer_does(world: World):
    told = world.call("GET", "/health").json()["data"]["timestamp"]

    assert told == TypeAdapter(datetime).dump_python(datetime.fromisoformat(told), mode="json")
    assert told.endswith("Z")


def test_operators_see_how_long_each_part_took(world: World):
    staff = world.call("GET", "/health", headers=world.a.headers("admin")).json()["data"]["services"]
    customer = world.call("GET", "/health", headers=world.a.headers("customer")).json()["data"]["services"]

    assert {name: set(probe) for name, probe in staff.items()} == {name: {"up", "ms"} for name in PROBES}
    assert {type(probe["ms"]) for probe in staff.values()} == {int}
    assert customer == dict.fromkeys(PROBES, "up")


# --- the documentation page ---------------------------------------------------------------------------------------


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("src", "href"):
            if address := given.get(name):
                self.links.append((tag, address))
        if (tag == "script" and "src" not in given) or tag == "style" or any(name.startswith("on") for name in given):
            self.inline.append(tag)


TYPES = {"script": "text/javascript", "link": "text/css", "a": "application/json"}


@pytest.mark.parametrize("address", [f"{prefix}/docs{end}" for prefix in ("", *PREFIXES) for end in ("", "/")])
def test_the_documentation_page_has_all_it_asks_for(world: World, address: str):
    page = world.call("GET", address)
    if address.endswith("/"):
        assert (page.status, page.header("location")) == (308, address.rstrip("/"))
        return
    found = _Page()
    found.feed(page.body.decode())
    policy = dict(rule.split(" ", 1) for rule in (page.header("Content-Security-Policy") or "").split("; "))

    assert page.status == 200
    assert found.inline == []  # the policy allows none
    assert [policy[part] for part in ("default-src", "script-src", "connect-src")] == ["'none'", "'self'", "'self'"]
    assert policy["style-src"].startswith("'self'")
    assert {tag for tag, _ in found.links} == TYPES.keys()
    for tag, link in found.links:
        target = urljoin(f"https://a.photos.example{address}", link)
        assert target.startswith("https://a.photos.example/")  # nothing from elsewhere
        asset = world.call("GET", target.removeprefix("https://a.photos.example"))
        assert asset.status == 200, target
        assert (asset.header("content-type") or "").partition(";")[0] in (TYPES[tag], "application/javascript")
        assert len(asset.body) > 100
    start = world.call("GET", urljoin(address, "docs/start.js")).body.decode()
    named = re.search(r'url: "([^"]+)"', start)
    assert named is not None
    assert world.call("GET", urljoin(address, named[1])).json()["openapi"].startswith("3.1")
