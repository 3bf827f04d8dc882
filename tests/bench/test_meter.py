"""The meter counts as DynamoDB charges, and sees what the flatness tests must see."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import table
from chalicelib.core.table import Record, create, transact
from infra.bench import meter
from infra.bench.meter import Usage, size_of
from tests.stack import client

pytestmark = pytest.mark.usefixtures("aws")

PHOTOS = "thepixstock-test-photos"


class Box(Record):
    Meta = table.table("carts")

    text = UnicodeAttribute(null=True)


@contextmanager
def metered() -> Iterator[Usage]:
    usage = Usage()
    with meter.metered(lambda: usage):
        yield usage


def test_sizes_are_names_and_values():
    assert size_of({"pk": {"S": "é"}, "n": {"N": "1234"}, "b": {"BOOL": True}, "l": {"L": [{"S": "ab"}]}}) == 17


@pytest.mark.parametrize(("kilobytes", "consistent", "units"), [(1, True, 1), (1, False, 0.5), (5, True, 2)])
def test_reads_count_in_steps_of_four_kilobytes(kilobytes, consistent, units):
    Box("T#1", "-", text="x" * 1024 * kilobytes).save()

    with metered() as usage:
        Box.get("T#1", "-", consistent_read=consistent)

    assert (usage.reads, usage.items, usage.database_calls) == (units, 1, 1)


def test_a_transaction_costs_twice():
    with metered() as usage:
        transact(create(Box("T#1", "-", text="x" * 1024)))

    assert usage.writes == 4


def test_each_index_that_holds_an_item_costs_once_more():
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}}

    with metered() as plain:
        client("dynamodb").put_item(TableName=PHOTOS, Item=item)
    with metered() as indexed:
        client("dynamodb").put_item(TableName=PHOTOS, Item=item | {"shelf_pk": {"S": "c"}, "shelf_sk": {"S": "d"}})

    assert (plain.writes, indexed.writes) == (1, 2)


def test_a_list_without_an_end_grows():
    """The control of the flatness tests."""
    usages = []
    for count in (10, 100):
        for number in range(count):
            Box("T#1", f"{number}", text="x" * 100).save()
        with metered() as usage:
            list(Box.query("T#1"))
        usages.append(usage)

    assert usages[1].items == 10 * usages[0].items
    assert usages[1].reads > usages[0].reads


def test_files_are_weighed_and_other_services_counted():
    with metered() as usage:
        client("s3").put_object(Bucket="thepixstock-test-previews", Key="a", Body=b"12345")

    assert usage.stored == 5
    assert usage.others == {"s3.PutObject": 1}


def test_a_scan_is_named():
    with metered() as usage:
        client("dynamodb").scan(TableName=PHOTOS)

    assert usage.others == {"dynamodb.Scan": 1}
