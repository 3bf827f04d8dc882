import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from chalicelib.accounts import jobs, service
from chalicelib.accounts.model import Tokens, User
from chalicelib.accounts.routes import routes
from chalicelib.core import auth, ids, outbox, queues
from chalicelib.core.auth import Principal
from chalicelib.core.http import Access, Api
from chalicelib.core.queues import Outcome
from chalicelib.organizations import service as organizations
from chalicelib.organizations.roles import GUARDED, ROLES
from infra.local.gateway import Gateway, Response
from tests import deliver
from tests.stack import moto_stack

ORG = organizations.DEFAULT
PASSWORD = "correct horse battery"
EMAIL = "anna@shop.example"


@dataclass
class Mailbox:
    """What accounts asked notifications to send; like there, an occasion is mailed once."""

    sent: list[dict[str, Any]]

    def send_email(self, organization: str, *, once: str, **mail: Any) -> Outcome:
        if any(known["once"] == once for known in self.sent):
            return Outcome.SKIPPED
        self.sent.append({"organization": organization, "once": once, **mail})
        return Outcome.SUCCESS

    def collect(self) -> list[dict[str, Any]]:
        """Run the mail jobs of everything published; the mails sent so far."""
        for record in sorted(outbox.OutboxRecord.scan(), key=lambda record: record.due_sk):
            fact = queues.Fact.known[record.fact].model_validate_json(record.body)
            for handler in queues.handlers_of(record.fact):
                handler.run(fact)
            record.delete()
        return self.sent

    def code(self, email: str = EMAIL) -> str:
        """The newest code mailed to an address."""
        codes = [mail["values"]["code"] for mail in self.collect() if mail["to"] == email and "code" in mail["values"]]
        return str(codes[-1])


@pytest.fixture
def mailbox(monkeypatch) -> Mailbox:
    box = Mailbox([])
    monkeypatch.setattr(jobs.notifications, "send_email", box.send_email)
    monkeypatch.setattr(jobs.notifications, "send_text", box.send_email)
    return box


@pytest.fixture
def register(aws) -> Callable[..., None]:
    def register(email: str = EMAIL, password: str = PASSWORD, name: str = "Anna", organization: str = ORG) -> None:
        service.register(organization, email=email, password=password, name=name)

    return register


@pytest.fixture
def make_user(aws) -> Callable[..., User]:
    def make(email: str = EMAIL, *, roles: tuple[str, ...] = ("customer",), organization: str = ORG) -> User:
        return service.create_user(organization, email=email, password=PASSWORD, name="Anna", roles=roles)

    return make


@pytest.fixture
def anna(make_user) -> User:
    user: User = make_user()
    return user


def log_in(email: str = EMAIL, password: str = PASSWORD, organization: str = ORG, device: str = "") -> Tokens:
    tokens = service.log_in(organization, email=email, password=password, device=device)
    assert isinstance(tokens, Tokens)
    return tokens


def principal_of(tokens: Tokens) -> Principal:
    return auth.verify(tokens.access_token, tokens.user.organization)


def stored() -> list[dict[str, Any]]:
    """Everything in the tables of accounts and facts, but for the count of failed log-ins."""
    dynamodb = boto3.client("dynamodb")
    items = [
        item
        for name in ("accounts", "outbox")
        for item in dynamodb.scan(TableName=f"thepixstock-test-{name}")["Items"]
        if "#TRIES#" not in item["pk"]["S"]
    ]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def facts() -> list[str]:
    return [type(fact).__name__ for fact in deliver.facts()]


def is_code(text: str) -> bool:
    return re.fullmatch(r"[0-9]{6}", text) is not None


def someone() -> str:
    return ids.new("usr")


# --- over HTTP ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Browser:
    """Sends JSON to the routes of accounts. `token` is an access token."""

    gateway: Gateway

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Response:
        sent = {"Content-Type": "application/json", "User-Agent": "Firefox Linux"} | headers
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.gateway.handle(method, path, headers=sent, body=content)

    def post(self, path: str, body: Any = None, **more: Any) -> Response:
        return self.call("POST", path, body, **more)


def make_browser() -> Browser:
    organizations.forget()
    access = Access(
        permissions=ROLES, guarded=GUARDED, tenant_of=organizations.tenant_of, session_lives=service.session_lives
    )
    api = Api("t", access)
    api.mount(routes)
    return Browser(Gateway(api))


@pytest.fixture
def browser(aws) -> Iterator[Browser]:
    yield make_browser()
    organizations.forget()


@pytest.fixture(scope="module")
def standing(secret) -> Iterator[Browser]:
    """One stack for a whole module, whose tests only try what must change nothing."""
    with moto_stack(secret):
        yield make_browser()
    organizations.forget()


def told(response: Response) -> tuple[int, dict[str, Any], list[str]]:
    """What an answer tells: status, body without the request id, names of headers."""
    body = response.json() | {"requestId": "-"}
    return response.status, body, sorted(name for name, _ in response.headers)
