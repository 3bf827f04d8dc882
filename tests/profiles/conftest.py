import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import pytest

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.core import auth
from chalicelib.core.auth import Principal
from chalicelib.core.queues import Outcome
from chalicelib.organizations.service import DEFAULT
from chalicelib.profiles import jobs
from infra.local.gateway import Gateway, Response
from tests.stack import ENVIRONMENT, client

PASSWORD = "correct horse battery"
IIN = "900101300017"
"""A man born on 1 January 1990."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a browser."""

    principal: Principal
    token: str

    def call(self, method: str, path: str, body: Any = None) -> Response:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return Gateway(app).handle(method, path, headers, b"" if body is None else json.dumps(body).encode())

    def get(self, path: str) -> Any:
        return self._told(self.call("GET", path))

    def put(self, path: str, body: Any = None) -> Any:
        return self._told(self.call("PUT", path, body))

    def post(self, path: str, body: Any = None) -> Any:
        return self._told(self.call("POST", path, body))

    @staticmethod
    def _told(answer: Response) -> Any:
        assert answer.status in (200, 201), answer.body
        return answer.json()["data"]


def person(name: str, role: str = "customer") -> Person:
    email = f"{name}@shop.example"
    accounts.create_user(DEFAULT, email=email, password=PASSWORD, name=name.title(), roles=[role])
    tokens = accounts.log_in(DEFAULT, email=email, password=PASSWORD)
    assert isinstance(tokens, Tokens)
    return Person(auth.verify(tokens.access_token, DEFAULT), tokens.access_token)


@pytest.fixture
def anna(aws: None) -> Person:
    return person("anna")


@pytest.fixture
def berta(aws: None) -> Person:
    return person("berta")


def refusal(answer: Response) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


def arrive(form: Any, content: bytes) -> Outcome:
    """What a browser posts to storage, and what storage tells of it."""
    key = form["fields"]["key"]
    held = client("s3").put_object(Bucket=ENVIRONMENT["PIX_ORIGINALS_BUCKET"], Key=key, Body=content)
    return tell(key, held["VersionId"])


def tell(key: str, version: str | None = None) -> Outcome:
    stored = {"key": quote_plus(key)} | ({"versionId": version} if version else {})
    return jobs.take_avatars({"Records": [{"eventName": "ObjectCreated:Post", "s3": {"object": stored}}]})


def previews() -> dict[str, bytes]:
    """What is shown, by key."""
    s3, bucket = client("s3"), ENVIRONMENT["PIX_PREVIEWS_BUCKET"]
    held = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in held}
