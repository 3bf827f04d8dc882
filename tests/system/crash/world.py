"""The world around the product: people who try again, AWS which delivers again, a gateway, and time.

The product is app.py itself behind API Gateway's and Lambda's semantics. People do not crash: a request that is not
answered, or answered with 429 or 503, is sent again with the same body and key. Whatever a process knew is gone when it
was killed.
"""

import io
import json
import math
import pickle
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from chalice.app import DynamoDBEventConfig, ScheduledEventConfig, SQSEventConfig
from moto.apigatewaymanagementapi.models import apigatewaymanagementapi_backends
from moto.core.utils import unix_time_millis
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends
from moto.sesv2.models import sesv2_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from app import app
from chalicelib.core import clock, secrets
from chalicelib.core.errors import Unavailable
from chalicelib.core.table import is_busy
from chalicelib.lines.prints.labs.contract import Job, LabAccount, Standing
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.push import Push
from chalicelib.notifications.wording import service as wording
from chalicelib.organizations import service as organizations
from chalicelib.payments import gateways
from chalicelib.payments.gateways.bank_transfer import BankTransfer
from chalicelib.payments.gateways.contract import (
    Charge,
    Disputed,
    GatewayAccount,
    HostedFields,
    Method,
    Picture,
    Redirect,
    Returned,
    Status,
)
from chalicelib.payments.gateways.contract import Gateway as PaymentGateway
from chalicelib.webhooks.model import Answer as Called
from infra.local.gateway import Gateway, LambdaContext, Response
from tests import rekognition
from tests.printing import FakeLab
from tests.rekognition import Rekognition
from tests.selling import FakeGateway
from tests.stack import ACCOUNT, ENVIRONMENT, QUEUES, REGION, client, template
from tests.system.crash.chaos import Chaos, Killed

ROUNDS = 20
MINUTE = timedelta(minutes=1)
_TRIES = 4
_PATIENCE = 2
"""Seconds until somebody who got no answer tries again."""
_SERVICES: dict[str, tuple[Any, str]] = {
    "apigatewaymanagementapi": (apigatewaymanagementapi_backends, REGION),
    "dynamodb": (dynamodb_backends, REGION),
    "s3": (s3_backends, "aws"),
    "secretsmanager": (secretsmanager_backends, REGION),
    "ses": (ses_backends, REGION),
    "sns": (sns_backends, REGION),
}
"""Where moto keeps what a service holds. What is in a queue is kept here, as `Outside.messages`."""


OTHERWISE: dict[str, dict[str, Any]] = {
    "stripe": {
        "tail": 0,
        "knows_again": True,
        "means": HostedFields("pi_1_secret_of_the_buyer", "pk_test_1"),
    },
    "paypal": {"tail": 0, "knows_again": True, "means": Redirect("https://www.paypal.com/checkoutnow?token=1")},
    "crypto": {"tail": 0, "refunds": False, "means": Redirect("https://commerce.coinbase.com/charges/1")},
    "cloudpayments": {"tail": 0, "means": Redirect("https://orders.cloudpayments.example/d/1")},
    "kaspi": {"tail": 0, "means": Picture(b"\x89PNG", "https://pay.kaspi.example/1", "https://pay.kaspi.example/1")},
}
"""What each of them does otherwise than PayNoi."""


class Bank(FakeGateway):
    """The payment gateway: its books, and what it costs to reach it."""

    chaos = Chaos()

    def create(self, account: GatewayAccount, *, amount: int, currency: str, reference: str) -> Charge:
        return self.chaos.ask_gateway(
            "create",
            lambda: super(Bank, self).create(account, amount=amount, currency=currency, reference=reference),
        )

    def check(self, account: GatewayAccount, transaction_id: str) -> Status:
        return self.chaos.ask_gateway("check", lambda: super(Bank, self).check(account, transaction_id))

    def capture(self, account: GatewayAccount, transaction_id: str) -> None:
        self.chaos.ask_gateway("capture", lambda: super(Bank, self).capture(account, transaction_id))

    def enrol(self, account: GatewayAccount, key: str) -> str:
        return self.chaos.ask_gateway("enrol", lambda: super(Bank, self).enrol(account, key))

    def detach(self, account: GatewayAccount, token: str) -> None:
        self.chaos.ask_gateway("detach", lambda: super(Bank, self).detach(account, token))

    def keep(self, account: GatewayAccount, transaction_id: str, customer: str) -> None:
        self.chaos.ask_gateway("keep", lambda: super(Bank, self).keep(account, transaction_id, customer))

    def confirm(self, account: GatewayAccount, transaction_id: str, customer: str, token: str, back: str) -> str | None:
        return self.chaos.ask_gateway(
            "confirm", lambda: super(Bank, self).confirm(account, transaction_id, customer, token, back)
        )

    def kept(self, account: GatewayAccount, transaction_id: str) -> str | None:
        return self.chaos.ask_gateway("kept", lambda: super(Bank, self).kept(account, transaction_id))

    def describe_method(self, account: GatewayAccount, token: str) -> Method:
        return self.chaos.ask_gateway("describe_method", lambda: super(Bank, self).describe_method(account, token))

    def refund(self, account: GatewayAccount, *, transaction_id: str, amount: int, currency: str, key: str) -> Returned:
        return self.chaos.ask_gateway(
            "refund",
            lambda: super(Bank, self).refund(
                account, transaction_id=transaction_id, amount=amount, currency=currency, key=key
            ),
        )

    def dispute(self, account: GatewayAccount, dispute: str) -> Disputed:
        return self.chaos.ask_gateway("dispute", lambda: super(Bank, self).dispute(account, dispute))

    def cancel(self, account: GatewayAccount, transaction_id: str) -> None:
        self.chaos.ask_gateway("cancel", lambda: super(Bank, self).cancel(account, transaction_id))


class Printer(FakeLab):
    """The print laboratory, and what it costs to reach it."""

    chaos = Chaos()

    def order(self, account: LabAccount, job: Job) -> Standing:
        return self.chaos.ask_gateway("print", lambda: super(Printer, self).order(account, job))

    def check(self, account: LabAccount, reference: str) -> Standing | None:
        return self.chaos.ask_gateway("check print", lambda: super(Printer, self).check(account, reference))

    def cancel(self, account: LabAccount, lab_order: str) -> bool:
        return self.chaos.ask_gateway("cancel print", lambda: super(Printer, self).cancel(account, lab_order))


@dataclass
class Phones:
    """Firebase: what was sent to devices, and what it costs to reach it."""

    chaos: ClassVar[Chaos] = Chaos()
    sent: list[tuple[str, str]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def send(self, token: str, push: Push) -> str:
        return self.chaos.ask_gateway("push", lambda: self._take(token, push))

    def _take(self, token: str, push: Push) -> str:
        if token in self.gone:
            raise Undeliverable
        self.sent.append((token, push.topic))
        return f"message-{len(self.sent)}"


@dataclass
class Ears:
    """Who receives webhooks: what they heard, by webhook-id, what they answer, and what it costs to reach them."""

    chaos: ClassVar[Chaos] = Chaos()
    status: int = 204
    heard: list[tuple[str, str]] = field(default_factory=list)

    def call(self, url: str, headers: Mapping[str, str], body: bytes, *, local: bool) -> Called:
        try:
            return self.chaos.ask_gateway("call webhook", lambda: self._take(headers, body))
        except Unavailable:
            return Called(1, error="connection_failed")

    def _take(self, headers: Mapping[str, str], body: bytes) -> Called:
        if 200 <= self.status < 300:
            self.heard.append((headers["webhook-id"], json.loads(body)["type"]))
        return Called(1, self.status)


@dataclass
class Person:
    """`headers` are what their browser sends along; `refresh` is their session's refresh token."""

    email: str
    password: str
    headers: dict[str, str] = field(default_factory=dict)
    refresh: str | None = None


@dataclass
class Message:
    """A message in SQS. `hidden_until` is the end of its visibility timeout."""

    id: str
    queue: str
    body: str
    receives: int = 0
    hidden_until: datetime | None = None


@dataclass
class Outside:
    """What lives outside of the product's AWS account, or between its services."""

    bank: Bank = field(default_factory=Bank)
    printer: Printer = field(default_factory=Printer)
    phones: Phones = field(default_factory=Phones)
    ears: Ears = field(default_factory=Ears)
    people: dict[str, Person] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    streamed: set[str] = field(default_factory=set)
    eyes: Rekognition = field(default_factory=lambda: Rekognition(texts=[("417", 99.0)]))


@dataclass(frozen=True)
class Checkpoint:
    """The world at one moment, to start from as often as one likes."""

    at: datetime
    services: Mapping[str, bytes]
    outside: bytes


@dataclass(frozen=True)
class Answer:
    """`data` is the envelope's, or the text of a page."""

    status: int
    data: Any


class World:
    """Use as a context: the product's clock is the world's inside. `asked` are the requests that may be disturbed.

    `patience` is how often people repeat a request. With `redrives` an operator takes care of dead letters. As long as
    nothing has happened, it may go on from what it `begins_with`.
    """

    def __init__(self, start: Checkpoint | None = None, chaos: Chaos | None = None) -> None:
        self.patience, self.redrives = _TRIES, False
        self.chaos = chaos or Chaos()
        self.chaos.unrelayed = lambda: set(outbox())
        self._start = start
        self._time = ExitStack()
        self._outside = pickle.loads(start.outside) if start else Outside()
        self._front = _front()
        self.begins_with: dict[Callable[[World], None], Checkpoint] | None = None
        self.asked: set[tuple[str, str]] = set()
        self.refusals: Counter[str] = Counter()
        self.redriven = 0

    def __enter__(self) -> Self:
        if self._start is not None:
            self._pour(self._start)
        for queue in _queues().values():
            queue._messages.clear()
        Bank.chaos = Printer.chaos = Phones.chaos = Ears.chaos = self.chaos
        rekognition.put(self._outside.eyes)
        self._restart()
        return self

    def _pour(self, start: Checkpoint) -> None:
        for name, (backends, region) in _SERVICES.items():
            backends[ACCOUNT][region] = pickle.loads(start.services[name])
        sesv2_backends[ACCOUNT][REGION].core_backend = ses_backends[ACCOUNT][REGION]  # what both APIs accepted
        self.wait(start.at - clock.now())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._time.close()

    def checkpoint(self) -> Checkpoint:
        self._collect()
        services = {name: pickle.dumps(backends[ACCOUNT][region]) for name, (backends, region) in _SERVICES.items()}
        return Checkpoint(clock.now(), services, pickle.dumps(self._outside))

    def resume(self, start: Checkpoint) -> None:
        """Stand where another world stood at its checkpoint."""
        self._outside = pickle.loads(start.outside)
        self._pour(start)
        rekognition.put(self._outside.eyes)
        self._restart()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Inside happens what another flow's story tells, and is broken there."""
        self.chaos.enabled = False
        try:
            yield
        finally:
            self.chaos.enabled = True

    # --- people ---------------------------------------------------------------------------------------------

    @property
    def bank(self) -> Bank:
        return self._outside.bank

    def gateway(self, name: str) -> PaymentGateway:
        """The bank under the name of a gateway: the books are the same, the ways are each gateway's own."""
        if name == BankTransfer.name:
            return BankTransfer()
        return replace(self.bank, name=name, **OTHERWISE[name]) if name in OTHERWISE else self.bank

    @property
    def printer(self) -> Printer:
        return self._outside.printer

    @property
    def phones(self) -> Phones:
        return self._outside.phones

    @property
    def ears(self) -> Ears:
        return self._outside.ears

    @property
    def eyes(self) -> Rekognition:
        return self._outside.eyes

    @property
    def notes(self) -> dict[str, str]:
        """What a flow remembers: ids by name."""
        return self._outside.notes

    def person(self, name: str) -> Person:
        """The person of that name, from now on known."""
        new = Person(f"{name}@people.example", "a long enough phrase")
        return self._outside.people.setdefault(name, new)

    def ask(
        self,
        who: Person,
        method: str,
        path: str,
        body: Mapping[str, Any] | str | None = None,
        *,
        expect: int = 200,
        settled: int | None = None,
        late: int | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send a request until it is answered as `expect`, like a client does. `key` is its idempotency key.

        A body is JSON, or where it is text a form of a page.

        `settled` is the answer that tells a client who had to repeat itself that an earlier try took effect; `late` the
        one that tells them, where all is slow, that something ran out meanwhile.
        """
        more = {"Idempotency-Key": key} if key else {}
        repeated = False
        for _ in range(self.patience):
            found = self._send(method, path, body, who.headers | more)
            if found is None or found.status in (429, 503):
                repeated = True
                self.wait(timedelta(seconds=_PATIENCE if found is None else self._told_to_wait(found)))
                continue
            told = found.json() if found.body and found.header("Content-Type") == "application/json" else {}
            if told.get("error") and told["error"]["code"] == "token_expired":
                self._renew(who)
                continue
            accepted = {expect, settled} if repeated else {expect}
            accepted |= {late} if self.redrives else set()
            assert found.status in accepted, f"{method} {path} answered {found.status}: {told.get('error')}"
            return Answer(found.status, told.get("data") if told else found.body.decode())
        raise AssertionError(f"{method} {path} was never answered")

    def see(self, who: Person, path: str) -> Any:
        """What somebody finds at an address. Looking changes nothing, so nothing is broken while they look."""
        with self.undisturbed():
            return self.ask(who, "GET", path).data

    def holds(self, who: Person, tokens: Mapping[str, str]) -> None:
        who.refresh = tokens["refreshToken"]
        who.headers["Authorization"] = f"Bearer {tokens['accessToken']}"

    def send_file(self, form: Mapping[str, Any], content: bytes) -> None:
        """A browser posts a file to storage, and S3 puts its notice of it on the queue."""
        key = form["fields"]["key"]
        stored = client("s3").put_object(Bucket=ENVIRONMENT["PIX_ORIGINALS_BUCKET"], Key=key, Body=content)
        told = {"key": key, "versionId": stored["VersionId"], "sequencer": "0055AED6DCD90281E5"}
        self._enqueue("uploads", json.dumps({"Records": [{"s3": {"object": told}}]}))

    def come_back(self, event: Mapping[str, Any]) -> None:
        """SES tells of a mail, and SNS puts it on the queue of mails as it is."""
        self._enqueue("emails", json.dumps(event))

    def send_document(self, form: Mapping[str, Any], content: bytes) -> None:
        """A browser posts a file to the bucket of documents, of which S3 tells nobody."""
        bucket = ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]
        client("s3").put_object(Bucket=bucket, Key=form["fields"]["key"], Body=content)

    def files(self) -> set[str]:
        """The keys of what is stored of photos."""
        buckets = s3_backends[ACCOUNT]["aws"].buckets
        return {key for name in ("ORIGINALS", "PREVIEWS") for key in buckets[ENVIRONMENT[f"PIX_{name}_BUCKET"]].keys}

    def fetch(self, url: str) -> bytes:
        """What a signed address leads to."""
        bucket, _, key = unquote(urlsplit(url).path).strip("/").partition("/")
        content: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def archives(self) -> list[zipfile.ZipFile]:
        """The exports that are there to be fetched."""
        bucket = s3_backends[ACCOUNT]["aws"].buckets[ENVIRONMENT["PIX_DOCUMENTS_BUCKET"]]
        held = [each.value for key, each in bucket.keys.items() if key.startswith("exports/")]
        return [zipfile.ZipFile(io.BytesIO(content)) for content in held]

    def rows_with(self, text: str) -> list[str]:
        """All items, in any table, that hold the text as a value or a part of one, unless they have expired."""
        tables = [name.rpartition("-")[2] for name in dynamodb_backends[ACCOUNT][REGION].tables]
        found = [(table, item) for table in tables for item in items(table)]
        now = clock.epoch(clock.now())
        living = [(table, item) for table, item in found if int(item.get("ttl", {"N": now + 1})["N"]) > now]
        return [f"{table} {item}" for table, item in living if text in json.dumps(item)]

    def pay(self, transaction: str) -> None:
        self.bank.set(transaction, "captured")

    def webhook(self, transaction: str, gateway: str = "paynoi", dispute: str | None = None) -> None:
        """The gateway tells of a transaction, or of a dispute about it, until somebody takes it."""
        held = client("secretsmanager").get_secret_value(SecretId=ENVIRONMENT["PIX_SECRET_ID"])
        account = json.loads(held["SecretString"])[gateway]
        keys = (account.get(name) for name in ("api_key", "secret_key", "client_secret", "api_secret"))
        key = next(key for key in keys if key)
        raw = self.bank.dispute_webhook(dispute, key) if dispute else self.bank.webhook(transaction, key)
        address = "" if gateway == gateways.FIRST else f"/{gateway}"
        self.ask(Person("", ""), "POST", f"/payments/webhook{address}", json.loads(raw))

    def mails_to(self, who: Person) -> list[Any]:
        return [mail for mail in mails() if who.email in mail.destinations["ToAddresses"]]

    def texts_to(self, phone: str) -> list[str]:
        return [text for to, text in texts() if to == phone]

    def websocket(self, kind: str, connection: str, **event: Any) -> bool:
        """API Gateway tells of a websocket: whether the function took it."""
        context = {"connectionId": connection, "requestId": str(uuid.uuid4()), "apiId": "live", "stage": "api"}
        context |= {"domainName": "live.execute-api.us-east-1.amazonaws.com"}
        return self._invoke(f"websocket_{kind}", {"requestContext": context, **event}) == {"statusCode": 200}

    def frames(self, connection: str) -> list[dict[str, Any]]:
        """What was pushed to a websocket so far."""
        text = apigatewaymanagementapi_backends[ACCOUNT][REGION].connections[connection].data.decode()
        found, at = [], 0
        while at < len(text):
            frame, at = json.JSONDecoder().raw_decode(text, at)
            found.append(frame)
        return found

    def _told_to_wait(self, refusal: Response) -> int:
        """Seconds. Every refusal says how long; one that does not is an error of ours."""
        told = int(refusal.header("Retry-After") or 0)
        assert told > 0, f"{refusal.status} without Retry-After"
        self.refusals[str(refusal.status)] += 1
        return told

    def _renew(self, who: Person) -> None:
        headers = who.headers
        who.headers = {name: value for name, value in headers.items() if name != "Authorization"}
        self.holds(who, self.ask(who, "POST", "/auth/refresh", {"refreshToken": who.refresh}).data)
        who.headers = headers | who.headers

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Response | None:
        content = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        media = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
        if self.chaos.enabled:
            self.asked.add((method, path))
        try:
            with self.chaos.watching():
                return self._front.handle(method, path, {"Content-Type": media, **headers}, content)
        except Killed:
            self._restart()
            return None

    # --- AWS ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let time pass until nothing is under way any more: redeliveries, and every minute the schedules."""
        for _ in range(max(ROUNDS, self.patience)):
            self._pump()
            if self.redrives:
                self._redrive()
            if not self.messages and not outbox():
                return
            hidden = [message.hidden_until for message in self.messages if message.hidden_until]
            self.minute(max([MINUTE, *(until - clock.now() for until in hidden)]))
        raise AssertionError(f"not at rest after {ROUNDS} rounds: {self.messages} {outbox()}")

    def minute(self, passing: timedelta = MINUTE, only: str | None = None) -> None:
        """Wait, then run what is scheduled, or `only` the schedule of that name."""
        self.wait(passing)
        names = ("version", "account", "region", "detail", "detail-type", "source", "time", "id", "resources")
        for source in app.event_sources:
            if isinstance(source, ScheduledEventConfig) and only in (None, source.name):
                self._invoke(source.name, dict.fromkeys(names, ""))

    def wait(self, passing: timedelta) -> None:
        self._time.enter_context(clock.travel(passing))

    def _redrive(self) -> None:
        """An operator looks after the dead letters."""
        self.redriven += len(self.dead_letters)
        for letter in self.dead_letters:
            letter.receives, letter.hidden_until = 0, None
            self.messages.append(letter)
        self.dead_letters.clear()

    @property
    def messages(self) -> list[Message]:
        return self._outside.messages

    @property
    def dead_letters(self) -> list[Message]:
        return self._outside.dead_letters

    def _pump(self) -> None:
        """What Lambda's pollers do until nothing visible is left."""
        moved = True
        while moved:
            moved = False
            for source in app.event_sources:
                if isinstance(source, DynamoDBEventConfig):
                    moved |= self._relay(source)
                elif isinstance(source, SQSEventConfig):
                    moved |= self._consume(source)

    def _relay(self, source: DynamoDBEventConfig) -> bool:
        """Give the stream's next records to the function, again until it returns."""
        held = outbox()
        fresh = sorted(held.keys() - self._outside.streamed - self.chaos.swallowed)[: source.batch_size]
        if not fresh:
            return False
        records = [{"eventName": "INSERT", "dynamodb": {"NewImage": held[key]}} for key in fresh]
        if self._invoke(source.name, {"Records": records}) is not _DIED:
            self._outside.streamed |= set(fresh)
        return True

    def _consume(self, source: SQSEventConfig) -> bool:
        """Give a batch of visible messages to the function; what it did not finish comes back."""
        queue = str(source.queue_arn).rpartition(":")[2]
        self._collect()
        visible = [m for m in self.messages if m.queue == queue and not self._is_hidden(m)][: source.batch_size]
        if not visible:
            return False
        for message in visible:
            message.receives += 1
            message.hidden_until = clock.now() + _visibility(queue)
        event = {"Records": [{"messageId": m.id, "body": m.body, "eventSourceARN": source.queue_arn} for m in visible]}
        told = self._invoke(source.name, event)
        failed = {item["itemIdentifier"] for item in told["batchItemFailures"]} if told is not _DIED else None
        for message in visible:
            if failed is None or message.id in failed:
                if message.receives >= _most_receives(queue):
                    self.dead_letters.append(message)
                    self.messages.remove(message)
            else:
                self.messages.remove(message)
        return True

    def _is_hidden(self, message: Message) -> bool:
        return message.hidden_until is not None and message.hidden_until > clock.now()

    def _collect(self) -> None:
        """Take over what was sent to SQS."""
        for name, queue in _queues().items():
            for sent in queue._messages:
                self._enqueue(name, sent.body, max(0.0, sent.delayed_until - unix_time_millis()) / 1000)
            queue._messages.clear()

    def _enqueue(self, queue: str, body: str, delay: float = 0) -> None:
        """A message that nobody sees for `delay` seconds."""
        hidden = clock.now() + timedelta(seconds=math.ceil(delay)) if delay else None
        self.messages.append(Message(str(uuid.uuid4()), queue, body, hidden_until=hidden))

    def _invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """What a Lambda function returns; `_DIED` when it was killed or gave up, which to Lambda is the same."""
        try:
            with self.chaos.watching():
                return app.handler_map[function](event, LambdaContext(function))
        except Killed:
            self._restart()
            return _DIED
        except Exception as failure:
            causes = failure.exceptions if isinstance(failure, ExceptionGroup) else (failure,)
            if not all(map(is_busy, causes)):
                raise
            return _DIED

    def _restart(self) -> None:
        """A new process knows nothing."""
        secrets.forget()
        organizations.forget()
        wording.forget()


_DIED = object()


def items(table: str) -> list[dict[str, Any]]:
    """A table's items as DynamoDB writes them, `{"pk": {"S": ...}}`, without asking the API."""
    held = dynamodb_backends[ACCOUNT][REGION].tables[f"thepixstock-test-{table}"].items
    return [item.to_json()["Attributes"] for partition in held.values() for item in partition.values()]


def outbox() -> dict[str, dict[str, Any]]:
    """The facts that wait to be relayed, by key."""
    return {item["pk"]["S"]: item for item in items("outbox")}


def mails() -> list[Any]:
    """What SES accepted, oldest first."""
    return list(ses_backends[ACCOUNT][REGION].sent_messages)


def texts() -> list[tuple[str, str]]:
    """Number and text of what SNS accepted, oldest first."""
    return list(sns_backends[ACCOUNT][REGION].sms_messages.values())


def _queues() -> dict[str, Any]:
    held = sqs_backends[ACCOUNT][REGION].queues
    return {name: held[f"thepixstock-test-{name}"] for name in QUEUES}


def _visibility(queue: str) -> timedelta:
    return timedelta(seconds=template()["Parameters"][f"{queue.title()}VisibilityTimeout"]["Default"])


def _most_receives(queue: str) -> int:
    policy = template()["Resources"][f"{queue.title()}Queue"]["Properties"]["RedrivePolicy"]
    return int(policy["maxReceiveCount"])


@cache
def _front() -> Gateway:
    return Gateway(app)
