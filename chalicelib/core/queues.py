"""Queues: handlers of facts, and the consumers that run them with partial batches.

`@on(OrderPaid, queue="jobs")` registers a handler. Each pair of fact and handler becomes one SQS message, so
each retries alone. A handler may see its message twice, late and out of order; it says what happened with an
`Outcome`.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr

from chalicelib.core import aws, clock, log
from chalicelib.core.errors import Unavailable
from chalicelib.core.settings import settings

Queue = Literal["uploads", "payments", "emails", "jobs", "webhooks"]


class Fact(BaseModel):
    """Something that happened, in the past tense. Fields may be added with a default, never renamed."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    known: ClassVar[dict[str, type["Fact"]]] = {}

    organization: str

    _told_as: str = PrivateAttr("")

    @property
    def told_as(self) -> str:
        """The outbox's id of this telling, the same each time that it comes; empty for what was never published."""
        return self._told_as

    def told(self, id: str) -> Self:
        self._told_as = id
        return self

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__name__ in Fact.known:
            raise TypeError(f"two facts are called {cls.__name__}")
        Fact.known[cls.__name__] = cls


class Outcome(StrEnum):
    SUCCESS = "success"
    SKIPPED = "skipped"


F = TypeVar("F", bound=Fact)
Job = Callable[[Any], Outcome]


@dataclass(frozen=True)
class Handler:
    name: str
    facts: tuple[type[Fact], ...]
    queue: Queue
    run: Job

    def fact(self, name: str) -> type[Fact]:
        """Raises LookupError for a fact that it does not follow."""
        for fact in self.facts:
            if fact.__name__ == name:
                return fact
        raise LookupError(f"{self.name} follows no fact that is called {name}")


_handlers: dict[str, Handler] = {}
_unopened: list[str] = []
_SUBJECTS = ("organization", "event", "photo", "order", "payment", "payout")


def on(*facts: type[F], queue: Queue = "jobs") -> Callable[[Callable[[F], Outcome]], Callable[[F], Outcome]]:
    """Run the decorated function, from `queue`, after each of the `facts`. Its name must stay: messages carry it."""

    def register(run: Callable[[F], Outcome]) -> Callable[[F], Outcome]:
        domain = run.__module__.removeprefix("chalicelib.").removesuffix(".jobs")
        name = f"{domain}.{run.__name__}"
        if name in _handlers:
            raise TypeError(f"two handlers are called {name}")
        _handlers[name] = Handler(name, facts, queue, run)
        return run

    return register


def handled_in(*rooms: str) -> None:
    """Packages that register handlers in `jobs`, which are opened when the first handler is wanted."""
    _unopened.extend(rooms)


def handlers() -> Mapping[str, Handler]:
    """All of them, by name."""
    for room in tuple(_unopened):
        import_module(f"{room}.jobs")
    _unopened.clear()
    return _handlers


def handlers_of(fact: str) -> list[Handler]:
    return [handler for handler in handlers().values() if any(each.__name__ == fact for each in handler.facts)]


def encode(handler: Handler, fact: str, body: Mapping[str, Any], correlation: str, told_as: str = "") -> str:
    return json.dumps(
        {
            "handler": handler.name,
            "fact": fact,
            "correlation": correlation,
            "at": clock.stamp(clock.now()),
            "id": told_as,
            "body": body,
        }
    )


def send(queue: Queue, messages: Iterable[str], *, delay: int = 0) -> None:
    """Put messages on a queue, ten a call, to be seen after `delay` seconds, of which SQS takes up to 900.

    Raises Unavailable unless SQS accepted every one.
    """
    pending = list(messages)
    for start in range(0, len(pending), 10):
        answer = aws.client("sqs").send_message_batch(
            QueueUrl=settings().queue(queue),
            Entries=[
                {"Id": str(number), "MessageBody": body, "DelaySeconds": delay}
                for number, body in enumerate(pending[start : start + 10])
            ],
        )
        if answer.get("Failed"):
            raise Unavailable("queue_unavailable", "The message could not be queued.", retry_after=5)


def tell(fact: Fact, *, delay: int = 0) -> None:
    """Queue a fact for its handlers at once, or `delay` seconds later. For what is born outside our transactions.

    Raises LookupError when nobody handles it: unlike a published fact it would be lost without a trace.
    """
    name = type(fact).__name__
    found = handlers_of(name)
    if not found:
        raise LookupError(f"nobody handles {name}")
    for handler in found:
        message = encode(handler, name, fact.model_dump(mode="json"), log.correlation())
        send(handler.queue, [message], delay=delay)


def consume(
    event: Mapping[str, Any], foreign: Callable[[dict[str, Any]], Outcome] | None = None
) -> dict[str, list[dict[str, str]]]:
    """Run the handlers for one SQS batch and report which messages failed, and only those.

    `foreign` takes messages that another service wrote in its own shape (S3's notifications).
    """
    failed = [record["messageId"] for record in event["Records"] if not _consume(record, foreign)]
    return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}


def named(body: object) -> dict[str, object]:
    """What a fact is about, as fields of a log line."""
    return {name: body[name] for name in _SUBJECTS if name in body} if isinstance(body, dict) else {}


def _consume(record: Mapping[str, Any], foreign: Callable[[dict[str, Any]], Outcome] | None) -> bool:
    """Run the handler for one message; False when it failed and is to come back."""
    started = time.perf_counter()
    about: dict[str, object] = {}
    with log.correlated(None):
        try:
            message = json.loads(record["body"])
            log.adopt(message.get("correlation"))
            about = {"handler": message.get("handler"), "fact": message.get("fact"), **named(message.get("body"))}
            outcome = _run(message, foreign)
        except Exception as failure:  # noqa: BLE001 (this message comes back; the others are done)
            log.bug("message failed", failure, queue=record.get("eventSourceARN", "").rpartition(":")[2], **about)
            return False
        log.info("handled", **about, outcome=outcome.value, ms=round((time.perf_counter() - started) * 1000))
    return True


def _run(message: dict[str, Any], foreign: Callable[[dict[str, Any]], Outcome] | None) -> Outcome:
    if "handler" not in message and foreign is not None:
        return foreign(message)
    handler = handlers()[message["handler"]]
    fact = handler.fact(message["fact"]).model_validate(message["body"])
    return handler.run(fact.told(message.get("id", "")))


def probe() -> None:
    """Raises when SQS does not answer."""
    aws.client("sqs").get_queue_attributes(QueueUrl=settings().queue("jobs"), AttributeNames=["QueueArn"])
