"""`python3 -m infra restore --stage STAGE`: tables as they were at a moment, beside those of the stage; then put back.

Without `--put-back` every table is restored by DynamoDB to the same second, under a name of its own
(`thepixstock-prod-restored-orders`), and audited; the stage goes on untouched. With it, what was restored before is
copied over the stage's own tables: names, streams, indexes, alarms and permissions stay as the stack made them.
Close the shop first, see docs/operations.md.
"""

import argparse
import gzip
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console

from chalicelib.core.migrations import domains
from chalicelib.core.settings import settings
from chalicelib.core.table import Item
from infra import audit, stages

RESTORED = "restored"
_WAIT = 5.0
_DEFINITION = ("AttributeDefinitions", "KeySchema")


class NotRestored(RuntimeError):
    """It could not be done; the text says why."""


@dataclass(frozen=True)
class Amount:
    """How much was moved; bytes are those of the items as JSON."""

    items: int = 0
    bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.items + other.items, self.bytes + other.bytes)


# --- items --------------------------------------------------------------------------------------------------


def items(client: Any, table: str) -> Iterator[Item]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def line(item: Item) -> str:
    """An item as one line of JSON, the same for the same item."""
    return json.dumps(item, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def checksums(client: Any, prefix: str) -> dict[tuple[str, str, str], str]:
    """SHA-256 of every item of every table of a prefix, by table and keys."""
    return {
        (domain, item["pk"]["S"], item["sk"]["S"]): hashlib.sha256(line(item).encode()).hexdigest()
        for domain in domains()
        for item in items(client, f"{prefix}-{domain}")
    }


def differing(before: Mapping[Any, str], after: Mapping[Any, str]) -> int:
    """How many items are missing, added or not the same."""
    return sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())


def write(client: Any, table: str, puts: Iterable[Item], deletes: Iterable[Item] = ()) -> Amount:
    """Put and delete items, twenty-five a call, as fast as the table takes them."""
    moved = Amount()
    requests: Iterator[dict[str, Any]] = ({"PutRequest": {"Item": item}} for item in puts)
    removals: Iterator[dict[str, Any]] = ({"DeleteRequest": {"Key": _key(item)}} for item in deletes)
    for source in (requests, removals):
        while batch := [request for _, request in zip(range(25), source, strict=False)]:
            moved += Amount(len(batch), sum(len(line(each).encode()) for each in batch))
            _send(client, table, batch)
    return moved


def _send(client: Any, table: str, batch: list[dict[str, Any]]) -> None:
    for attempt in range(10):
        answer = client.batch_write_item(RequestItems={table: batch})
        batch = answer.get("UnprocessedItems", {}).get(table, [])
        if not batch:
            return
        time.sleep(0.05 * 2**attempt)
    raise NotRestored(f"{table} does not take more items; start again, nothing is done twice.")


def _key(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk")}


def _of_each_table(move: Callable[[str], Amount]) -> Amount:
    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(move, domains()), Amount())


# --- files --------------------------------------------------------------------------------------------------


def export(client: Any, prefix: str, folder: Path) -> Amount:
    """Write every table of a prefix to files: how it is made, and its items, one a line."""
    folder.mkdir(parents=True)

    def move(domain: str) -> Amount:
        table, moved = f"{prefix}-{domain}", Amount()
        described = client.describe_table(TableName=table)["Table"]
        indexes = described.get("GlobalSecondaryIndexes", [])
        made = {name: described[name] for name in _DEFINITION}
        if indexes:
            wanted = ("IndexName", "KeySchema", "Projection")
            made["GlobalSecondaryIndexes"] = [{name: index[name] for name in wanted} for index in indexes]
        (folder / f"{domain}.json").write_text(json.dumps(made))
        with gzip.open(folder / f"{domain}.jsonl.gz", "wt") as file:
            for item in items(client, table):
                text = line(item)
                file.write(text + "\n")
                moved += Amount(1, len(text.encode()))
        return moved

    return _of_each_table(move)


def load(client: Any, folder: Path, prefix: str) -> Amount:
    """Make new tables under a prefix from files of `export`, and fill them."""

    def move(domain: str) -> Amount:
        table = f"{prefix}-{domain}"
        made = json.loads((folder / f"{domain}.json").read_text())
        client.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", **made)
        client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
        with gzip.open(folder / f"{domain}.jsonl.gz", "rt") as file:
            return write(client, table, (json.loads(text) for text in file))

    return _of_each_table(move)


# --- from table to table ------------------------------------------------------------------------------------


def wipe(client: Any, prefix: str) -> Amount:
    """Delete every item of every table of a prefix."""
    return _of_each_table(lambda domain: write(client, f"{prefix}-{domain}", (), items(client, f"{prefix}-{domain}")))


def put_back(client: Any, source: str, target: str) -> Amount:
    """Make the tables of `target` hold what those of `source` hold. Run again where it was stopped."""

    def move(domain: str) -> Amount:
        wanted = {(item["pk"]["S"], item["sk"]["S"]) for item in items(client, f"{source}-{domain}")}
        surplus = (
            item for item in items(client, f"{target}-{domain}") if (item["pk"]["S"], item["sk"]["S"]) not in wanted
        )
        return write(client, f"{target}-{domain}", items(client, f"{source}-{domain}"), list(surplus))

    return _of_each_table(move)


def restore(client: Any, source: str, target: str, at: datetime | None = None) -> datetime:
    """Have DynamoDB restore every table of `source` to new ones of `target`; returns the moment they are of.

    Without `at` it is the latest that all tables have. Raises NotRestored where the target is there already.
    """
    there = [f"{target}-{domain}" for domain in domains() if _exists(client, f"{target}-{domain}")]
    if there:
        raise NotRestored(f"{', '.join(there)} are there already; delete them first, or restore to another name.")
    backups = [client.describe_continuous_backups(TableName=f"{source}-{domain}") for domain in domains()]
    latest = min(
        each["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]
        for each in backups
    )
    moment = at or latest
    for domain in domains():
        client.restore_table_to_point_in_time(
            SourceTableName=f"{source}-{domain}", TargetTableName=f"{target}-{domain}", RestoreDateTime=moment
        )
    for domain in domains():
        while client.describe_table(TableName=f"{target}-{domain}")["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(_WAIT)
    return moment


def remove(client: Any, prefix: str) -> None:
    """Delete the tables of a prefix, such as a drill's."""
    for domain in domains():
        if _exists(client, f"{prefix}-{domain}"):
            client.delete_table(TableName=f"{prefix}-{domain}")


def _exists(client: Any, table: str) -> bool:
    try:
        client.describe_table(TableName=table)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


# --- the command --------------------------------------------------------------------------------------------


def main(words: list[str] | None = None) -> int:
    """1 when it could not be restored, or what was restored does not agree with itself."""
    parser = argparse.ArgumentParser(prog="python3 -m infra restore", description=__doc__)
    parser.add_argument("--stage", choices=stages.STAGES[1:], required=True)
    parser.add_argument(
        "--at", type=datetime.fromisoformat, metavar="TIME", help="as 2026-11-20T08:00:00Z; else latest"
    )
    parser.add_argument("--name", default=RESTORED, help=f"in the restored tables' names (default {RESTORED})")
    parser.add_argument("--put-back", action="store_true", help="copy what was restored over the stage's tables")
    wanted = parser.parse_args(words)
    console = Console()
    stages.enter(wanted.stage)
    client: Any = boto3.client("dynamodb")
    stage = f"{settings().app}-{settings().stage}"
    restored = f"{stage}-{wanted.name}"
    try:
        if wanted.put_back:
            moved = put_back(client, restored, stage)
            console.print(f"{stage}: {moved.items:,} items put back from {restored}", highlight=False)
            report = audit.audit(stage, client)
        else:
            moment = restore(client, stage, restored, wanted.at)
            console.print(f"{restored}: as of {moment:%Y-%m-%d %H:%M:%S %Z}", highlight=False)
            report = audit.audit(restored, client)
    except NotRestored as reason:
        console.print(str(reason), highlight=False)
        return 1
    audit.show(console, report)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
