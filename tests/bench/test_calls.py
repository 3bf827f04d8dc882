"""What a request costs is known, and does not grow with the tables."""

from dataclasses import replace

import pytest

from app import app
from infra.bench.calls import Pair, Row, pairs
from tests.bench import calls
from tests.system.authorization import matrix
from tests.system.world import Stored, World

pytestmark = pytest.mark.xdist_group("calls")

UNMEASURED = {
    *("POST /auth/register", "POST /auth/resend", "POST /auth/verify", "POST /payments/webhook"),
    "GET /auth/verify-email",
    *("POST /auth/forgot-password", "POST /auth/reset-password", "POST /auth/change-password"),
    *("POST /users/email", "PUT /users/email", "POST /users/phones"),
    *("PUT /users/phones/{id}", "DELETE /users/phones/{id}"),
    "PUT /auth/second-factor",
    "POST /auth/second-factor/disable",
    "POST /auth/second-factor/recovery-codes",
}
UNMEASURED |= {"POST /events/{id}/notices", "PUT /events/{id}/notices"}
UNMEASURED |= {"POST /events/{id}/notices/faces"}
UNMEASURED |= {"GET /organizations/by-domain", "DELETE /auth/providers/{provider}"}
UNMEASURED |= {"POST /payments/webhook/{gateway}"}
UNMEASURED |= {"POST /users/notifications/line", "POST /notices/line"}
UNMEASURED |= {"POST /downloads/{id}/photos/{photo}/received", "POST /events/{id}/access"}
UNMEASURED |= {"PUT /cart/update", "POST /admin/notifications/templates/{kind}/{channel}/{language}/restore"}
"""The oracle knows only their refusals."""


@pytest.fixture(scope="module")
def callers(world: World) -> dict[str, dict[str, str]]:
    return matrix.callers(world)


@pytest.fixture(scope="module")
def stored(callers: dict[str, dict[str, str]]) -> Stored:
    return Stored()


@pytest.fixture(scope="module")
def small(world: World, callers: dict[str, dict[str, str]], stored: Stored) -> dict[str, Row]:
    return {row.route: row for row in calls.rows(world, callers, stored)}


@pytest.fixture(scope="module")
def large(
    world: World, callers: dict[str, dict[str, str]], stored: Stored, small: dict[str, Row], grown: int
) -> dict[str, Row]:
    """Measured again after the tables have grown."""
    assert calls.grow(world, grown) > 5 * grown
    return {row.route: row for row in calls.rows(world, callers, stored)}


def test_every_route_is_measured(small):
    assert small.keys() | UNMEASURED >= {route.name for route in app.mounted if not route.hidden}


def test_calls_are_those_of_the_table(small, request):
    if request.config.getoption("--write-calls", False):
        calls.write(small.values())

    assert {name: cost(row) for name, row in small.items()} == {
        name: cost(row) for name, row in calls.known().items()
    }, "a route costs something else than calls.csv says; if it must, run this file with --write-calls"


def test_no_request_costs_more_when_the_tables_are_large(small, large):
    assert [pair for pair in pairs(small, large) if pair.grows] == []


@pytest.mark.parametrize(
    ("changes", "respect"),
    [
        ({"calls": 3}, "calls"),
        ({"reads": 3.5}, "reads"),
        ({"items": 41}, "items"),
        ({"others": "dynamodb.Scan:1"}, "scans"),
        ({"reads": 3.0, "items": 40, "writes": 9}, None),
    ],
)
def test_what_counts_as_growing(changes, respect):
    """The control of the test before."""
    before = Row("GET /", "visitor", calls=2, reads=2.0, writes=1, items=5, others="")

    assert Pair(before, replace(before, **changes)).grows == respect


def cost(row: Row) -> tuple[str, int, str]:
    """What must not change unnoticed. Units are rounded up from sizes, which differ by a byte from run to run."""
    return row.caller, row.calls, row.others
