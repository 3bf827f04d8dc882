from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from chalicelib.core import aws as clients
from chalicelib.core import table

Answer = tuple[AWSResponse, dict[str, Any]]


def failure(code: str, *reasons: str, status: int = 400) -> Answer:
    """What AWS answers when it refuses; `reasons` are those of a cancelled transaction, item by item."""
    parsed: dict[str, Any] = {
        "Error": {"Code": code, "Message": "as scripted"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
    }
    if reasons:
        parsed["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return AWSResponse("https://aws.test", status, {}, None), parsed


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


@pytest.fixture
def scripted(aws: None) -> Iterator[Callable[[str, str], Script]]:
    """`scripted("sqs", "SendMessageBatch")` puts a script before the calls of one operation."""
    undo: list[Callable[[], None]] = []

    def begin(service: str, operation: str) -> Script:
        script = Script()
        client: Any = table._connection().client if service == "dynamodb" else clients.client(service)  # type: ignore[call-overload]
        event = f"before-call.{service}.{operation}"
        client.meta.events.register(event, script)
        undo.append(lambda: client.meta.events.unregister(event, script))
        return script

    yield begin
    for step in undo:
        step()
