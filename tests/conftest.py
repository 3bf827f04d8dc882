"""One moto account per test, built from infra/data.yaml: the tables, buckets and queues of the real data stack."""

import json
import os
from collections.abc import Iterator

import pytest

from chalicelib.organizations import service as organizations
from tests import stack
from tests.figures import every_call, figure, full, pytest_addoption

__all__ = ["every_call", "figure", "full", "pytest_addoption"]

os.environ.update(stack.ENVIRONMENT)


@pytest.fixture(scope="session")
def secret() -> str:
    return json.dumps(stack.fresh_secrets())


@pytest.fixture
def aws(secret: str) -> Iterator[None]:
    """An empty data stack in moto. Clients are kept from test to test; what they see is not."""
    organizations.forget()
    with stack.moto_stack(secret):
        yield
