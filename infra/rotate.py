"""Replace a key of the secret while everything goes on.

Processes read the secret again after five minutes, each at its own time. So the new key is first accepted, after
that wait used, and the old one accepted until it is retired, when nothing that it made is around any more.
"""

import argparse
import json
import secrets as random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track

from chalicelib.core.secrets import Secrets
from infra.accounts import ACCOUNTS, Secret, new_signing_key
from infra.aws import Place, add_options, place_of, told
from infra.stacks import DeployFailed

WAIT = timedelta(minutes=5, seconds=30)
"""Longer than any process holds what it has read."""


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


def replace_account(vault: Vault, name: str, account: Secret) -> None:
    """Use another account or key at somebody; webhooks signed with the key before are accepted."""
    secret, version = vault.read()
    if name in secret:
        account = ACCOUNTS[name].after(account, secret[name])
    vault.write(secret | {name: account}, over=version)


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra rotate", description=__doc__)
    command.add_argument(
        "key",
        choices=[*KEYS, *ACCOUNTS],
        help="jwt signs access tokens, token makes the others, sealing hides fields; the rest are accounts at gateways "
        "and at who carries notices",
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
