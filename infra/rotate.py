"""Replace a key of the secret while everything goes on.

Processes read the secret again after five minutes, each at its own time. So the new key is first accepted, after
that wait used, and the old one accepted until it is retired, when nothing that it made is around any more.
"""

import argparse
import getpass
import json
import secrets as random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import track

from chalicelib.core.secrets import (
    CloudPaymentsSecret,
    CryptoSecret,
    GatewaySecret,
    KaspiSecret,
    PayPalSecret,
    Secrets,
    StripeSecret,
)
from infra.aws import Place, add_options, place_of, told
from infra.stacks import DeployFailed

WAIT = timedelta(minutes=5, seconds=30)
"""Longer than any process holds what it has read."""

Secret = dict[str, Any]


def new_signing_key() -> str:
    """PEM of a fresh P-256 private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def new_token_key() -> str:
    """Thirty-two random bytes in hex."""
    return random.token_hex(32)


def _public(private_pem: str) -> str:
    key = load_pem_private_key(private_pem.encode(), password=None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class Key:
    """A key of the secret: its field, the field of what else is accepted, and how long what it made lives."""

    field: str
    accepted: str
    fresh: Callable[[], str]
    shown: Callable[[str], str]
    until: str


KEYS = {
    "jwt": Key("jwt_private_key", "accepted_jwt_public_keys", new_signing_key, _public, "10 minutes, access tokens"),
    "token": Key(
        "token_key", "accepted_token_keys", new_token_key, str, "as long as an order's links and downloads should open"
    ),
    "sealing": Key(
        "sealing_key", "accepted_sealing_keys", new_token_key, str, "never, unless all it sealed has been sealed anew"
    ),
}


def announced(secret: Secret, key: Key, fresh: str) -> Secret:
    """The secret in which `fresh` is accepted, and not yet used."""
    return secret | {key.accepted: [*secret.get(key.accepted, []), key.shown(fresh)]}


def switched(secret: Secret, key: Key, fresh: str) -> Secret:
    """The secret in which an announced `fresh` is used and the one before accepted. Raises ValueError otherwise."""
    accepted = list(secret.get(key.accepted, []))
    accepted.remove(key.shown(fresh))
    before = [key.shown(secret[key.field])] if key.field in secret else []  # a secret may be older than the key's kind
    return secret | {key.field: fresh, key.accepted: [*accepted, *before]}


def retired(secret: Secret, key: Key) -> Secret:
    """The secret that accepts the key in use only."""
    return {name: value for name, value in secret.items() if name != key.accepted}


@dataclass(frozen=True)
class Account:
    """An account at a gateway: its schema, what a person is asked for, and what of the one before is still accepted."""

    title: str
    schema: type[BaseModel]
    ask: Callable[[], Secret]
    after: Callable[[Secret, Secret], Secret]

    def given(self, file: Path | None) -> Secret:
        """From the JSON file or from the person.

        Raises DeployFailed when nobody can be asked, pydantic's ValidationError for what is no account.
        """
        if file is None and not sys.stdin.isatty():
            option = f"--{self.title.lower()} FILE"
            raise DeployFailed(f"Nobody can be asked here; give the account at {self.title} with {option}.")
        if file is None:
            print(f"The account at {self.title}, as its dashboard shows it. Keys are not echoed.")
        account: Secret = self.ask() if file is None else json.loads(file.read_text())
        self.schema.model_validate(account)
        return account


def _ask_paynoi() -> Secret:
    return {
        "api_key": getpass.getpass("  API key: "),
        "key_id": input("  key_id (of the bank): ").strip(),
        "account": input("  account (PromptPay phone or national id): ").strip(),
        "type": input("  type (1 phone, 2 national id) [1]: ").strip() or "1",
    }


def _ask_stripe() -> Secret:
    return {
        "secret_key": getpass.getpass("  secret key: "),
        "publishable_key": input("  publishable key: ").strip(),
        "webhook_secrets": [getpass.getpass("  signing secret of the webhook endpoint: ")],
    }


def _ask_paypal() -> Secret:
    return {
        "client_id": input("  client id: ").strip(),
        "client_secret": getpass.getpass("  secret: "),
        "webhook_ids": [input("  id of the webhook: ").strip()],
        "return_url": input("  page of the shop that buyers come back to: ").strip(),
    }


def _ask_crypto() -> Secret:
    return {
        "api_key": getpass.getpass("  API key: "),
        "webhook_secrets": [getpass.getpass("  shared secret of webhooks: ")],
        "return_url": input("  page of the shop that buyers come back to: ").strip(),
    }


def _ask_cloudpayments() -> Secret:
    return {
        "public_id": input("  Public ID: ").strip(),
        "api_secret": getpass.getpass("  API secret: "),
        "return_url": input("  page of the shop that buyers come back to: ").strip(),
    }


def _ask_kaspi() -> Secret:
    return {
        "api_key": getpass.getpass("  API key: "),
        "device_token": getpass.getpass("  token of the device: "),
        "organization_bin": input("  BIN of the organization: ").strip(),
        "certificate": Path(input("  file of the certificate, a PEM with its key: ").strip()).read_text(),
    }


def _after_cloudpayments(now: Secret, before: Secret) -> Secret:
    return now | {"previous_api_secret": before["api_secret"]}


def _after_paynoi(now: Secret, before: Secret) -> Secret:
    return now | {"previous_api_key": before["api_key"]}


def _with_newest_before(field: str) -> Callable[[Secret, Secret], Secret]:
    """Only the newest of what proved webhooks before: nobody signs with a third."""
    return lambda now, before: now | {field: list(dict.fromkeys([*now[field], *before[field][:1]]))}


ACCOUNTS = {
    "paynoi": Account("PayNoi", GatewaySecret, _ask_paynoi, _after_paynoi),
    "stripe": Account("Stripe", StripeSecret, _ask_stripe, _with_newest_before("webhook_secrets")),
    "paypal": Account("PayPal", PayPalSecret, _ask_paypal, _with_newest_before("webhook_ids")),
    "cloudpayments": Account("CloudPayments", CloudPaymentsSecret, _ask_cloudpayments, _after_cloudpayments),
    "kaspi": Account("Kaspi", KaspiSecret, _ask_kaspi, lambda now, before: now),
    "crypto": Account("Crypto", CryptoSecret, _ask_crypto, _with_newest_before("webhook_secrets")),
}


class Vault:
    """The secret of one stage. `write` refuses to overwrite what somebody else stored meanwhile."""

    def __init__(self, client: Any, secret_id: str) -> None:
        self._client = client
        self._id = secret_id

    def read(self) -> tuple[Secret, str]:
        """The secret and its version."""
        answer = self._client.get_secret_value(SecretId=self._id)
        return json.loads(answer["SecretString"]), answer["VersionId"]

    def write(self, secret: Secret, over: str) -> str:
        """Store a secret made from version `over`; returns its version. Raises DeployFailed for a newer one."""
        if self.read()[1] != over:
            raise DeployFailed("Somebody else stored another secret meanwhile. Nothing was written; start again.")
        Secrets.model_validate(secret)
        return str(self._client.put_secret_value(SecretId=self._id, SecretString=json.dumps(secret))["VersionId"])


def rotate(vault: Vault, key: Key, wait: Callable[[], None]) -> None:
    """Announce a fresh key, wait until every process accepts it, use it."""
    fresh = key.fresh()
    secret, version = vault.read()
    announcement = announced(secret, key, fresh)
    version = vault.write(announcement, over=version)
    wait()
    vault.write(switched(announcement, key, fresh), over=version)


def retire(vault: Vault, key: Key) -> None:
    """Accept the key in use only."""
    secret, version = vault.read()
    vault.write(retired(secret, key), over=version)


def replace_account(vault: Vault, gateway: str, account: Secret) -> None:
    """Use another account or key at a gateway; webhooks signed with the key before are accepted."""
    secret, version = vault.read()
    if gateway in secret:
        account = ACCOUNTS[gateway].after(account, secret[gateway])
    vault.write(secret | {gateway: account}, over=version)


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra rotate", description=__doc__)
    command.add_argument(
        "key",
        choices=[*KEYS, *ACCOUNTS],
        help="jwt signs access tokens, token makes the others, sealing hides fields; the rest are accounts at gateways",
    )
    command.add_argument("--retire", action="store_true", help="accept the key in use only, and no older one")
    for name, account in ACCOUNTS.items():
        told = f"the account at {account.title}, instead of questions"
        command.add_argument(f"--{name}", type=Path, metavar="FILE", help=told)
    add_options(command)
    return command


def run(place: Place, wanted: argparse.Namespace) -> None:
    vault = Vault(place.client("secretsmanager"), f"{place.app}/{place.stage}/app")
    console = Console()
    try:
        if wanted.key in ACCOUNTS:
            account = ACCOUNTS[wanted.key]
            replace_account(vault, wanted.key, account.given(getattr(wanted, wanted.key)))
            console.print(f"The account at {account.title} is replaced. The functions see it within five minutes.")
        elif wanted.retire:
            retire(vault, KEYS[wanted.key])
            console.print(f"Only the {wanted.key} key in use is accepted now.")
        else:
            rotate(vault, KEYS[wanted.key], lambda: _wait(console))
            console.print(f"The new {wanted.key} key is in use; the one before is still accepted.")
            console.print(f"Retire it with --retire after: {KEYS[wanted.key].until}.")
    except ValidationError as refusal:
        raise DeployFailed(str(refusal)) from None  # pydantic names the field and hides its value
    except KeyboardInterrupt:
        console.print("\nStopped before the switch: the old key is in use. Starting again announces another one.")
        raise


def _wait(console: Console) -> None:
    console.print("The new key is accepted. It will be used once every process has read it.")
    for _ in track(range(int(WAIT.total_seconds())), description="waiting", console=console):
        time.sleep(1)


def main(arguments: list[str]) -> int:
    wanted = parser().parse_args(arguments)
    return told(run, place_of(wanted), wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
