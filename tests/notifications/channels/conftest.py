"""Stages with other carriers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.core import secrets, settings
from tests import stack


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
