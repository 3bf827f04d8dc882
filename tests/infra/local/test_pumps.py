"""Event sources with Lambda's semantics, against the real emulator."""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from chalice.app import Chalice, Rate

from infra.local.emulator import Emulator
from infra.local.gateway import thread_safe
from infra.local.pumps import Pumps, failed_items, seconds_between
from infra.local.stack import emulator_client

pytestmark = pytest.mark.system

Eventually = Callable[[Callable[[], bool]], None]


@contextmanager
def pumping(
    app: Chalice,
    emulator: Emulator,
    queues: dict[str, str] | None = None,
    stream: str = "",
    **concurrency: int,
) -> Iterator[Pumps]:
    pumps = Pumps(thread_safe(app), emulator.endpoint, queues or {}, stream, concurrency)
    pumps.start()
    try:
        yield pumps
    finally:
        pumps.stop()
        assert not [thread for thread in pumps._threads if thread.is_alive()]


def make_queue(emulator: Emulator, **attributes: str) -> str:
    sqs = emulator_client("sqs", emulator.endpoint)
    return str(sqs.create_queue(QueueName=f"q-{uuid.uuid4()}", Attributes=attributes)["QueueUrl"])


def waiting(emulator: Emulator, queue: str) -> int:
    """Messages still in the queue, visible or held."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs = emulator_client("sqs", emulator.endpoint)
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def send(emulator: Emulator, queue: str, *bodies: str) -> None:
    for body in bodies:
        emulator_client("sqs", emulator.endpoint).send_message(QueueUrl=queue, MessageBody=body)


def app_reading_jobs(handle: Callable[[Any], Any], batch_size: int = 10) -> Chalice:
    app = Chalice("jobs", configure_logs=False)
    app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:jobs", batch_size=batch_size, name="on_job")(
        handle
    )
    return app


def test_a_handled_message_is_deleted(emulator: Emulator, eventually: Eventually) -> None:
    seen: list[dict[str, Any]] = []
    queue = make_queue(emulator)
    emulator_client("sqs", emulator.endpoint).send_message(
        QueueUrl=queue,
        MessageBody='{"n": 1}',
        MessageAttributes={"correlation": {"DataType": "String", "StringValue": "abc"}},
    )

    def handle(event: Any) -> None:
        seen.append(event.to_dict())
        seen.append({"remaining": event.context.get_remaining_time_in_millis(), "name": event.context.function_name})

    with pumping(app_reading_jobs(handle), emulator, {"jobs": queue}):
        eventually(lambda: waiting(emulator, queue) == 0)

    [record], context = seen[0]["Records"], seen[1]
    assert record["body"] == '{"n": 1}'
    assert record["messageAttributes"] == {"correlation": {"stringValue": "abc", "dataType": "String"}}
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(queue.rpartition("/")[2])
    assert context["name"] == "on_job"
    assert context["remaining"] > 0


def test_a_partial_failure_returns_only_what_failed(emulator: Emulator, eventually: Eventually) -> None:
    seen: Counter[str] = Counter()
    counts: dict[str, list[str]] = {}
    queue = make_queue(emulator, VisibilityTimeout="1")
    send(emulator, queue, "good", "bad", "fine")

    def handle(event: Any) -> dict[str, Any]:
        failures = []
        for record in event.to_dict()["Records"]:
            body = record["body"]
            counts.setdefault(body, []).append(record["attributes"]["ApproximateReceiveCount"])
            seen[body] += 1
            if body == "bad" and seen[body] < 3:
                failures.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failures}

    with pumping(app_reading_jobs(handle), emulator, {"jobs": queue}):
        eventually(lambda: waiting(emulator, queue) == 0)

    assert seen == {"good": 1, "bad": 3, "fine": 1}
    assert counts["bad"] == ["1", "2", "3"]


def test_an_exception_returns_the_whole_batch_and_ends_in_the_dead_letters(
    emulator: Emulator, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    dead = make_queue(emulator)
    arn = f"arn:aws:sqs:us-east-1:000000000000:{dead.rpartition('/')[2]}"
    queue = make_queue(
        emulator,
        VisibilityTimeout="1",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2}),
    )
    send(emulator, queue, "poison")
    seen: Counter[str] = Counter()

    def handle(event: Any) -> None:
        bodies = [record.body for record in event]
        seen.update(bodies)
        if "poison" in bodies:
            raise ValueError("cannot digest")

    with pumping(app_reading_jobs(handle), emulator, {"jobs": queue}):
        eventually(lambda: waiting(emulator, dead) == 1)
        send(emulator, queue, "food")  # the pump lives on
        eventually(lambda: seen["food"] == 1 and waiting(emulator, queue) == 0)

    assert seen == {"poison": 2, "food": 1}
    assert "cannot digest" in caplog.text


def test_concurrency_of_a_handler(emulator: Emulator, eventually: Eventually) -> None:
    meeting = threading.Barrier(2)
    queue = make_queue(emulator)
    send(emulator, queue, "one", "two")

    def handle(event: Any) -> None:
        meeting.wait(20)  # passes only when two batches are handled at once

    with pumping(app_reading_jobs(handle, batch_size=1), emulator, {"jobs": queue}, on_job=2):
        eventually(lambda: waiting(emulator, queue) == 0)


def test_a_queue_that_does_not_exist_is_refused_at_the_start(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match="on_job reads the queue 'jobs'; known are emails"):
        Pumps(app_reading_jobs(lambda event: None), emulator.endpoint, {"emails": "http://x"}, "")


@pytest.fixture
def outbox(emulator: Emulator) -> tuple[str, str]:
    """A table with a stream: its name and the stream's ARN."""
    dynamodb = emulator_client("dynamodb", emulator.endpoint)
    table = dynamodb.create_table(
        TableName=f"t-{uuid.uuid4()}",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    return table["TableName"], table["LatestStreamArn"]


def put(emulator: Emulator, table: str, *keys: str) -> None:
    dynamodb = emulator_client("dynamodb", emulator.endpoint)
    for key in keys:
        dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, "raw": {"B": b"\x00\x01"}})


def app_reading_stream(handle: Callable[[Any], Any], batch_size: int = 100) -> Chalice:
    app = Chalice("stream", configure_logs=False)
    app.on_dynamodb_record(
        stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/outbox/stream/placeholder",
        batch_size=batch_size,
        starting_position="TRIM_HORIZON",
        name="relay",
    )(handle)
    return app


def test_stream_records_from_the_beginning_in_order(
    emulator: Emulator, outbox: tuple[str, str], eventually: Eventually
) -> None:
    table, stream = outbox
    seen: list[dict[str, Any]] = []
    put(emulator, table, "before")

    def handle(event: Any) -> None:
        seen.extend(event.to_dict()["Records"])

    with pumping(app_reading_stream(handle), emulator, stream=stream):
        eventually(lambda: len(seen) == 1)
        put(emulator, table, "during", "after")
        eventually(lambda: len(seen) == 3)

    assert [record["dynamodb"]["NewImage"]["pk"]["S"] for record in seen] == ["before", "during", "after"]
    assert seen[0]["dynamodb"]["NewImage"]["raw"] == {"B": "AAE="}
    assert isinstance(seen[0]["dynamodb"]["ApproximateCreationDateTime"], int | float)
    assert (seen[0]["eventName"], seen[0]["eventSourceARN"]) == ("INSERT", stream)


def test_a_failing_stream_batch_is_retried_and_blocks_what_follows(
    emulator: Emulator, outbox: tuple[str, str], eventually: Eventually
) -> None:
    table, stream = outbox
    tried: list[str] = []
    done: list[str] = []
    put(emulator, table, "a", "b", "c")

    def handle(event: Any) -> None:
        [record] = event.to_dict()["Records"]
        key = record["dynamodb"]["NewImage"]["pk"]["S"]
        tried.append(key)
        if key == "b" and tried.count("b") < 3:
            raise ConnectionError("queue unavailable")
        done.append(key)

    with pumping(app_reading_stream(handle, batch_size=1), emulator, stream=stream):
        eventually(lambda: len(done) == 3)

    assert tried == ["a", "b", "b", "b", "c"]
    assert done == ["a", "b", "c"]


def test_a_partial_stream_failure_goes_on_from_the_failed_record(
    emulator: Emulator, outbox: tuple[str, str], eventually: Eventually
) -> None:
    table, stream = outbox
    batches: list[list[str]] = []
    put(emulator, table, "a", "b", "c")

    def handle(event: Any) -> dict[str, Any]:
        records = event.to_dict()["Records"]
        batches.append([record["dynamodb"]["NewImage"]["pk"]["S"] for record in records])
        failed = records[1]["dynamodb"]["SequenceNumber"] if len(batches) == 1 else None
        return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}

    with pumping(app_reading_stream(handle), emulator, stream=stream):
        eventually(lambda: len(batches) == 2)

    assert batches == [["a", "b", "c"], ["b", "c"]]


def test_a_schedule_fires_on_demand_and_not_before_its_time(emulator: Emulator) -> None:
    app = Chalice("schedules", configure_logs=False)
    fired: list[dict[str, Any]] = []

    @app.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
    def sweep(event: Any) -> None:
        fired.append(event.to_dict())

    with pumping(app, emulator) as pumps:
        assert not fired
        pumps.fire("sweep")

    assert [event["source"] for event in fired] == ["aws.events"]


def test_a_schedule_fires_by_itself(
    emulator: Emulator, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.pumps.UNITS", {"minute": 0.01})
    app = Chalice("schedules", configure_logs=False)
    fired: list[int] = []

    @app.schedule("rate(2 minutes)", name="sweep")
    def sweep(event: Any) -> None:
        fired.append(1)
        if len(fired) == 1:
            raise RuntimeError("a failure does not end the schedule")

    with pumping(app, emulator):
        eventually(lambda: len(fired) >= 3)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7200), ("rate(1 day)", 86400)],
)
def test_rates(expression: str, seconds: float) -> None:
    assert seconds_between(expression) == seconds


@pytest.mark.parametrize("expression", ["cron(0 12 * * ? *)", "rate(0 minutes)", "rate(1 week)", ""])
def test_other_schedules_are_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="only rate"):
        seconds_between(expression)


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        (None, set()),
        ({}, set()),
        ("done", set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"id": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
    ],
)
def test_what_an_answer_reports_as_failed(result: object, failed: set[str]) -> None:
    assert failed_items(result, {"a", "b"}) == failed
