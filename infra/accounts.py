"""Accounts of a stage at others, gateways and carriers of notices: what each consists of, and how it is asked for."""

import getpass
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import BaseModel

from chalicelib.core import secrets
from infra.stacks import DeployFailed

Secret = dict[str, Any]


def new_signing_key() -> str:
    """PEM of a fresh P-256 private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class Question:
    """What a person is asked for: not echoed where it is `hidden`, and kept as what `means` makes of it."""

    field: str
    asks: str
    hidden: bool = False
    means: Callable[[str], Any] = str

    def answer(self) -> Any:
        return self.means((getpass.getpass if self.hidden else input)(f"  {self.asks}: ").strip())


@dataclass(frozen=True)
class Account:
    """`after` makes an account, and the one before, to what is used and still accepted.

    Without questions it comes in a file, as its makers give it out; what we do not know of it is not kept.
    """

    title: str
    schema: type[BaseModel]
    questions: tuple[Question, ...] = ()
    after: Callable[[Secret, Secret], Secret] = lambda now, before: now

    def given(self, file: Path | None) -> Secret:
        """From the JSON file or from the person.

        Raises DeployFailed when nobody can be asked, pydantic's ValidationError for what is no account.
        """
        if file is None and not (self.questions and sys.stdin.isatty()):
            option = f"--{self.title.lower().replace(' ', '-')} FILE"
            raise DeployFailed(f"Nobody can be asked here; give the account at {self.title} with {option}.")
        account: Secret = self._asked() if file is None else json.loads(file.read_text())
        self.schema.model_validate(account)
        return {name: account[name] for name in self.schema.model_fields if account.get(name) is not None}

    def _asked(self) -> Secret:
        print(f"The account at {self.title}, as its dashboard shows it. Keys are not echoed.")
        return {question.field: question.answer() for question in self.questions}


def _or(usual: Any) -> Callable[[str], Any]:
    """What was typed, else what is usual."""
    return lambda typed: typed or usual


def _alone(typed: str) -> list[str]:
    return [typed]


def _content(typed: str) -> str:
    return Path(typed).read_text()


def _with_newest_before(field: str) -> Callable[[Secret, Secret], Secret]:
    """Only the newest of what proved webhooks before: nobody signs with a third."""
    return lambda now, before: now | {field: list(dict.fromkeys([*now[field], *before[field][:1]]))}


_API_KEY = Question("api_key", "API key", hidden=True)
_PAGE = Question("return_url", "page of the shop that buyers come back to")

ACCOUNTS = {
    "paynoi": Account(
        "PayNoi",
        secrets.GatewaySecret,
        (
            _API_KEY,
            Question("key_id", "key_id (of the bank)"),
            Question("account", "account (PromptPay phone or national id)"),
            Question("type", "type (1 phone, 2 national id) [1]", means=_or("1")),
        ),
        lambda now, before: now | {"previous_api_key": before["api_key"]},
    ),
    "stripe": Account(
        "Stripe",
        secrets.StripeSecret,
        (
            Question("secret_key", "secret key", hidden=True),
            Question("publishable_key", "publishable key"),
            Question("webhook_secrets", "signing secret of the webhook endpoint", hidden=True, means=_alone),
        ),
        _with_newest_before("webhook_secrets"),
    ),
    "promptpay": Account(
        "PromptPay",
        secrets.PromptPaySecret,
        (
            _API_KEY,
            Question("api_secret", "API secret", hidden=True),
            Question("biller_id", "biller id"),
            Question("reference_prefix", "prefix of the third reference"),
            Question("webhook_keys", "key at the end of the address that the bank calls", hidden=True, means=_alone),
        ),
        _with_newest_before("webhook_keys"),
    ),
    "paypal": Account(
        "PayPal",
        secrets.PayPalSecret,
        (
            Question("client_id", "client id"),
            Question("client_secret", "secret", hidden=True),
            Question("webhook_ids", "id of the webhook", means=_alone),
            _PAGE,
        ),
        _with_newest_before("webhook_ids"),
    ),
    "cloudpayments": Account(
        "CloudPayments",
        secrets.CloudPaymentsSecret,
        (Question("public_id", "Public ID"), Question("api_secret", "API secret", hidden=True), _PAGE),
        lambda now, before: now | {"previous_api_secret": before["api_secret"]},
    ),
    "kaspi": Account(
        "Kaspi",
        secrets.KaspiSecret,
        (
            _API_KEY,
            Question("device_token", "token of the device", hidden=True),
            Question("organization_bin", "BIN of the organization"),
            Question("certificate", "file of the certificate, a PEM with its key", means=_content),
        ),
    ),
    "crypto": Account(
        "Crypto",
        secrets.CryptoSecret,
        (_API_KEY, Question("webhook_secrets", "shared secret of webhooks", hidden=True, means=_alone), _PAGE),
        _with_newest_before("webhook_secrets"),
    ),
    "twilio": Account(
        "Twilio",
        secrets.TwilioSecret,
        (
            Question("account_sid", "Account SID"),
            Question("user", "SID of the account, or of an API key"),
            Question("password", "auth token, or secret of the API key", hidden=True),
            Question("sender", "number, messaging service or name that texts come from"),
        ),
    ),
    "mobizon": Account(
        "Mobizon",
        secrets.MobizonSecret,
        (_API_KEY, Question("sender", "name that texts come from [a shared one]", means=_or(None))),
    ),
    "smtp": Account(
        "SMTP",
        secrets.SmtpSecret,
        (
            Question("host", "host of the mail server"),
            Question("port", "port [587]", means=lambda typed: int(typed or 587)),
            Question("security", "starttls or tls [starttls]", means=_or("starttls")),
            Question("user", "user"),
            Question("password", "password", hidden=True),
        ),
    ),
    "apns": Account(
        "APNs",
        secrets.ApnsSecret,
        (
            Question("team_id", "id of the developer team"),
            Question("key_id", "id of the key"),
            Question("private_key", "file of the key (.p8)", means=_content),
            Question("topic", "bundle id of the app"),
        ),
    ),
    "webpush": Account(
        "WebPush",
        secrets.WebPushSecret,
        (
            Question("subject", "where push services reach you (mailto: or https:)"),
            Question(
                "private_key",
                "file of a P-256 key, a PEM [a new one; every browser subscribes anew]",
                means=lambda typed: _content(typed) if typed else new_signing_key(),
            ),
        ),
    ),
    "firebase": Account("Firebase", secrets.FirebaseSecret),
}
"""By their names in the secret."""
