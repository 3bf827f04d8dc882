"""What browsers and caches may keep, and how they ask whether it has changed."""

import pytest

from chalicelib.core import auth, secrets
from chalicelib.core.auth import PUBLIC, SIGNED_IN
from chalicelib.core.http import SECURITY_HEADERS
from chalicelib.core.openapi import document
from chalicelib.core.routing import Routes
from infra.local.gateway import Gateway, Response
from tests import stack
from tests.core import lamps
from tests.core.lamps import ORG, People

ORIGIN = "http://localhost:3000"
KEPT = "public, max-age=40, stale-while-revalidate=20"
TOKENS = ("Authorization", "X-Cart-Token", "X-Event-Token", "X-Order-Token")


@pytest.fixture(scope="module")
def gateway(secret):
    with stack.moto_stack(secret):
        yield Gateway(lamps.api(People()))


@pytest.fixture
def get(gateway):
    def ask(target: str, **headers: str) -> Response:
        answer: Response = gateway.handle("GET", target, {name.replace("_", "-"): headers[name] for name in headers})
        return answer

    return ask


# --- what is kept -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/posters/lmp_1", "/api/v1/posters/lmp_1", "/poster/lmp_1"])
def test_an_answer_for_everybody_may_be_kept(get, target):
    answer = get(target)

    assert (answer.status, answer.header("Cache-Control")) == (200, KEPT)
    assert answer.header("Vary") == "Origin, Accept-Encoding, Authorization, X-Cart-Token, X-Event-Token, X-Order-Token"
    assert answer.json()["data"]["id"] == "lmp_1"


def access_token() -> str:
    return auth.issue(organization=ORG, user="usr_1", roles=frozenset(), session="ses_1", version=1)


@pytest.mark.parametrize("name", TOKENS)
def test_an_answer_to_somebody_is_not_kept(gateway, name):
    value = f"Bearer {access_token()}" if name == "Authorization" else "x"

    answer = gateway.handle("GET", "/posters/lmp_1", {name.lower(): value, "If-None-Match": "*"})

    assert (answer.status, answer.json()["data"]["id"]) == (200, "lmp_1")
    assert (answer.header("Cache-Control"), answer.header("ETag")) == ("no-store", None)


@pytest.mark.parametrize("name", TOKENS)
def test_an_anonymous_answer_is_kept_whoever_asks(gateway, name):
    plain, told = gateway.handle("GET", "/notice"), gateway.handle("GET", "/notice", {name: "x"})

    assert plain.header("Cache-Control") == told.header("Cache-Control")
    assert plain.header("Cache-Control") == "public, max-age=600, stale-while-revalidate=300"
    assert plain.header("Vary") == told.header("Vary") == "Origin, Accept-Encoding"
    assert plain.header("ETag") == told.header("ETag")
    assert plain.body.decode() == told.body.decode() == "Lamps ก"


def test_a_bad_token_is_refused_though_others_may_keep_the_answer(get):
    answer = get("/posters/lmp_1", Authorization="Bearer x")

    assert (answer.status, answer.header("Cache-Control"), answer.header("ETag")) == (401, "no-store", None)


@pytest.mark.parametrize("target", ["/posters/none", "/posters/a%20b"])
def test_a_refusal_is_not_kept(get, target):
    answer = get(target, If_None_Match="*")

    assert (answer.status, answer.header("Cache-Control"), answer.header("ETag")) == (404, "no-store", None)
    assert answer.header("Vary") == "Origin"


def test_a_route_that_does_not_say_so_is_not_kept(get):
    answer = get("/lamps/lmp_1", If_None_Match="*")

    assert (answer.status, answer.header("Cache-Control"), answer.header("ETag")) == (200, "no-store", None)


def test_an_origin_that_is_known_may_read_what_is_kept(get):
    answer = get("/posters/lmp_1", Origin=ORIGIN)

    assert answer.header("Access-Control-Allow-Origin") == ORIGIN
    assert "Origin" in str(answer.header("Vary")).split(", ")


# --- has it changed? ----------------------------------------------------------------------------------------


def test_a_tag_is_of_what_is_said_and_not_of_the_request(get):
    first, again, other = get("/posters/lmp_1"), get("/poster/lmp_1"), get("/posters/lmp_2")

    assert first.json()["requestId"] != again.json()["requestId"]
    assert first.header("ETag") == again.header("ETag")
    assert first.header("ETag") != other.header("ETag")


def test_a_tag_is_of_where_a_cursor_leads_and_not_of_how_it_is_sealed(get):
    first, again, last = get("/posters"), get("/posters"), get("/posters?page=2")

    assert first.json()["data"]["nextCursor"] != again.json()["data"]["nextCursor"]
    assert first.header("ETag") == again.header("ETag")
    assert first.header("ETag") != last.header("ETag")


def test_a_tag_changes_with_the_key_of_the_cursors(get, monkeypatch):
    before = get("/posters").header("ETag")
    rotated = secrets.Secrets.model_validate(stack.fresh_secrets())
    monkeypatch.setattr(secrets, "secrets", lambda: rotated)

    assert get("/posters", If_None_Match=str(before)).status == 200


def test_a_tag_is_weak_for_the_gateway_compresses_after_us(get):
    tag = str(get("/posters/lmp_1").header("ETag"))

    assert tag.startswith('W/"')
    assert tag.endswith('"')


@pytest.mark.parametrize(
    "known",
    [
        "{weak}",
        "{strong}",
        '"other", {weak}',
        '{weak} , W/"other"',
        'W/"a,b",{strong}',
        "*",
        " * ",
    ],
)
def test_what_is_known_is_not_sent_again(get, known):
    first = get("/posters/lmp_1")
    weak = str(first.header("ETag"))

    answer = get("/posters/lmp_1", If_None_Match=known.format(weak=weak, strong=weak.removeprefix("W/")))

    assert (answer.status, answer.body) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert answer.header(name) == first.header(name)
    assert answer.header("Content-Length") is None
    assert answer.header("X-Request-Id") == answer.header("x-amzn-RequestId")


@pytest.mark.parametrize("known", ["", '""', "W/", '"other"', 'W/"other", "another"', '"*"', "{bare}", '"{bare}', "**"])
def test_what_is_not_known_is_sent(get, known):
    bare = str(get("/posters/lmp_1").header("ETag")).removeprefix("W/").strip('"')

    answer = get("/posters/lmp_1", If_None_Match=known.format(bare=bare))

    assert (answer.status, answer.json()["data"]["id"]) == (200, "lmp_1")


def test_a_tag_of_something_else_is_not_known(get):
    other = str(get("/posters/lmp_2").header("ETag"))

    assert get("/posters/lmp_1", If_None_Match=other).status == 200


def test_an_answer_that_has_not_changed_carries_the_security_headers(get):
    answer = get("/posters/lmp_1", If_None_Match="*", Origin=ORIGIN)

    assert {name: answer.header(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS | {"Cache-Control": KEPT}
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN


def test_an_answer_that_has_not_changed_keeps_its_type(get):
    """API Gateway gives an answer without a type `application/json`, which a cache would write over the kept one."""
    answer = get("/notice", If_None_Match="*")

    assert (answer.status, answer.header("Content-Type")) == (304, "text/plain; charset=utf-8")


def test_a_strange_tag_is_no_work(get):
    answer = get("/posters/lmp_1", If_None_Match='W/"' * 20_000)

    assert answer.status == 200


# --- declaring ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "permission"), [("GET", SIGNED_IN), ("GET", "lamp.make"), ("POST", PUBLIC), ("DELETE", PUBLIC)]
)
def test_what_is_not_the_same_for_everybody_can_not_be_cached(method, permission):
    routes = Routes("test")
    getattr(routes, method.lower())("/a", permission=permission, cache=60)(lambda: None)

    with pytest.raises(TypeError, match="same for everybody"):
        lamps.api(People(), routes)


def test_the_document_tells_that_nothing_may_have_changed():
    paths = document(lamps.api(People()), title="Lamps", version="1", description="")["paths"]

    assert "304" in paths["/posters/{id}"]["get"]["responses"]
    assert "304" not in paths["/lamps/{id}"]["get"]["responses"]
