"""The table as it travels."""

import json

import pytest

from chalicelib.core import auth
from chalicelib.core.http import Access, Api
from chalicelib.organizations.roles import GUARDED, ROLES
from chalicelib.organizations.service import DEFAULT
from chalicelib.taxes.routes import routes
from infra.local.gateway import Gateway
from tests.events.people import ADMIN, caller

VAT = {"taxClass": "things", "name": "VAT", "rate": 8_875, "inclusive": False, "validFrom": "2199-01-01"}


@pytest.fixture
def call(things):
    api = Api("taxes", Access(ROLES, GUARDED, lambda host: DEFAULT, session_lives=lambda principal: True))
    api.mount(routes)
    gateway = Gateway(api)

    def send(method, by=ADMIN, body=None):
        token = auth.issue(organization=DEFAULT, user=by.user, roles=by.roles, session="ses_1", version=1)
        headers = {"Host": "a.example", "Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        response = gateway.handle(method, "/taxes", headers, b"" if body is None else json.dumps(body).encode())
        return response.status, response.json()

    return send


def test_a_table_is_set_and_read(call):
    empty = {"rates": [], "rounding": "line", "classes": ["things"], "version": 0}
    assert call("GET")[1]["data"] == empty

    status, answer = call("PUT", body={"rates": [VAT], "rounding": "order", "version": 0})

    assert (status, answer["data"]) == (200, empty | {"rates": [VAT], "rounding": "order", "version": 1})
    assert call("GET")[1]["data"] == answer["data"]


def test_who_keeps_prices_does_not_keep_taxes(call):
    manager = caller("manager")

    assert [call("GET", manager)[0], call("PUT", manager, {"rates": [VAT], "version": 0})[0]] == [403, 403]


@pytest.mark.parametrize(
    "wrong", [{"rate": 100_001}, {"rate": -1}, {"rate": 7.5}, {"name": " "}, {"validFrom": "soon"}, {"inclusive": "no"}]
)
def test_a_rate_that_is_none_is_refused(call, wrong):
    status, answer = call("PUT", body={"rates": [VAT | wrong], "version": 0})

    assert (status, answer["errors"][0]["field"]) == (400, f"rates.0.{next(iter(wrong))}")
    assert call("GET")[1]["data"]["version"] == 0
