"""Items of older and newer schemas beside each other: what a release reads, what it must not overwrite."""

from dataclasses import dataclass, replace
from enum import StrEnum

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import limits, table
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Choice, NewerRelease, PageRequest, Record, create, index, transact, update
from tests.core.parcels import ParcelRecord, record, stored
from tests.stack import client

pytestmark = pytest.mark.usefixtures("aws")

TABLE = "thepixstock-test-events"


class Mood(StrEnum):
    CALM = "calm"


@dataclass(frozen=True, slots=True)
class Boat:
    """As release 3 knows it."""

    name: str
    crew: int
    flag: str
    version: int = 1


def name_the_crew(item):
    """Schema 1 called the crew `hands`."""
    return {name: value for name, value in item.items() if name != "hands"} | {"crew": item["hands"]}


def fly_a_flag(item):
    """Schema 2 flew none."""
    return item | {"flag": {"S": "TH"}}


class BoatRecord(Record):
    Meta = table.table("events")
    model = Boat
    upgrades = (name_the_crew, fly_a_flag)

    name = UnicodeAttribute()
    crew = NumberAttribute()
    flag = UnicodeAttribute()
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_list = index("by_list")


class OldBoatRecord(Record):
    """The same item, as release 2 knows it."""

    Meta = table.table("events")
    upgrades = (name_the_crew,)

    name = UnicodeAttribute()
    crew = NumberAttribute()
    mood = Choice(Mood, null=True)


KEY = {"pk": {"S": "T#org_1#BOT#1"}, "sk": {"S": "-"}}
FIRST = KEY | {"name": {"S": "Nok"}, "hands": {"N": "3"}, "version": {"N": "4"}}
SECOND = KEY | {"name": {"S": "Nok"}, "crew": {"N": "3"}, "version": {"N": "4"}, "schema": {"N": "2"}}
THIRD = SECOND | {"flag": {"S": "SE"}, "schema": {"N": "3"}}


def put(item):
    client("dynamodb").put_item(TableName=TABLE, Item=item)


def item():
    return client("dynamodb").get_item(TableName=TABLE, Key=KEY, ConsistentRead=True).get("Item")


def boat():
    return BoatRecord.fetch("T#org_1#BOT#1", "-")


def boat_of(value: Boat):
    return BoatRecord.of(value, pk="T#org_1#BOT#1", sk="-")


def old_boat(name="Lek", **more):
    return OldBoatRecord("T#org_1#BOT#1", "-", name=name, crew=1, **more)


# --- older items --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "flag"), [(FIRST, "TH"), (FIRST | {"schema": {"N": "1"}}, "TH"), (SECOND, "TH"), (THIRD, "SE")]
)
def test_an_item_of_any_older_schema_is_read_in_the_newest_shape(written, flag):
    put(written)

    assert boat().value() == Boat("Nok", 3, flag, 4)
    assert item() == written, "reading changes nothing"


def test_an_older_item_is_upgraded_in_lists_and_batches_and_streams_too():
    put(FIRST | {"list_pk": {"S": "L"}, "list_sk": {"S": "1"}})
    streamed = BoatRecord()
    streamed.deserialize(FIRST)

    listed = table.page(BoatRecord, BoatRecord.by_list, "L", PageRequest(1)).items
    batch = list(BoatRecord.batch_get([("T#org_1#BOT#1", "-")]))
    assert [found.value() for found in (*listed, *batch, streamed)] == [Boat("Nok", 3, "TH", 4)] * 3


def test_an_older_item_is_written_back_in_the_newest_schema():
    put(FIRST)

    transact(table.replace(boat_of(replace(boat().value(), crew=5)), 4))

    assert item() == KEY | {
        "name": {"S": "Nok"},
        "crew": {"N": "5"},
        "flag": {"S": "TH"},
        "version": {"N": "5"},
        "schema": {"N": "3"},
    }


def test_every_record_begins_at_schema_1():
    transact(create(record()))

    assert ParcelRecord.newest_schema() == 1
    held = client("dynamodb").get_item(TableName=TABLE, Key={"pk": {"S": "T#org_1#PAR#par_1"}, "sk": {"S": "-"}})
    assert held["Item"]["schema"] == {"N": "1"}


# --- newer items --------------------------------------------------------------------------------------------


def test_an_item_of_a_newer_schema_is_read():
    put(THIRD)

    old = OldBoatRecord.fetch("T#org_1#BOT#1", "-")

    assert (old.name, old.crew, old.schema) == ("Nok", 3, 3)


def test_old_code_does_not_replace_a_newer_item():
    put(THIRD)

    with pytest.raises(NewerRelease) as refusal:
        transact(table.replace(old_boat(), 4))

    assert (refusal.value.status, refusal.value.code, refusal.value.retry_after) == (503, "newer_release", 5)
    assert item() == THIRD


def test_nothing_beside_a_newer_item_is_written():
    put(THIRD)

    with pytest.raises(NewerRelease):
        transact(create(record()), table.replace(old_boat(), 4))

    assert stored() is None


def test_a_version_that_is_over_is_a_conflict_of_people():
    put(SECOND)

    with pytest.raises(Conflict, match="version_conflict"):
        transact(table.replace(old_boat(), 3))
    assert item() == SECOND


@pytest.mark.parametrize("written", [{**SECOND, "schema": {"N": "1"}}, SECOND, FIRST])
def test_old_code_replaces_what_it_knows(written):
    put(written)

    transact(table.replace(old_boat(), 4))

    assert (item()["name"], item()["version"], item()["schema"]) == ({"S": "Lek"}, {"N": "5"}, {"N": "2"})


def test_a_create_says_that_it_exists_whatever_its_schema():
    put(THIRD)

    with pytest.raises(Conflict, match="already_exists"):
        transact(create(old_boat()))


def test_an_update_by_old_code_keeps_what_it_does_not_know():
    put(THIRD)

    transact(update(old_boat(), OldBoatRecord.crew.add(1)))

    assert item() == THIRD | {"crew": {"N": "4"}}


def test_an_update_gives_a_new_item_its_schema_and_an_old_one_keeps_its_own():
    transact(update(old_boat(), OldBoatRecord.crew.add(1)))
    assert item() == KEY | {"crew": {"N": "1"}, "schema": {"N": "2"}}

    put(SECOND)
    transact(update(boat_of(Boat("Nok", 3, "TH")), BoatRecord.crew.add(1)))
    assert item() == SECOND | {"crew": {"N": "4"}}, "an update does not upgrade, so it must not say so"


def test_a_rate_limit_has_a_schema():
    limits.take("org_1", "log-in", "somebody", limit=5, seconds=60)

    (counter,) = client("dynamodb").scan(TableName="thepixstock-test-claims")["Items"]
    assert counter["schema"] == {"N": "1"}


def test_a_value_that_only_newer_code_knows_is_told_as_such():
    put(SECOND | {"mood": {"S": "stormy"}})

    with pytest.raises(NewerRelease):
        OldBoatRecord.fetch("T#org_1#BOT#1", "-")


def test_what_newer_code_shaped_differently_is_told_as_such():
    """And the same in an item of our own schema is a bug of ours, which must show as one."""
    put(THIRD | {"crew": {"S": "many"}})
    with pytest.raises(NewerRelease):
        OldBoatRecord.fetch("T#org_1#BOT#1", "-")

    put(SECOND | {"crew": {"S": "many"}})
    with pytest.raises(TypeError, match="crew"):
        OldBoatRecord.fetch("T#org_1#BOT#1", "-")


def test_a_replacing_write_costs_one_call(scripted):
    put(SECOND)
    calls = scripted("dynamodb", "TransactWriteItems")

    transact(table.replace(old_boat(), 4))

    assert calls.calls == 1
