"""Runs what a service published: relays the outbox, then the queued messages through the real consumers."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from moto.sqs.models import sqs_backends

import chalicelib
from chalicelib.core import log, outbox, queues
from tests.stack import ACCOUNT, ENVIRONMENT, QUEUES, REGION, client

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
    taken, url = _taken(name), _url(name)
    if not taken:
        return 0
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
    failed = {item["itemIdentifier"] for item in consumer(event)["batchItemFailures"]}
    _show_again(url, [message for message in taken if message["MessageId"] in failed])
    done = [message for message in taken if message["MessageId"] not in failed]
    for ten in (done[at : at + 10] for at in range(0, len(done), 10)):
        entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(ten)]
        client("sqs").delete_message_batch(QueueUrl=url, Entries=entries)
    return len(done)


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
    held = []
    for name in QUEUES:
        taken = _taken(name)
        held += [json.loads(message["Body"]) for message in taken]
        _show_again(_url(name), taken)
    return held


def _taken(name: str) -> list[dict[str, Any]]:
    """All messages of a queue that can be seen. moto is asked as long as there are any: most rounds find none."""
    found: list[dict[str, Any]] = []
    url = _url(name)
    held: Any = sqs_backends[ACCOUNT][REGION].get_queue(url.rpartition("/")[2])
    while held.messages:
        asked = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30)
        if "Messages" not in asked:
            break
        found += asked["Messages"]
    return found


def _show_again(url: str, taken: Sequence[Mapping[str, Any]]) -> None:
    for message in taken:
        handle = message["ReceiptHandle"]
        client("sqs").change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _url(name: str) -> str:
    return ENVIRONMENT[f"PIX_{name.upper()}_QUEUE"]


@cache
def _load_jobs() -> None:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.endswith(".jobs"):
            importlib.import_module(module.name)
