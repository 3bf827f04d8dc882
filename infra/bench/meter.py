"""Counts what a process asks of AWS: calls, and the capacity units that DynamoDB would charge.

Units follow DynamoDB's published rules: a read unit for each 4 KB read consistently, half of one otherwise; a write
unit for each KB, doubled in a transaction, once more for each index that holds the item. Sizes are those of the items.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from botocore.client import BaseClient

INDEXES = {
    "events": ("list_pk",),
    "photos": ("shelf_pk",),
    "orders": ("buyer_pk", "due_pk"),
    "payments": ("review_pk", "due_pk"),
    "ledger": ("account_pk",),
    "outbox": ("due_pk",),
}
"""By domain, the attributes whose presence puts an item into an index."""


@dataclass
class Usage:
    """Calls by service and operation, units of DynamoDB, items it gave, bytes put into S3."""

    calls: Counter[str] = field(default_factory=Counter)
    reads: float = 0
    writes: int = 0
    items: int = 0
    stored: int = 0

    @property
    def database_calls(self) -> int:
        return sum(count for name, count in self.calls.items() if name.startswith("dynamodb."))

    @property
    def others(self) -> dict[str, int]:
        """Calls to other services; and scans, which nobody should make."""
        wanted = {name for name in self.calls if not name.startswith("dynamodb.") or name == "dynamodb.Scan"}
        return {name: self.calls[name] for name in sorted(wanted)}


@contextmanager
def metered(usage_of_caller: Callable[[], Usage]) -> Iterator[None]:
    """Meters every call to AWS that is made inside, in any thread, on the usage that the caller is given."""
    plain = BaseClient._make_api_call  # type: ignore[attr-defined]
    lock = threading.Lock()

    def noted(self: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        answer = plain(self, operation, parameters)
        service = self.meta.service_model.service_name

        def stored_item(table: str, key: Mapping[str, Any]) -> Mapping[str, Any]:
            return plain(self, "GetItem", {"TableName": table, "Key": key}).get("Item", key)  # type: ignore[no-any-return]

        reads, writes, items = (
            _units(operation, parameters, answer, stored_item) if service == "dynamodb" else (0, 0, 0)
        )
        with lock:
            usage = usage_of_caller()
            usage.calls[f"{service}.{operation}"] += 1
            usage.reads += reads
            usage.writes += writes
            usage.items += items
            usage.stored += _length(parameters["Body"]) if operation == "PutObject" else 0
        return answer

    BaseClient._make_api_call = noted  # type: ignore[attr-defined]
    try:
        yield
    finally:
        BaseClient._make_api_call = plain  # type: ignore[attr-defined]


Item = Mapping[str, Any]


def _units(
    operation: str, parameters: Item, answer: Item, stored_item: Callable[[str, Item], Item]
) -> tuple[float, int, int]:
    """Read units, write units, items given."""
    if operation in ("GetItem", "Query", "Scan"):
        found = [answer["Item"]] if "Item" in answer else answer.get("Items", [])
        step = 1.0 if parameters.get("ConsistentRead") else 0.5
        return step * max(1, ceil(sum(map(size_of, found)) / 4096)), 0, len(found)
    if operation == "BatchGetItem":
        found = [item for items in answer["Responses"].values() for item in items]
        return sum(0.5 * max(1, ceil(size_of(item) / 4096)) for item in found), 0, len(found)
    if operation == "TransactWriteItems":
        requests = [request for action in parameters["TransactItems"] for request in action.values()]
        return 0, sum(_write_units(request, 2, stored_item) for request in requests), 0
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        return 0, _write_units(parameters, 1, stored_item), 0
    return 0, 0, 0


def _write_units(request: Item, times: int, stored_item: Callable[[str, Item], Item]) -> int:
    table = request["TableName"]
    key = {name: (request.get("Key") or request["Item"])[name] for name in ("pk", "sk")}
    item = request.get("Item") or stored_item(table, key)
    held_in = sum(name in item for name in INDEXES.get(table.rpartition("-")[2], ()))
    return max(1, ceil(size_of(item) / 1024)) * (times + held_in)


def size_of(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them, near enough: names and values."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return ceil(len(held.lstrip("-").replace(".", "")) / 2) + 1
        case "M":
            return 3 + size_of(held)
        case "L":
            return 3 + sum(1 + _size(part) for part in held)
        case "B":
            return len(held)
        case _:
            return 1


def _length(body: Any) -> int:
    if isinstance(body, bytes):
        return len(body)
    at = body.tell()
    length = int(body.seek(0, 2))
    body.seek(at)
    return length
