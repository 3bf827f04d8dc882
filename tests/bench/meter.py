"""Counts what requests ask of AWS: calls, and the capacity units that DynamoDB would charge.

Units follow DynamoDB's published rules: a read unit for each 4 KB read consistently, half of one otherwise; a write
unit for each KB, doubled in a transaction, once more for each index that holds the item. Sizes are those of the items.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.stack import client

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
    """Calls by service and operation, units of DynamoDB, items it gave, bytes sent to and from S3."""

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
        return {name: count for name, count in sorted(self.calls.items()) if not name.startswith("dynamodb.")}


@contextmanager
def metered() -> Iterator[Usage]:
    """Meters every call to AWS that is made inside."""
    usage = Usage()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        answer = call(self, operation, parameters)
        service = self.meta.service_model.service_name
        usage.calls[f"{service}.{operation}"] += 1
        if service == "dynamodb":
            with pytest.MonkeyPatch.context() as unmetered:
                unmetered.setattr(BaseClient, "_make_api_call", call)
                _count(usage, operation, parameters, answer)
        if operation == "PutObject":
            usage.stored += _length(parameters["Body"])
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noted)
        yield usage


def _count(usage: Usage, operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    if operation in ("GetItem", "Query", "Scan"):
        found = [answer["Item"]] if "Item" in answer else answer.get("Items", [])
        usage.items += len(found)
        half = 1.0 if parameters.get("ConsistentRead") else 0.5
        usage.reads += half * max(1, ceil(sum(map(size_of, found)) / 4096))
    elif operation == "BatchGetItem":
        for items in answer["Responses"].values():
            usage.items += len(items)
            usage.reads += sum(0.5 * max(1, ceil(size_of(item) / 4096)) for item in items)
    elif operation == "TransactWriteItems":
        for action in parameters["TransactItems"]:
            ((_, request),) = action.items()
            usage.writes += _write_units(request, times=2)
    elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
        usage.writes += _write_units(parameters, times=1)


def _write_units(request: Mapping[str, Any], times: int) -> int:
    table = request["TableName"]
    key = {name: (request.get("Key") or request["Item"])[name] for name in ("pk", "sk")}
    item = request.get("Item") or client("dynamodb").get_item(TableName=table, Key=key).get("Item", key)
    kilobytes = max(1, ceil(size_of(item) / 1024))
    held_in = sum(name in item for name in INDEXES.get(table.rpartition("-")[2], ()))
    return kilobytes * (times + held_in)


def size_of(item: Mapping[str, Any]) -> int:
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
