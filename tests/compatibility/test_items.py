"""What earlier releases stored is read, written back whole, and migrated."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core import migrations
from chalicelib.core.migrations import Outcome, Pace
from chalicelib.core.table import Record, record_of, records
from infra import stages
from tests.compatibility.record import FOLDER
from tests.stack import client

stages.load_records()

NEWEST = "1.0"
FILES = sorted(FOLDER.glob("*/items/*.json"))
OWN = [record for record in records() if record.__module__.startswith("chalicelib")]


def items(file: Path):
    return json.loads(file.read_text())


def of_name(name: str) -> type[Record]:
    return next(record for record in OWN if record.__name__ == name)


def every_item():
    for file in FILES:
        for number, item in enumerate(items(file)):
            yield pytest.param(file, item, id=f"{file.parts[-3]}-{file.stem}-{number}")


def test_every_record_class_has_items_of_the_newest_release():
    """Whoever adds a record class records it: see record.py."""
    recorded = {file.stem for file in FILES if file.parts[-3] == NEWEST}

    assert {record.__name__ for record in OWN} - NEVER_RELEASED == recorded


NEVER_RELEASED = {"RunRecord", "SegmentRecord"}
"""Rows of an operator's own commands."""


@pytest.mark.parametrize(("file", "item"), list(every_item()))
def test_an_item_is_known_by_its_keys(file, item):
    assert record_of(of_name(file.stem).domain(), item) is of_name(file.stem)


@pytest.mark.parametrize(("file", "item"), list(every_item()))
def test_an_item_is_read_into_its_value_and_put_back_whole(file, item):
    record = of_name(file.stem)

    found = record.from_raw_data(item)
    if record.model is not None:
        fields = record.model.__dataclass_fields__
        keys = {name: getattr(found, name) for name in record.get_attributes().keys() - fields - {"schema"}}
        found = record.of(found.value(), **keys)

    put = found.serialize()
    if "version" not in item:  # made by updates, never put
        del put["version"]
    assert in_order(put) == in_order(record.upgraded(item))


def in_order(item: dict[str, Any]) -> dict[str, Any]:
    """Sets come in any order."""
    return {name: {"SS": sorted(value["SS"])} if "SS" in value else value for name, value in item.items()}


def test_a_record_class_without_its_items_is_noticed():
    class NewRecord(Record):
        keys = ("T#{}#NEW#{}", "-")
        Meta = OWN[0].Meta

    NewRecord.__module__ = "chalicelib.somewhere.store"
    mine = {record.__name__ for record in records() if record.__module__.startswith("chalicelib")}
    NewRecord.keys = None

    assert "NewRecord" in mine


# --- migrated -----------------------------------------------------------------------------------------------


def migrated(record, item):
    """The newest shape. Whoever read the item before must notice that more than its number changed."""
    upgraded = record.upgraded(item)
    if upgraded != item | {"schema": upgraded["schema"]} and "version" in item:
        return upgraded | {"version": {"N": str(int(item["version"]["N"]) + 1)}}
    return upgraded


@pytest.mark.parametrize("name", ["stamp", "upgrade"])
@pytest.mark.parametrize("release", sorted(path.name for path in FOLDER.iterdir()))
def test_a_migration_brings_all_items_of_a_release_up_to_date(aws, name, release):
    old, due = {}, {}
    for file in FOLDER.glob(f"{release}/items/*.json"):
        table = of_name(file.stem).Meta.table_name
        for item in items(file):
            client("dynamodb").put_item(TableName=table, Item=item)
            key = table, item["pk"]["S"], item["sk"]["S"]
            old[key] = item  # states of one item replace each other
            due[key] = migrated(of_name(file.stem), item) if name == "upgrade" else {"schema": {"N": "1"}} | item

    first = migrations.run(name, pace=Pace(1e9), segments=2).outcomes
    second = migrations.run(name, pace=Pace(1e9), segments=2).outcomes

    tables = {table for table, _, _ in old}
    new = {
        (table, item["pk"]["S"], item["sk"]["S"]): item
        for table in tables
        for item in client("dynamodb").scan(TableName=table)["Items"]
        if "#MIGRATION#" not in item["pk"]["S"]
    }
    assert new == due
    assert first[Outcome.FOREIGN] == first[Outcome.BUSY] == second[Outcome.CHANGED] == 0
    assert first[Outcome.CHANGED] == sum(due[key] != old[key] for key in old)
    print(f"{name}: {first[Outcome.CHANGED]} of {len(old)} items of release {release} changed, 0 lost")
