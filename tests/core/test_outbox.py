import json
from collections import Counter
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from chalicelib.core import clock, log, queues
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.outbox import OutboxRecord, publish, relay, relay_stream, sweep
from chalicelib.core.queues import Fact, Outcome, on
from chalicelib.core.table import create, transact
from tests import deliver, logged
from tests.core.parcels import record
from tests.core.scripts import failure, queued

pytestmark = pytest.mark.usefixtures("aws", "handlers")


class DoorOpened(Fact):
    door: str
    note: str | None = None


class DoorPainted(Fact):
    door: str


@pytest.fixture
def handlers(monkeypatch):
    monkeypatch.setattr(queues, "_handlers", {})
    monkeypatch.setattr(queues, "_unopened", [])

    @on(DoorOpened)
    def count(fact: DoorOpened) -> Outcome:
        return Outcome.SUCCESS

    @on(DoorOpened, queue="emails")
    def mail(fact: DoorOpened) -> Outcome:
        return Outcome.SUCCESS


def opened(door: str = "front") -> DoorOpened:
    return DoorOpened(organization="org_1", door=door, note='งาน "1"\n')


def published(*facts: Fact) -> list[OutboxRecord]:
    """Publish facts, in a transaction each; the records in the same order."""
    for fact in facts:
        transact(publish(fact))
    return sorted(OutboxRecord.scan(), key=lambda found: found.due_sk)


def image(kept: OutboxRecord) -> dict[str, Any]:
    """The record as the table's stream shows it: read by the raw client, numbers as text."""
    key = {"pk": {"S": kept.pk}, "sk": {"S": kept.sk}}
    item: dict[str, Any] = boto3.client("dynamodb").get_item(TableName=OutboxRecord.Meta.table_name, Key=key)["Item"]
    return item


def change(name: str, new_image: dict[str, Any]) -> dict[str, Any]:
    return {"eventName": name, "dynamodb": {"NewImage": new_image, "StreamViewType": "NEW_IMAGE"}}


def sent() -> list[tuple[str, str, str]]:
    """Handler, door and correlation of each queued message, which is taken."""
    found = [
        (each["handler"].rpartition(".")[2], each["body"]["door"], each["correlation"])
        for queue in ("jobs", "emails")
        for each in queued(queue)
    ]
    return sorted(found)


def test_a_fact_is_published_with_its_transaction():
    transact(create(record()), publish(opened()))

    assert deliver.facts() == [opened()]


def test_a_fact_is_not_published_without_its_transaction():
    transact(create(record()))

    with pytest.raises(Conflict):
        transact(create(record()), publish(opened()))

    assert deliver.facts() == []


def test_a_fact_carries_tenant_and_correlation():
    with log.correlated("req-1"):
        [kept] = published(opened())

    assert kept.pk.startswith("T#org_1#OUT#out_")
    assert kept.correlation == "req-1"


def test_equal_facts_are_told_each():
    assert len(published(opened(), opened())) == 2


def test_relaying_sends_one_message_per_handler_and_forgets():
    with log.correlated("req-1"):
        [kept] = published(opened())

    relay(kept)

    assert sent() == [("count", "front", "req-1"), ("mail", "front", "req-1")]
    assert deliver.facts() == []


def test_a_message_holds_the_fact_as_it_was():
    [kept] = published(opened())

    relay(kept)

    assert [each["body"] for each in queued("jobs")] == [opened().model_dump(mode="json")]


def test_a_fact_without_handlers_is_forgotten():
    [kept] = published(DoorPainted(organization="org_1", door="front"))

    relay(kept)

    assert (sent(), deliver.facts()) == ([], [])


def test_a_queue_that_fails_leaves_the_fact(scripted):
    http, _ = failure("unused", status=200)
    refused = {"Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]}
    [kept] = published(opened())
    scripted("sqs", "SendMessageBatch").answers = [(http, refused)]

    with pytest.raises(Unavailable):
        relay(kept)

    assert deliver.facts() == [opened()]


def test_a_fact_told_twice_is_relayed_twice_and_gone():
    [kept] = published(opened())

    relay(kept)
    relay(kept)

    assert len(sent()) == 4
    assert deliver.facts() == []


def test_a_fact_that_only_a_newer_deploy_knows_stays():
    [kept] = published(opened())
    kept.fact = "DoorReplaced"

    with pytest.raises(LookupError):
        relay(kept)

    assert deliver.facts() == [opened()]


# --- the stream ---------------------------------------------------------------------------------------------


def test_the_stream_relays_what_was_inserted():
    with log.correlated("req-1"):
        kept = published(opened("front"), opened("back"))

    relay_stream({"Records": [change("INSERT", image(each)) for each in kept]})

    assert sent() == [
        ("count", "back", "req-1"),
        ("count", "front", "req-1"),
        ("mail", "back", "req-1"),
        ("mail", "front", "req-1"),
    ]
    assert deliver.facts() == []


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_other_changes_tell_nothing(name):
    [kept] = published(opened())

    relay_stream({"Records": [change(name, image(kept))]})

    assert sent() == []


def test_an_image_as_lambda_shows_it():
    """Written out, so that a change of the record that old images do not survive is seen."""
    new_image = {
        "pk": {"S": "T#org_1#OUT#out_01ARZ3NDEKTSV4RRFFQ69G5FAV"},
        "sk": {"S": "-"},
        "version": {"N": "1"},
        "fact": {"S": "DoorOpened"},
        "body": {"S": '{"organization":"org_1","door":"front","note":null}'},
        "correlation": {"S": "req-7"},
        "created_at": {"S": "2026-11-20T08:00:00.123Z"},
        "due_pk": {"S": "G#DUE#outbox#1"},
        "due_sk": {"S": "2026-11-20T08:00:00.123Z#out_01ARZ3NDEKTSV4RRFFQ69G5FAV"},
    }

    relay_stream({"Records": [change("INSERT", new_image)]})

    assert sent() == [("count", "front", "req-7"), ("mail", "front", "req-7")]


def test_one_fact_that_fails_keeps_no_other_from_its_queue(scripted):
    kept = published(opened("front"), opened("back"))
    scripted("sqs", "SendMessageBatch").answers = [failure("AccessDenied", status=403)]

    relay_stream({"Records": [change("INSERT", image(each)) for each in kept]})

    assert {door for _, door, _ in sent()} == {"back"}
    assert deliver.facts() == [opened("front")]


def test_a_failure_is_logged_under_its_correlation(scripted, capsys):
    with log.correlated("req-1"):
        [kept] = published(opened())
    scripted("sqs", "SendMessageBatch").answers = [failure("AccessDenied", status=403)]

    relay_stream({"Records": [change("INSERT", image(kept))]})

    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["fact"], line["correlation"]) == ("fact not relayed", "DoorOpened", "req-1")


# --- the sweep ----------------------------------------------------------------------------------------------


def test_the_sweep_relays_what_the_stream_left_for_a_minute():
    published(*[opened(str(number)) for number in range(12)])

    with clock.travel(timedelta(seconds=61)):
        assert sweep() == 12

    assert len(sent()) == 24
    assert deliver.facts() == []


def test_the_sweep_leaves_what_is_fresh():
    published(opened())

    with clock.travel(timedelta(seconds=50)):
        assert sweep() == 0

    assert (sent(), deliver.facts()) == ([], [opened()])


def test_the_sweep_finds_every_shard():
    kept = published(*[opened(str(number)) for number in range(40)])

    assert {each.due_pk for each in kept} == {f"G#DUE#outbox#{shard}" for shard in range(4)}


def test_the_sweep_goes_on_after_a_failure(scripted):
    kept = published(*[opened(str(number)) for number in range(8)])
    scripted("sqs", "SendMessageBatch").answers = [failure("AccessDenied", status=403)]

    with clock.travel(timedelta(seconds=61)):
        assert sweep() == len(kept) - 1

    assert len(deliver.facts()) == 1
    with clock.travel(timedelta(seconds=61)):
        assert sweep() == 1


# --- what is logged -----------------------------------------------------------------------------------------


def test_a_relayed_fact_is_a_line_under_its_correlation():
    with log.correlated("req-1"):
        [kept] = published(opened())

    with logged.lines() as told:
        relay_stream({"Records": [change("INSERT", image(kept))]})

    [line] = told()
    names = ("message", "fact", "count", "organization", "correlation")
    assert [line[name] for name in names] == ["fact relayed", "DoorOpened", 2, "org_1", "req-1"]


def swept(after: timedelta) -> tuple[Counter[str], int]:
    """What a sweep measured and how much it read."""
    with clock.travel(after), logged.lines() as told:
        sweep()
    lines = [line for line in told() if line["message"] == "outbox swept"]
    assert len(lines) == 1
    return logged.measured(lines), lines[0]["count"]


def test_the_sweep_measures_the_backlog_and_the_age_of_its_oldest():
    with clock.travel(-timedelta(seconds=100)):
        published(opened())
    published(*[opened(str(number)) for number in range(5)])

    found, read = swept(timedelta(seconds=61))

    assert (found["OutboxBacklog"], read) == (6, 6)
    assert 161 <= found["OutboxOldest"] < 161 + 60


def test_an_empty_backlog_is_measured_as_none():
    published(opened())

    assert swept(timedelta(0)) == ({"OutboxBacklog": 0, "OutboxOldest": 0}, 0)


def test_what_can_not_be_relayed_stays_in_the_backlog(scripted):
    published(opened())
    scripted("sqs", "SendMessageBatch").answers = [failure("AccessDenied", status=403)]

    assert swept(timedelta(seconds=61))[0]["OutboxBacklog"] == 1
    assert swept(timedelta(seconds=122))[0]["OutboxBacklog"] == 1
    assert swept(timedelta(seconds=122))[0]["OutboxBacklog"] == 0


def test_a_sweep_reads_nothing_more_to_measure_than_what_it_relays(monkeypatch):
    published(*[opened(str(number)) for number in range(8)])
    asked: Counter[str] = Counter()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self, operation, parameters):
        asked[operation] += 1
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    with clock.travel(timedelta(seconds=61)):
        assert sweep() == 8

    assert asked == {"Query": 4, "SendMessageBatch": 16, "DeleteItem": 8}
