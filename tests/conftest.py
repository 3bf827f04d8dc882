"""One moto account per test, built from infra/data.yaml: the tables, buckets and queues of the real data stack."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher

from chalicelib.accounts import passwords
from chalicelib.core import clock, ids, limits
from chalicelib.notifications.wording import service as wording
from chalicelib.organizations import service as organizations
from tests import stack
from tests.figures import (
    every_call,
    figure,
    full,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_terminal_summary,
)

__all__ = [
    "every_call",
    "figure",
    "full",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_terminal_summary",
]

os.environ.update(stack.ENVIRONMENT)

_DAYS = count()


@pytest.fixture(scope="session")
def secret() -> str:
    return json.dumps(stack.fresh_secrets())


@pytest.fixture(scope="session", autouse=True)
def hasher() -> Iterator[PasswordHasher]:
    """Hashing a password is made cheap for all tests; gives what does it elsewhere."""
    real, cheap = passwords._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    nobodys = cheap.hash(ids.token())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "_nobodys", lambda: nobodys)
        yield real


@pytest.fixture
def aws(secret: str) -> Iterator[None]:
    """An empty data stack in moto. Clients are kept from test to test; what they see is not."""
    organizations.forget()
    wording.forget()
    with stack.moto_stack(secret):
        yield


@pytest.fixture(autouse=True)
def whole_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate limits see each test begin at one o'clock of a day of its own: no window ends while the test counts."""
    shift = timedelta(days=next(_DAYS), hours=1, seconds=-(clock.epoch(clock.now()) % 86_400))
    monkeypatch.setattr(limits, "clock", SimpleNamespace(now=lambda: clock.now() + shift, epoch=clock.epoch))
