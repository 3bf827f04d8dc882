"""What Lambda's event sources do, in threads: queues, the outbox stream and schedules into the real handlers.

The semantics are Lambda's. A message is deleted only when its handler returned and did not report it as
failed; otherwise it comes back after the visibility timeout, and after five tries it moves to the dead
letters. A failed batch of stream records is read again until it passes, and nothing behind it before.
"""

import base64
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from chalice.app import Chalice, DynamoDBEventConfig, ScheduledEventConfig, SQSEventConfig

from infra.local.gateway import LambdaContext
from infra.local.stack import REGION, emulator_client

log = logging.getLogger("infra.local.pumps")

POLL_SECONDS = 1  # a long poll ends that soon after `stop`
STREAM_PAUSE = 0.1  # seconds between looks at a quiet stream
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds to wait after each further failure in a row
HANDLER_SECONDS = 300.0  # what a handler is told it has
UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}
CONFIG = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})

Handler = Callable[[dict[str, Any], LambdaContext], Any]


class BatchFailed(RuntimeError):
    """A handler reported records of a stream batch as failed."""


class Pumps:
    """The event sources of one application.

    `queues` maps the short name that ends a handler's `queue_arn` to the queue's URL; `stream_arn` stands in
    for the stream the code names. `concurrency` is how many batches of a handler run at once (default one).
    """

    def __init__(
        self,
        app: Chalice,
        endpoint: str,
        queues: Mapping[str, str],
        stream_arn: str,
        concurrency: Mapping[str, int] | None = None,
    ) -> None:
        self._stopping = threading.Event()
        self._schedules: dict[str, Callable[[], None]] = {}
        self._threads: list[threading.Thread] = []
        for source in app.event_sources:
            name, handler = source.name, app.handler_map[source.name]
            if isinstance(source, SQSEventConfig):
                url = _queue_url(source, queues)
                queue = _Queue(endpoint, url, name, source.batch_size, handler)
                for _ in range((concurrency or {}).get(name, 1)):
                    self._add(name, queue.pump)
            elif isinstance(source, DynamoDBEventConfig):
                stream = _Stream(endpoint, stream_arn, source, handler, self._stopping)
                self._add(name, stream.pump)
            elif isinstance(source, ScheduledEventConfig):
                schedule = _Schedule(source, handler, self._stopping)
                self._schedules[name] = schedule.fire
                self._add(name, schedule.pump)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 30.0) -> None:
        """Let the batches under way end, and wait for that at most so long."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                log.warning("%s is still at work; its messages come back later", thread.name)

    def fire(self, name: str) -> None:
        """Run a scheduled handler now, in the calling thread."""
        self._schedules[name]()

    def _add(self, name: str, pump: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._run, args=(name, pump), daemon=True)
        thread.name = f"{name}-{len(self._threads)}"
        self._threads.append(thread)

    def _run(self, name: str, pump: Callable[[], None]) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                pump()
                failures = 0
            except Exception:
                log.exception("%s failed", name)
                self._stopping.wait(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1


class _Queue:
    def __init__(self, endpoint: str, url: str, name: str, batch_size: int, handler: Handler) -> None:
        self._sqs = emulator_client("sqs", endpoint, CONFIG)
        self._url = url
        self._name = name
        self._batch_size = min(batch_size, 10)  # what one receive can fetch
        self._handler = handler

    def pump(self) -> None:
        """Receive one batch, handle it, delete what succeeded. A raised exception leaves the whole batch."""
        messages = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._batch_size,
            WaitTimeSeconds=POLL_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            return
        event = {"Records": [self._record(message) for message in messages]}
        result = self._handler(event, LambdaContext(self._name, HANDLER_SECONDS))
        failed = failed_items(result, {message["MessageId"] for message in messages})
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(done)]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _lower_first(value) for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:{self._url.rpartition('/')[2]}",
            "awsRegion": REGION,
        }


class _Stream:
    """Reads on from where it last succeeded. That place is kept in memory only: a new start reads from the
    beginning, which is right because the emulator forgets a stream's records when it stops."""

    def __init__(
        self,
        endpoint: str,
        arn: str,
        source: DynamoDBEventConfig,
        handler: Handler,
        stopping: threading.Event,
    ) -> None:
        self._streams = emulator_client("dynamodbstreams", endpoint, CONFIG)
        self._arn = arn
        self._name = source.name
        self._batch_size = min(source.batch_size, 1000)
        self._start_at = source.starting_position
        self._handler = handler
        self._stopping = stopping
        self._iterators: dict[str, str] = {}  # by shard
        self._handled: dict[str, str] = {}  # by shard: the last sequence number that needs no other try

    def pump(self) -> None:
        """Read and handle one batch of each shard. After a failure the next call goes back to `_handled`."""
        try:
            if not self._iterators:
                self._iterators = self._open()
            quiet = True
            for shard, iterator in list(self._iterators.items()):
                answer = self._streams.get_records(ShardIterator=iterator, Limit=self._batch_size)
                if answer["Records"]:
                    quiet = False
                    self._handle(shard, answer["Records"])
                self._iterators[shard] = answer.get("NextShardIterator") or iterator
        except BaseException:
            self._iterators = {}
            raise
        if quiet:
            self._stopping.wait(STREAM_PAUSE)

    def _open(self) -> dict[str, str]:
        shards = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        return {shard["ShardId"]: self._iterator(shard["ShardId"]) for shard in shards}

    def _iterator(self, shard: str) -> str:
        place = {"ShardIteratorType": self._start_at}
        if shard in self._handled:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._handled[shard]}
        try:
            answer = self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard, **place)
        except self._streams.exceptions.TrimmedDataAccessException:  # older than the stream's 24 hours
            answer = self._streams.get_shard_iterator(
                StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
        return str(answer["ShardIterator"])

    def _handle(self, shard: str, records: list[dict[str, Any]]) -> None:
        event = {"Records": [{**record, "eventSourceARN": self._arn} for record in records]}
        event = json.loads(json.dumps(event, default=_as_lambda_sends))
        result = self._handler(event, LambdaContext(self._name, HANDLER_SECONDS))
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        failed = failed_items(result, set(numbers))
        passed = next((place for place, number in enumerate(numbers) if number in failed), len(numbers))
        if passed:
            self._handled[shard] = numbers[passed - 1]
        if failed:
            raise BatchFailed(f"{self._name} reported {len(failed)} of {len(numbers)} records as failed")


class _Schedule:
    def __init__(self, source: ScheduledEventConfig, handler: Handler, stopping: threading.Event) -> None:
        expression = source.schedule_expression
        self._name = source.name
        self._every = seconds_between(expression if isinstance(expression, str) else expression.to_string())
        self._handler = handler
        self._stopping = stopping

    def pump(self) -> None:
        if not self._stopping.wait(self._every):
            self.fire()

    def fire(self) -> None:
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [f"arn:aws:events:{REGION}:000000000000:rule/{self._name}"],
            "detail": {},
        }
        self._handler(event, LambdaContext(self._name, HANDLER_SECONDS))


def failed_items(result: object, known: set[str]) -> set[str]:
    """The members of a batch that a handler's answer reports as failed.

    As Lambda reads it: no answer or an empty list means none; an answer that names something else means all.
    """
    if not isinstance(result, Mapping) or not result.get("batchItemFailures"):
        return set()
    try:
        failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
    except (TypeError, KeyError):
        return known
    return failed if failed.issubset(known) else known


def seconds_between(expression: str) -> float:
    """The period of `rate(5 minutes)`. Raises ValueError for anything else, cron included."""
    match = re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)s?\)", expression)
    if match is None:
        raise ValueError(f"only rate(...) schedules run on one machine, not {expression!r}")
    return int(match[1]) * UNITS[match[2]]


def _queue_url(source: SQSEventConfig, queues: Mapping[str, str]) -> str:
    short_name = (source.queue or source.queue_arn or "").rpartition(":")[2]
    if short_name not in queues:
        raise ValueError(f"{source.name} reads the queue {short_name!r}; known are {', '.join(queues)}")
    return queues[short_name]


def _lower_first(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """A message attribute as Lambda spells it: `stringValue` for SQS's `StringValue`."""
    return {f"{name[0].lower()}{name[1:]}": value for name, value in attribute.items()}


def _as_lambda_sends(value: object) -> object:
    """What boto3 parsed for us, in the event's JSON again."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} in a stream record")
