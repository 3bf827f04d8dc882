import pytest

from chalicelib import lines
from chalicelib.carts import service as carts
from chalicelib.core.auth import Principal
from chalicelib.lines.contract import Item
from chalicelib.orders import service as orders
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways, jobs, service
from tests import selling


@pytest.fixture
def things(aws, monkeypatch):
    """A shop of things with 100 in stock."""
    monkeypatch.setattr(lines, "discover", lambda: {"things": selling.Things()})
    selling.stock(DEFAULT, 100)


@pytest.fixture
def buyer():
    return Principal(DEFAULT, user="usr_01J00000000000000000000001")


assert jobs.settle, "importing the jobs registers their handlers"


@pytest.fixture
def gateway(monkeypatch):
    gateway = selling.FakeGateway()
    monkeypatch.setattr(gateways, "of_name", lambda name: gateway)
    return gateway


@pytest.fixture
def order(things, buyer):
    carts.add(buyer, [Item("things", "a"), Item("things", "b")])
    return orders.place_order(buyer, "checkout-1", email="buyer@example.com", language="en", expected_total=None)


@pytest.fixture
def payment(gateway, order, buyer):
    return service.create_payment(buyer, order.id)
