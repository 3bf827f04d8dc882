"""What each route, and each step behind the queues, asks of AWS; and tables grown until it would show."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app import app
from chalicelib.core import ids
from chalicelib.core.routing import Route
from chalicelib.organizations import service as organizations
from infra.bench.calls import Row
from infra.bench.meter import Usage, metered
from tests.stack import client
from tests.system.authorization import matrix
from tests.system.world import Stored, World

TABLE = Path(__file__).with_name("calls.csv")
CALLERS = ("visitor", "guest", "walk-in", "customer", "photographer", "admin", "owner", "operator")
"""Who may call, the least trusted first."""
_STEP = 100  # clones of each kind at a time


def rows(world: World, callers: Mapping[str, Mapping[str, str]], stored: Stored) -> Iterator[Row]:
    """Each route, called by the least trusted caller whom the oracle lets through. Whatever it writes is taken back.

    `stored` is the world before any growth: nobody writes to clones, and to read large tables whole takes minutes.
    """
    rules = matrix.rules()
    for route in sorted(app.mounted, key=lambda route: (route.path, route.method)):
        chosen = _chosen(world, route, rules)
        if chosen is not None:
            caller, asked = chosen
            _called(world, route, asked, callers[caller], stored)  # fills what a process remembers
            yield row(route.name, caller, _called(world, route, asked, callers[caller], stored))


def row(name: str, caller: str, usage: Usage) -> Row:
    others = " ".join(f"{operation}:{count}" for operation, count in usage.others.items())
    return Row(name, caller, usage.database_calls, usage.reads, usage.writes, usage.items, others)


def _chosen(world: World, route: Route, rules: Sequence[matrix.Rule]) -> tuple[str, matrix.Asked] | None:
    for name, asked in matrix.OBJECTS[route.name](world).items():
        for caller in CALLERS:
            rule = matrix.ruling(rules, route.name, caller, name)
            if rule is not None and int(rule.answer.split()[0]) < 400:
                return caller, asked
    return None


def _called(world: World, route: Route, asked: matrix.Asked, headers: Mapping[str, str], stored: Stored) -> Usage:
    path = matrix.filled(route.path, asked) + ("?pageSize=5" if route.many else "")
    sent = {**headers} | dict.fromkeys(route.headers, f"calls-{ids.token()}")
    usage = Usage()
    with stored.kept(), metered(lambda: usage):
        response = world.call(route.method, path, asked.body, sent, source=f"10.0.0.{hash(route.name) % 250}")
    assert response.status < 400, f"{route.name}: {response.status} {response.body[:200]!r}"
    if route.method != "GET":
        organizations.forget()
        organizations.admit(world.a.organization)  # once a minute a process looks whether it may
    return usage


# --- growing ------------------------------------------------------------------------------------------------


def grow(world: World, to: int, tick: Callable[[int], object] = lambda done: None) -> int:
    """Clone what lists show of shop A, each `to` times: photos, orders with all that hangs on them, events.

    Returns how many items were written; `tick` hears how many clones of each are made.
    """
    shop = world.a
    kinds: dict[str, tuple[str, ...]] = {
        "pho": (shop.photos["approved"], shop.photos["pending"]),
        "ord": (shop.orders["paid"].id, shop.payments["paid"]),
        "evt": (shop.events["live"].id,),
    }
    found = [(known, table, items) for prefix, known in kinds.items() for table, items in _named_after(prefix, known)]
    written = 0
    for start in range(0, to, _STEP):
        step = min(_STEP, to - start)
        fresh = [{id: ids.new(id.split("_")[0]) for known in kinds.values() for id in known} for _ in range(step)]
        for known, table, items in found:
            written += step * len(items)
            _put(table, (_renamed(item, {id: names[id] for id in known}) for names in fresh for item in items))
        tick(step)
    return written


def _named_after(prefix: str, known: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """By table, the items that have one of these ids in their key."""
    wanted = {"pho": ("photos",), "ord": ("orders", "payments", "entitlements", "ledger"), "evt": ("events",)}[prefix]
    for domain in wanted:
        name = f"thepixstock-test-{domain}"
        pages = client("dynamodb").get_paginator("scan").paginate(TableName=name)
        yield name, [item for page in pages for item in page["Items"] if any(id in item["pk"]["S"] for id in known)]


def _renamed(item: Mapping[str, Any], fresh: Mapping[str, str]) -> Any:
    text = json.dumps(item)
    for old, new in fresh.items():
        text = text.replace(old, new)
    return json.loads(text)


def _put(table: str, items: Iterable[Any]) -> None:
    puts = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(puts), 25):
        client("dynamodb").batch_write_item(RequestItems={table: puts[start : start + 25]})


# --- what was measured before -------------------------------------------------------------------------------


def known() -> dict[str, Row]:
    with TABLE.open(newline="") as file:
        return {
            line["route"]: Row(
                line["route"],
                line["caller"],
                int(line["calls"]),
                float(line["reads"]),
                int(line["writes"]),
                int(line["items"]),
                line["others"],
            )
            for line in csv.DictReader(file)
        }


def write(measured: Iterable[Row]) -> None:
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(Row.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in measured)
