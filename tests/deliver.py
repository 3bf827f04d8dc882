"""Runs what a service published: relays the outbox, then the queued messages through the real consumers."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import chalicelib
from chalicelib.core import log, outbox, queues
from tests.stack import ENVIRONMENT, QUEUES, client

Consumer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def facts() -> list[queues.Fact]:
    """The facts published and not relayed yet, oldest first."""
    records = sorted(outbox.OutboxRecord.scan(), key=lambda record: record.due_sk)
    return [queues.Fact.known[record.fact].model_validate_json(record.body) for record in records]


def forget() -> None:
    """Drop what was published so far."""
    for record in outbox.OutboxRecord.scan():
        record.delete()


def relay() -> int:
    _load_jobs()
    records = sorted(outbox.OutboxRecord.scan(), key=lambda record: record.due_sk)
    for record in records:
        with log.correlated(record.correlation):
            outbox.relay(record)
    return len(records)


def queue(name: str, consumer: Consumer = queues.consume) -> int:
    """Run every message of one queue once; failed ones become visible again at once."""
    _load_jobs()
    sqs = client("sqs")
    url = ENVIRONMENT[f"PIX_{name.upper()}_QUEUE"]
    taken = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30).get("Messages"):
        taken += batch
    event = {
        "Records": [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "receiptHandle": message["ReceiptHandle"],
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:thepixstock-test-{name}",
            }
            for message in taken
        ]
    }
    failed = {item["itemIdentifier"] for item in consumer(event)["batchItemFailures"]} if taken else set()
    for message in taken:
        if message["MessageId"] in failed:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        else:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(taken) - len(failed)


def all(rounds: int = 10, consumers: Mapping[str, Consumer] | None = None) -> None:
    """Relay and consume until nothing moves any more. Raises AssertionError when messages remain."""
    for _ in range(rounds):
        moved = relay()
        for name in QUEUES:
            moved += queue(name, (consumers or {}).get(name, queues.consume))
        if not moved:
            break
    assert waiting() == [], "messages that no handler could finish"


def waiting() -> list[dict[str, Any]]:
    """The bodies of all messages still queued."""
    sqs = client("sqs")
    held = []
    for name in QUEUES:
        url = ENVIRONMENT[f"PIX_{name.upper()}_QUEUE"]
        taken = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30).get("Messages"):
            taken += batch
        for message in taken:
            held.append(json.loads(message["Body"]))
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return held


@cache
def _load_jobs() -> None:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.endswith(".jobs"):
            importlib.import_module(module.name)
