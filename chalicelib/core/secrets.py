"""Secrets from Secrets Manager, held for five minutes so that a rotation is seen without a deploy."""

import hashlib
import hmac
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from chalicelib.core import aws, clock, ids
from chalicelib.core.settings import settings

_HOLD = timedelta(minutes=5)
_PLACEHOLDERS = ("changeme", "change-me", "placeholder", "example", "secret", "password", "xxxx")


class GatewaySecret(BaseModel):
    """What one PayNoi account needs; `previous_api_key` stays valid for webhooks during a rotation."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    api_key: SecretStr
    key_id: str
    account: str
    type: str = "1"
    previous_api_key: SecretStr | None = None

    @field_validator("api_key")
    @classmethod
    def _is_real(cls, value: SecretStr) -> SecretStr:
        return _refuse_placeholder(value)


class Secrets(BaseModel):
    """`previous_jwt_public_keys` keeps tokens of a rotated key valid until they expire (kid -> PEM).

    `paynoi` is the account of every organization that has none of its own.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    jwt_private_key: SecretStr
    previous_jwt_public_keys: dict[str, str] = {}
    token_key: SecretStr = Field(min_length=64)
    paynoi: GatewaySecret
    paynoi_of_organizations: dict[str, GatewaySecret] = {}

    @field_validator("jwt_private_key", "token_key")
    @classmethod
    def _is_real(cls, value: SecretStr) -> SecretStr:
        return _refuse_placeholder(value)

    @field_validator("token_key")
    @classmethod
    def _is_hex(cls, value: SecretStr) -> SecretStr:
        bytes.fromhex(value.get_secret_value())
        return value


def _refuse_placeholder(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().lower()
    if len(text) < 16 or any(text.startswith(word) for word in _PLACEHOLDERS) or len(set(text)) < 6:
        raise ValueError("looks like a placeholder, not a secret")
    return value


_held: tuple[datetime, Secrets] | None = None


def secrets() -> Secrets:
    """Raises pydantic's ValidationError when the stored value is missing a part or holds a placeholder."""
    global _held
    now, held = clock.now(), _held  # one look: another thread may forget or renew it meanwhile
    if held is None or not now - _HOLD < held[0] <= now:
        answer = aws.client("secretsmanager").get_secret_value(SecretId=settings().secret_id)
        _held = held = (now, Secrets.model_validate_json(answer["SecretString"]))
    return held[1]


def forget() -> None:
    """Read again at the next use: for tests and after a rotation drill."""
    global _held
    _held = None


def sign(purpose: str, *parts: str) -> str:
    """A 256-bit token derived from the parts: the same parts give the same token, nobody else can make it.

    Lets an answer that was lost be given again without storing the token itself.
    """
    key = bytes.fromhex(secrets().token_key.get_secret_value())
    return ids.urlsafe(hmac.new(key, ids.joined(purpose, *parts), hashlib.sha256).digest())
