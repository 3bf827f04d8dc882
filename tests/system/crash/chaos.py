"""The fault injector: counts each call to AWS and to the payment gateway, and breaks the one it is told to break.

A call passes two layers. *Logical*: what the code asked of botocore. There the process dies, before or after the
call; once it is dead, every further call of it raises, so that no `finally` tidies up. *Wire*: each attempt that the
SDK sends. There an answer is lost, or the service refuses. The payment gateway has no SDK and so one layer.

Where moto is more careless than AWS, the wire layer does what AWS does: it honours `ClientRequestToken`, that is, a
repeated transaction gets the first one's answer and changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, TypeVar

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError
from botocore.retries.quota import RetryQuota
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from chalicelib.core.errors import Unavailable
from chalicelib.core.table import writes

T = TypeVar("T")
_Answer = tuple[int, Any, str | bytes]
"""Status, headers, body."""

_WRITES = {"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"}
_READS = {"GetItem", "BatchGetItem", "Query", "GetObject", "GetSecretValue"}


class Killed(BaseException):
    """The process is gone. No `except Exception` of the product may survive it."""


class Mode(StrEnum):
    """What becomes of one call.

    LOST: it took effect, the answer to its first attempt did not arrive; the SDK tries again and meets the effect.
    CUT: no attempt's answer arrives, so the code sees a time-out after an effect.
    THROTTLED: every attempt is refused, nothing happened. CONFLICT: another transaction was at the same item.
    STREAM_LOST: the stream never tells of the facts that it published.
    """

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    LOST = "lost"
    CUT = "cut"
    THROTTLED = "throttled"
    CONFLICT = "conflict"
    STREAM_LOST = "stream lost"


@dataclass(frozen=True)
class Point:
    """One call. `tables` are those it names; `facts` says whether it publishes any."""

    service: str
    operation: str
    tables: tuple[str, ...] = ()
    facts: bool = False

    def __str__(self) -> str:
        return " ".join([self.service, self.operation, *self.tables])

    def takes(self, mode: Mode) -> bool:
        """Whether the call can fail in this way at all.

        A read that the SDK repeats is a read. A gateway's answer that is lost once is lost.
        """
        match mode:
            case Mode.LOST:
                return self.operation not in _READS
            case Mode.CONFLICT:
                return self.service == "dynamodb" and self.operation in _WRITES
            case Mode.STREAM_LOST:
                return self.facts
            case Mode.CUT:
                return self.service != "gateway"
            case _:
                return True


@dataclass(frozen=True)
class Fault:
    """`at` is the number of the call, from 1; calls made after a restart go on counting."""

    at: int
    mode: Mode


@dataclass
class Chaos:
    """Strikes at the planned calls made inside `watching()`. `points` and `fired` say what happened.

    `unrelayed` lists the facts that are in the outbox now; those in `swallowed` are kept from the stream. While
    `is_busy` says so, the service refuses an attempt, whatever is planned; `refused` counts these, `tries` holds how
    many attempts the SDK made at each call.
    """

    faults: Iterable[Fault] = ()
    unrelayed: Callable[[], set[str]] = set
    points: list[Point] = field(default_factory=list)
    fired: list[Fault] = field(default_factory=list)
    swallowed: set[str] = field(default_factory=set)
    enabled: bool = True
    is_busy: Callable[[], bool] = lambda: False
    refused: int = 0
    tries: list[int] = field(default_factory=list)
    _on: bool = False
    _dead: bool = False
    _striking: Fault | None = None
    _answered: dict[str, _Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._plan = {fault.at: fault for fault in self.faults}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside runs the system; outside runs what is not ours to break: people, pollers, the gateway itself."""
        self._on, self._dead = self.enabled, False
        try:
            yield
        finally:
            self._on = False

    def ask_aws(self, point: Point, call: Callable[[], T]) -> T:
        """Let a call of the product's to AWS happen, or not."""
        if not self._on:
            return call()
        with self._reached(point):
            before = self.unrelayed() if self._struck_by(Mode.STREAM_LOST) else set()
            try:
                return call()
            finally:
                if self._struck_by(Mode.STREAM_LOST):
                    self.swallowed |= self.unrelayed() - before
                    self._fire()

    def ask_gateway(self, operation: str, call: Callable[[], T]) -> T:
        """Let a call to the payment gateway happen, or not. `Unavailable` is how an adapter says that it failed."""
        if not self._on:
            return call()
        with self._reached(Point("gateway", operation)):
            if self._struck_by(Mode.THROTTLED):
                self._fire()
                raise _gateway_silent()
            if self.is_busy():
                self.refused += 1
                raise _gateway_silent()
            answer = call()
            if self._struck_by(Mode.LOST):
                self._fire()
                raise _gateway_silent()
            return answer

    def send(self, request: Any, service: Callable[[], _Answer | None]) -> _Answer | None:
        """One attempt of the SDK; `service` takes effect and answers."""
        if self._on:
            self.tries[-1] += 1
            if self.is_busy():
                self.refused += 1
                return _throttled(request)
        once = self._striking is not None and self._striking not in self.fired
        if self._struck_by(Mode.THROTTLED):
            self._fire()
            return _throttled(request)
        if self._struck_by(Mode.CONFLICT) and once:
            self._fire()
            return _conflict(request)
        answer = self._idempotent(request, service)
        if self._struck_by(Mode.CUT) or (self._struck_by(Mode.LOST) and once):
            self._fire()
            raise ReadTimeoutError(endpoint_url=request.url)
        return answer

    @contextmanager
    def _reached(self, point: Point) -> Iterator[None]:
        if self._dead:
            raise Killed
        self.points.append(point)
        self.tries.append(0)
        self._striking = self._plan.get(len(self.points))
        try:
            if self._struck_by(Mode.KILLED_BEFORE):
                self._die()
            yield
        finally:
            if self._struck_by(Mode.KILLED_AFTER):
                self._die()
            self._striking = None

    def _struck_by(self, mode: Mode) -> bool:
        return self._striking is not None and self._striking.mode is mode

    def _fire(self) -> None:
        assert self._striking is not None
        if self._striking not in self.fired:
            self.fired.append(self._striking)

    def _die(self) -> None:
        self._fire()
        self._dead, self._striking = True, None
        raise Killed

    def _idempotent(self, request: Any, service: Callable[[], _Answer | None]) -> _Answer | None:
        token = _client_request_token(request)
        if token is None:
            return service()
        if token not in self._answered:
            answer = service()
            if answer is None or answer[0] >= 300:
                return answer
            self._answered[token] = answer
        return self._answered[token]


@contextmanager
def installed(current: Callable[[], Chaos]) -> Iterator[None]:
    """Put the injector that `current` names into both layers, whatever clients exist. Waiting takes no time inside."""
    api_call, answer = BaseClient._make_api_call, BotocoreStubber.process_request  # type: ignore[attr-defined]

    def make_api_call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        point = _point(client.meta.service_model.service_name, operation, parameters)
        return current().ask_aws(point, lambda: api_call(client, operation, parameters))

    def send(stubber: BotocoreStubber, event_name: str, request: Any, **_: Any) -> AWSResponse | None:
        if not stubber.enabled:
            return None
        answered = current().send(request, lambda: answer(stubber, request))
        if answered is None:
            return None
        status, headers, body = answered
        return AWSResponse(request.url, status, headers, MockRawResponse(body))

    no_waiting = SimpleNamespace(sleep=lambda seconds: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", make_api_call)
        patch.setattr(BotocoreStubber, "__call__", send)
        patch.setattr(botocore.endpoint, "time", no_waiting)
        patch.setattr(writes, "time", no_waiting)
        # The SDK stops to retry after many failures in a row; here each trial is another day.
        patch.setattr(RetryQuota, "acquire", lambda quota, amount: True)
        yield


def _point(service: str, operation: str, parameters: Mapping[str, Any]) -> Point:
    names = {parameters["TableName"]} if "TableName" in parameters else set(parameters.get("RequestItems", ()))
    puts = []
    for item in parameters.get("TransactItems", ()):
        for kind, write in item.items():
            names.add(write["TableName"])
            puts += [write["TableName"]] if kind == "Put" else []
    tables = tuple(sorted(name.rpartition("-")[2] for name in names))
    return Point(service, operation, tables, facts=any(name.endswith("-outbox") for name in puts))


def _client_request_token(request: Any) -> str | None:
    if _target(request) != "TransactWriteItems":
        return None
    return str(json.loads(request.body)["ClientRequestToken"])


def _target(request: Any) -> str:
    """The operation of a JSON protocol's request; empty for the other protocols."""
    named = request.headers.get("X-Amz-Target", b"")
    return str(named.decode() if isinstance(named, bytes) else named).rpartition(".")[2]


def _throttled(request: Any) -> _Answer:
    """How the service refuses when there is too much: DynamoDB, SQS, Secrets Manager, SES, SNS, S3."""
    target = request.headers.get("X-Amz-Target", b"")
    if b"DynamoDB" in target:
        return _json_error("ProvisionedThroughputExceededException")
    if target:
        return _json_error("ThrottlingException")
    if "email." in request.url or "sns." in request.url:
        return 400, {}, b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>"
    return 503, {}, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


def _conflict(request: Any) -> _Answer:
    if _target(request) != "TransactWriteItems":
        return _json_error("TransactionConflictException")
    items = json.loads(request.body)["TransactItems"]
    reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
    reasons += [{"Code": "None"}] * (len(items) - 1)
    return _json_error("TransactionCanceledException", CancellationReasons=reasons)


def _json_error(code: str, **more: Any) -> _Answer:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **more}
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(body).encode()


def _gateway_silent() -> Unavailable:
    return Unavailable("payment_gateway_unavailable", "The gateway does not answer.", retry_after=5)
