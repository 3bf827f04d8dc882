"""Migrations: every item once, beside live traffic, and on from where a killed run was."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import migrations, table
from chalicelib.core.errors import Conflict
from chalicelib.core.migrations import Migration, Outcome, Pace
from chalicelib.core.table import Record, transact
from tests.core.scripts import failure
from tests.stack import client

pytestmark = pytest.mark.usefixtures("aws")

TABLE = "thepixstock-test-events"
FAST = 1e9


def double(item):
    return item | {"weight": {"N": str(2 * int(item["grams"]["N"]))}}


@dataclass(frozen=True, slots=True)
class Stone:
    name: str
    weight: int
    version: int = 1


class StoneRecord(Record):
    Meta = table.table("events")
    model = Stone
    keys = ("T#{}#STO#{}", "-")
    upgrades = (double,)

    name = UnicodeAttribute()
    weight = NumberAttribute(null=True)


@pytest.fixture(autouse=True)
def only_stones(monkeypatch):
    monkeypatch.setattr(migrations, "domains", lambda: ["events"])
    monkeypatch.setattr(migrations, "known", dict(migrations.known))
    monkeypatch.setattr(migrations, "_PAGE", 10)


def stones(count):
    """Items of schema 1; every other one has no number, as release 0.1 wrote them."""
    items = [
        {
            "pk": {"S": f"T#org_1#STO#{number:03d}"},
            "sk": {"S": "-"},
            "name": {"S": f"stone {number}"},
            "grams": {"N": str(number)},
            "version": {"N": "1"},
            **({"schema": {"N": "1"}} if number % 2 else {}),
        }
        for number in range(count)
    ]
    for start in range(0, count, 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        client("dynamodb").batch_write_item(RequestItems={TABLE: puts})
    return items


def stored():
    pages = client("dynamodb").get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
    return sorted((item for page in pages for item in page["Items"]), key=lambda item: item["pk"]["S"])


def upgraded(item):
    return double(item) | {"schema": {"N": "2"}, "version": {"N": "2"}}


def run(name="upgrade", **options):
    return migrations.run(name, pace=Pace(FAST), **options)


@pytest.mark.parametrize("segments", [1, 3])
def test_every_item_is_upgraded_once_and_a_second_run_finds_nothing(segments):
    items = stones(23)

    first, second = run(segments=segments), run(segments=segments)

    assert first.outcomes == {Outcome.CHANGED: 23}
    assert second.outcomes == {Outcome.RIGHT: 23}
    assert stored() == [upgraded(item) for item in items]


def test_stamping_changes_nothing_but_the_number():
    items = stones(4)

    assert run("stamp").outcomes == {Outcome.CHANGED: 2, Outcome.RIGHT: 2}
    assert stored() == [item | {"schema": {"N": "1"}} for item in items]


def test_a_dry_run_counts_and_writes_nothing():
    items = stones(3)

    assert run(dry=True).outcomes == {Outcome.CHANGED: 3}
    assert stored() == items
    assert migrations.state("upgrade") is None


def test_what_no_record_knows_is_counted_and_left():
    stranger = {"pk": {"S": "X#1"}, "sk": {"S": "-"}}
    client("dynamodb").put_item(TableName=TABLE, Item=stranger)

    assert run().outcomes == {Outcome.FOREIGN: 1}
    assert stored() == [stranger]


def test_a_newer_item_is_left_alone():
    newer = stones(1)[0] | {"schema": {"N": "3"}}
    client("dynamodb").put_item(TableName=TABLE, Item=newer)

    assert run().outcomes == {Outcome.RIGHT: 1}
    assert stored() == [newer]


def test_a_change_can_take_an_attribute_away_but_move_no_item(monkeypatch):
    stones(1)
    cut = lambda record, item: {name: value for name, value in item.items() if name != "grams"}  # noqa: E731
    monkeypatch.setitem(migrations.known, "cut", Migration("cut", "", cut))
    monkeypatch.setitem(migrations.known, "move", Migration("move", "", lambda record, item: item | {"sk": {"S": "x"}}))

    run("cut")
    assert "grams" not in stored()[0]
    with pytest.raises(ValueError, match="can not move"):
        run("move")


# --- live traffic -------------------------------------------------------------------------------------------


def between(monkeypatch, happens):
    """What others do to each item between the migration's read and its write, the first time only."""
    update = migrations._Walk._update

    def late(walk, record, item, wanted):
        todo, happens[:] = list(happens), []
        for change in todo:
            change(item)
        return update(walk, record, item, wanted)

    monkeypatch.setattr(migrations._Walk, "_update", late)


def change(item, **values):
    names = {f"#{name}": name for name in values}
    client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": item["pk"], "sk": item["sk"]},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


@pytest.mark.parametrize(
    "values", [{"grams": {"N": "50"}, "version": {"N": "2"}}, {"name": {"S": "new"}}, {"ttl": {"N": "7"}}]
)
def test_live_traffic_wins_and_its_item_is_upgraded_after_it(monkeypatch, values):
    """With a version or without, of an attribute that was there or one that was not."""
    (item,) = stones(1)
    between(monkeypatch, [lambda item: change(item, **values)])

    assert run().outcomes == {Outcome.CHANGED: 1}
    changed = upgraded(item | values)
    assert stored() == [changed | {"version": {"N": str(int((item | values)["version"]["N"]) + 1)}}]


def test_an_item_deleted_meanwhile_does_not_come_back(monkeypatch):
    stones(1)
    delete = lambda item: client("dynamodb").delete_item(  # noqa: E731
        TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]}
    )
    between(monkeypatch, [delete])

    assert run().outcomes == {Outcome.GONE: 1}
    assert stored() == []


def test_an_item_that_changes_at_every_try_is_told(monkeypatch):
    stones(1)
    monkeypatch.setattr(migrations._Walk, "_update", lambda *_: False)

    assert run().outcomes == {Outcome.BUSY: 1}


def test_who_read_the_item_before_can_not_put_it_back():
    stones(1)
    read = StoneRecord.fetch("T#org_1#STO#000", "-").value()

    run()

    with pytest.raises(Conflict, match="version_conflict"):
        transact(table.replace(StoneRecord.of(read, pk="T#org_1#STO#000", sk="-"), read.version))


def test_an_update_whose_answer_was_lost_is_done_once(monkeypatch):
    """The retry of the call finds its own effect, which reads as another's: the item is looked at again."""
    (item,) = stones(1)
    update = migrations._Walk._update

    def lost(*arguments):
        assert update(*arguments)
        return False

    monkeypatch.setattr(migrations._Walk, "_update", lost)

    assert run().outcomes == {Outcome.RIGHT: 1}
    assert stored() == [upgraded(item)]


# --- killed and started again -------------------------------------------------------------------------------


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [1, 9, 10, 11, 15, 22])
def test_a_killed_run_goes_on_from_its_last_page(monkeypatch, after):
    items = stones(23)
    update, calls = migrations._Walk._update, []

    def dying(walk, record, item, wanted):
        calls.append(item)
        if len(calls) > after:
            raise Killed
        return update(walk, record, item, wanted)

    with monkeypatch.context() as patch:
        patch.setattr(migrations._Walk, "_update", dying)
        with pytest.raises(Killed):
            run(segments=1)
    seen = []
    again = run(segments=7, seen=lambda domain, page: seen.append(page.total()))

    pages_done = after // 10 * 10
    assert stored() == [upgraded(item) for item in items]
    assert again.outcomes.total() == 23
    assert again.outcomes[Outcome.RIGHT] == after - pages_done, "only the page it died in is looked at twice"
    assert sum(seen) == 23
    assert migrations.state("upgrade").outcomes == again.outcomes


def test_a_run_is_written_down(monkeypatch):
    stones(3)
    run(segments=2)

    state = migrations.state("upgrade")
    rows = list(migrations.SegmentRecord.query("G#MIGRATION#upgrade", migrations.SegmentRecord.sk > "-"))
    assert state.ended_at >= state.started_at
    assert state.outcomes == Counter({Outcome.CHANGED: 3})
    assert [row.sk for row in rows] == ["events#000", "events#001"]
    assert all(row.ended_at and row.after is None and json.loads(row.outcomes) is not None for row in rows)


# --- at a pace ----------------------------------------------------------------------------------------------


def test_the_pace_waits_for_what_was_spent(monkeypatch):
    waits = []
    monkeypatch.setattr(migrations.time, "sleep", waits.append)
    monkeypatch.setattr(migrations.time, "monotonic", lambda: 1000.0)
    pace = Pace(50)

    for units in (10, 40, 0.5):
        pace.spend(units)

    assert waits == pytest.approx([0.2, 1.0, 1.01])
    assert pace.spent == 50.5


def test_every_call_is_paid_for(monkeypatch):
    stones(15)
    pace, bills = Pace(FAST), []
    monkeypatch.setattr(pace, "spend", bills.append)

    migrations.run("upgrade", pace=pace, segments=1)

    assert len(bills) == 15 + 2, "each update and each page"
    assert all(units > 0 for units in bills)


def test_a_throttled_call_stops_the_run_which_then_goes_on(monkeypatch):
    stones(2)
    scan = migrations._dynamodb().meta.events
    answers = [failure("ThrottlingException")] * 9
    handler: Any = lambda **_: answers.pop() if answers else None  # noqa: E731
    scan.register("before-call.dynamodb.Scan", handler)
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    with pytest.raises(migrations._dynamodb().exceptions.ClientError, match="Throttling"):
        run()
    answers.clear()
    outcomes = run().outcomes
    scan.unregister("before-call.dynamodb.Scan", handler)

    assert outcomes == {Outcome.CHANGED: 2}
