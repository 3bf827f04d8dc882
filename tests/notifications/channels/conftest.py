"""Stages with other carriers."""

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from chalicelib.core import secrets, settings
from chalicelib.core.errors import AppError
from tests import logged, stack

_SHORT = 8
"""Words of secrets that may be told: lines that frame a key, an empty one."""


@pytest.fixture(autouse=True)
def nothing_tells_a_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What an adapter used of its account stands in no line of the log, and in no refusal or what led to it."""
    used: set[str] = set()
    refusals: list[AppError] = []
    reveal, refuse = SecretStr.get_secret_value, AppError.__init__

    def revealed(secret: SecretStr) -> str:
        value = reveal(secret)
        used.update(line for line in value.splitlines() if len(line) > _SHORT and not line.startswith("-----"))
        return value

    def refused(refusal: AppError, *told: Any, **more: Any) -> None:
        refuse(refusal, *told, **more)
        refusals.append(refusal)

    with monkeypatch.context() as patch, logged.lines() as lines:
        patch.setattr(SecretStr, "get_secret_value", revealed)
        patch.setattr(AppError, "__init__", refused)
        yield
        told = [json.dumps(lines()), *("".join(traceback.format_exception(refusal)) for refusal in refusals)]
    assert [text for text in told if any(word in text for word in used)] == []


@pytest.fixture
def stage_of(aws: None, secret: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts what the settings name as providers, and what the secret holds beside the usual, in force."""

    def put(*, mail_provider: str = "ses", sms_provider: str = "sns", **accounts: Any) -> None:
        monkeypatch.setenv("PIX_MAIL_PROVIDER", mail_provider)
        monkeypatch.setenv("PIX_SMS_PROVIDER", sms_provider)
        text = json.dumps(json.loads(secret) | accounts)
        name = stack.ENVIRONMENT["PIX_SECRET_ID"]
        stack.client("secretsmanager").put_secret_value(SecretId=name, SecretString=text)
        settings.settings.cache_clear()
        secrets.forget()

    yield put
    monkeypatch.undo()
    settings.settings.cache_clear()
    secrets.forget()
