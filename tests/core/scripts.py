"""Answers of AWS, scripted below botocore's own handling of them, and what lies in a queue."""

import json
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.core.aws import client
from chalicelib.core.settings import settings

Answer = tuple[AWSResponse, dict[str, Any]]


def failure(code: str, *reasons: str, status: int = 400) -> Answer:
    """What AWS answers when it refuses; `reasons` are those of a cancelled transaction, item by item."""
    parsed: dict[str, Any] = {
        "Error": {"Code": code, "Message": "as scripted"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }
    if reasons:
        parsed["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return AWSResponse("https://aws.test", status, HTTPHeaders(), None), parsed


class Script:
    """Answers to come in place of the service's own, which follow when the script has ended."""

    def __init__(self) -> None:
        self.answers: list[Answer | Exception] = []
        self.calls = 0

    def __call__(self, **_: Any) -> Answer | None:
        self.calls += 1
        if not self.answers:
            return None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def queued(queue: str) -> Iterator[dict[str, Any]]:
    """The messages of a queue, each once: who asks takes them."""
    sqs, url = client("sqs"), settings().queue(queue)
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60).get("Messages"):
        for each in found:
            yield json.loads(each["Body"])
