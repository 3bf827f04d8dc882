import pytest

from chalicelib import lines
from chalicelib.core.auth import Principal
from chalicelib.organizations.service import DEFAULT
from tests import selling


@pytest.fixture
def things(aws, monkeypatch):
    """A shop of things with 100 in stock."""
    monkeypatch.setattr(lines, "discover", lambda: {"things": selling.Things()})
    selling.stock(DEFAULT, 100)


@pytest.fixture
def buyer():
    return Principal(DEFAULT, user="usr_01J00000000000000000000001")
