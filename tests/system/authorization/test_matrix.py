"""The authorization matrix: every address x caller x object against `oracle.csv`, and holes planted to prove it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app import app
from chalicelib.core import auth, ids, once
from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.errors import Forbidden, NotFound, Unauthorized
from chalicelib.core.http import Api
from chalicelib.core.routing import Route, Routes
from chalicelib.core.table import transact
from chalicelib.core.wire import Output
from chalicelib.orders import service as orders
from chalicelib.payments import store as payments
from tests.figures import Show
from tests.system.authorization import matrix
from tests.system.authorization.matrix import DEAD, OBJECTS, ORDERS, PAYMENTS, Matrix, Rule
from tests.system.world import Stored, World

ROUTES = {route.name: route for route in app.mounted}
RULES = matrix.rules()
Open = Callable[..., Matrix]


@pytest.fixture(scope="module")
def open_matrix(world: World) -> Open:
    """A matrix over this API, with these rules and objects."""
    callers = matrix.callers(world)
    stored = Stored()

    def opened(api: Api, rules: list[Rule], objects: Mapping[str, matrix.Asking]) -> Matrix:
        return Matrix(world, api, callers, stored, rules, objects)

    return opened


@pytest.fixture(scope="module")
def real(open_matrix: Open) -> Matrix:
    return open_matrix(app, RULES, OBJECTS)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_every_caller_gets_what_the_oracle_says(real: Matrix, figure: Show, full: bool, route: Route):
    before = real.cells

    problems = list(real.problems(route, whole=full))

    text = "{routes} routes, {cells:,} cells, {wrong} wrong"
    promise = "every address x caller x object answers as a person wrote down; foreign is like missing"
    figure("authorization", promise, text, routes=1, cells=real.cells - before, wrong=len(problems))
    assert problems == []


# --- the oracle ---------------------------------------------------------------------------------------------


def test_every_rule_names_a_route_and_is_in_its_place():
    named = [rule.route for rule in RULES]
    blocks = [route for number, route in enumerate(named) if number == 0 or named[number - 1] != route]

    assert blocks == [*sorted(ROUTES, key=lambda name: name.split(" ")[::-1]), "*"]


def test_every_rule_names_callers_that_there_are(real: Matrix):
    named = {name for rule in RULES for name in rule.caller.split("|")}

    assert named <= {"anyone", "living", *real.callers}
    assert set(DEAD) < real.callers.keys()


def test_every_rule_decides_something(real: Matrix, world: World):
    deciding = {
        matrix.ruling(known, route, caller, object)
        for route in ROUTES
        for known in (matrix.about(RULES, route),)
        for caller in real.callers
        for object in OBJECTS[route](world)
    }

    assert [rule for rule in RULES if rule not in deciding] == []


def test_only_what_has_nothing_to_guard_looks_at_no_token():
    blind = {route.path for route in app.mounted if route.permission == auth.ANONYMOUS}

    assert blind == {
        *("/", "/docs", "/docs/{asset}", "/openapi.json", "/licenses/verify"),
        *("/payments/webhook", "/payments/webhook/{gateway}"),
        *(f"/auth/{name}" for name in ("register", "resend", "verify", "login", "refresh", "second-factor", "social")),
        *("/auth/forgot-password", "/auth/reset-password", "/auth/verify-email", "/auth/link"),
        *("/organizations/by-domain", "/invitations/{id}/accept", "/invitations/{id}/{token}", "/notices"),
        "/notices/line",
        "/parcels/{id}/{token}",
    }
    assert {rule.route.split(" ")[1] for rule in RULES if rule.caller == "anyone"} == blind


# --- holes that the matrix must find ------------------------------------------------------------------------


class Exported(Output):
    id: str


def _exporting(read: Callable[[Principal, str], Any], path: str, permission: str = PUBLIC) -> Route:
    domain = Routes("planted")

    @domain.get(path, permission=permission, returns=Exported)
    def export(principal: Principal, id: str) -> Any:
        return read(principal, id)

    return domain.routes[0]


def _problems(open_matrix: Open, route: Route, *rules: Rule, objects: matrix.Asking = ORDERS) -> list[str]:
    domain = Routes("planted")
    domain.routes = [route]
    api = Api("planted", app.access)
    api.mount(domain)
    known = [*rules, *(rule for rule in RULES if rule.route == "*")]
    return list(open_matrix(api, known, {route.name: objects}).problems(route))


ORDER_RULES = [replace(rule, route="GET /exports/{id}") for rule in RULES if rule.route == "GET /orders/{id}"]
PAYMENT_RULES = [
    Rule("GET /exports/{id}", "visitor|guest|walk-in|foreign-guest", "*", "401 sign_in_required"),
    Rule("GET /exports/{id}", "living", "paid|unpaid|guest", "200"),
    Rule("GET /exports/{id}", "living", "*", "404 payment_not_found"),
]


def test_control_a_route_as_it_should_be(open_matrix: Open):
    guarded = replace(_exporting(orders.open_order, "/exports/{id}"), guarded=True)

    assert _problems(open_matrix, guarded, *ORDER_RULES) == []


def test_a_route_that_nobody_reviewed_is_found(open_matrix: Open):
    route = _exporting(orders.open_order, "/exports/{id}")

    assert _problems(open_matrix, route) == ["GET /exports/{id}: no rule"]


def test_a_route_that_asks_for_no_owner_is_found(open_matrix: Open):
    route = _exporting(lambda principal, id: orders.get(principal.organization, id), "/exports/{id}")

    found = _problems(open_matrix, replace(route, guarded=True), *ORDER_RULES)

    assert "GET /exports/{id}, visitor, paid: 200, not 404 order_not_found" in found
    assert "GET /exports/{id}, neighbour, unpaid: 200, not 404 order_not_found" in found
    assert not [problem for problem in found if "foreign" in problem.rpartition(", ")[2]]


def test_a_service_that_asks_for_no_tenant_is_found(open_matrix: Open):
    def read(principal: Principal, id: str) -> Any:
        return payments.get(payments.locate(id).organization, id)

    route = _exporting(read, "/exports/{id}", SIGNED_IN)

    found = _problems(open_matrix, route, *PAYMENT_RULES, objects=PAYMENTS)

    assert "GET /exports/{id}, admin, foreign: 200, not 404 payment_not_found" in found
    assert "GET /exports/{id}, neighbour, foreign: tells itself from one that is missing" in found


def test_a_refusal_that_tells_a_foreign_thing_from_a_missing_one_is_found(open_matrix: Open):
    def read(principal: Principal, id: str) -> Any:
        place = payments.locate(id)
        if place.organization != principal.organization:
            raise NotFound("payment_not_found", "This payment is not yours.")
        return payments.get(place.organization, id)

    route = _exporting(read, "/exports/{id}", SIGNED_IN)

    found = _problems(open_matrix, route, *PAYMENT_RULES, objects=PAYMENTS)

    assert {problem.rpartition(": ")[2] for problem in found} == {"tells itself from one that is missing"}


def test_a_refusal_that_has_written_is_found(open_matrix: Open):
    def read(principal: Principal, id: str) -> Any:
        transact(once.claim(principal.organization, "planted", ids.token(), result=id, keep=timedelta(hours=1)))
        raise Forbidden("forbidden", "Your account may not do this.")

    route = _exporting(read, "/exports/{id}", SIGNED_IN)
    rules = [PAYMENT_RULES[0], Rule("GET /exports/{id}", "living", "*", "403 forbidden")]

    found = _problems(open_matrix, route, *rules, objects=PAYMENTS)

    assert found
    assert {problem.rpartition(": ")[2] for problem in found} == {
        "refused, and yet it wrote Put thepixstock-test-claims"
    }


def test_a_permission_that_got_lost_is_found(open_matrix: Open):
    name = "GET /events/{id}/counts"
    rules = [rule for rule in RULES if rule.route == name]

    found = _problems(open_matrix, replace(ROUTES[name], permission=PUBLIC), *rules, objects=OBJECTS[name])

    assert f"{name}, visitor, live: 200, not 401 sign_in_required" in found
    assert f"{name}, photographer, draft: 200, not 403 forbidden" in found


def test_a_token_that_opens_every_tenant_is_found(open_matrix: Open, world: World, monkeypatch: pytest.MonkeyPatch):
    verify = auth.verify

    def lenient(token: str, organization: str) -> Principal:
        try:
            return replace(verify(token, world.b.organization), organization=organization)
        except Unauthorized:
            return verify(token, organization)

    monkeypatch.setattr(auth, "verify", lenient)
    name = "GET /organization/settings"
    rules = [rule for rule in RULES if rule.route == name]

    found = _problems(open_matrix, ROUTES[name], *rules, objects=OBJECTS[name])

    assert any(problem.startswith(f"{name}, foreign-admin, -: ") for problem in found)
