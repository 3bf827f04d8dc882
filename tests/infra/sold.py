"""A shop that has sold, in moto, and how a test tampers with what is stored."""

from typing import Any

import pytest

from infra import audit, stages
from tests.stack import client
from tests.system.crash import flows
from tests.system.crash import lab as laboratory
from tests.system.crash.flows import FLOWS
from tests.system.crash.world import World

PREFIX = "thepixstock-test"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(audit, "SECOND_LOOK", 0)


@pytest.fixture(scope="module")
def lab(secret):
    stages.load_records()
    with laboratory.opened(secret) as lab:
        yield lab


@pytest.fixture(scope="module")
def sold(lab):
    """An order of two photos, paid and downloaded, and one whose money is under review."""
    start, _ = lab._start(FLOWS["download"])
    with lab._world(start) as world:
        flows.download(world)
        return world.checkpoint()


@pytest.fixture
def world(sold):
    with World(sold) as world:
        yield world


def stored(domain: str, key: str) -> list[dict[str, Any]]:
    """The items of a table whose pk or sk has `key` in it."""
    items = client("dynamodb").scan(TableName=f"{PREFIX}-{domain}")["Items"]
    return [item for item in items if key in item["pk"]["S"] + " " + item["sk"]["S"]]


def put(domain: str, item: dict[str, Any], **values: Any) -> None:
    client("dynamodb").put_item(TableName=f"{PREFIX}-{domain}", Item=item | values)


def lose(domain: str, item: dict[str, Any]) -> None:
    client("dynamodb").delete_item(TableName=f"{PREFIX}-{domain}", Key={"pk": item["pk"], "sk": item["sk"]})


def first(domain: str, key: str) -> dict[str, Any]:
    return stored(domain, key)[0]


def more(item: dict[str, Any], name: str, by: int = 1) -> dict[str, Any]:
    return {name: {"N": str(int(item[name]["N"]) + by)}}
