"""A receiver on this machine, and endpoints that lead to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core import clock
from chalicelib.core.table import PageRequest
from chalicelib.webhooks import service
from chalicelib.webhooks.model import Delivery, Endpoint
from chalicelib.webhooks.service import delivering
from infra.local.receiver import Receiver
from tests import deliver
from tests.events.people import ADMIN, opened


@dataclass
class Till:
    """Somebody else's system, to which the organization's webhook leads."""

    receiver: Receiver
    endpoint: Endpoint

    @property
    def heard(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.receiver.heard]

    @property
    def now(self) -> Endpoint:
        return service.find(ADMIN, self.endpoint.id)

    @property
    def sent(self) -> list[Delivery]:
        """Its deliveries, the oldest first."""
        page = service.deliveries(ADMIN, self.endpoint.id, PageRequest(100))
        return [service.delivery(ADMIN, self.endpoint.id, each.id) for each in reversed(page.items)]

    @contextmanager
    def wait(self, passing: timedelta) -> Iterator[None]:
        """Time goes by, and the sweep comes."""
        with clock.travel(passing):
            run()
            yield


def run() -> None:
    """The sweep, and all that follows, without the messages that a queue keeps back."""
    service.send_due()
    deliver.all()


def happen(name: str = "Night Run") -> str:
    """Something that webhooks tell of: the photos of an event can be seen."""
    event = opened(ADMIN, name=name)
    deliver.all()
    return event.id


@pytest.fixture
def receiver(aws: None) -> Iterator[Receiver]:
    with Receiver(stage="test") as receiver:
        receiver.clock = lambda: clock.now().timestamp()
        yield receiver


@pytest.fixture
def till(receiver: Receiver) -> Till:
    return led_to(receiver)


def led_to(receiver: Receiver, *events: str, **more: Any) -> Till:
    given: dict[str, Any] = {
        "url": receiver.url,
        "events": events or ("event.live",),
        "description": "",
        "enabled": True,
    } | more
    made = service.create(ADMIN, **given)
    receiver.secrets.append(made.secret)
    return Till(receiver, made.endpoint)


@pytest.fixture(autouse=True)
def kept_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seconds of each message that SQS would keep back; here the sweep alone comes, when a test says so."""
    delays: list[int] = []
    told = SimpleNamespace(tell=lambda fact, *, delay: delays.append(delay))
    monkeypatch.setattr(delivering, "queues", told)
    return delays


__all__ = ["Till", "happen", "kept_back", "led_to", "receiver", "run", "till"]
