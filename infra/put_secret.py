"""`python3 -m infra put-secret`: fills the secret of a stage, once, or rotates a part of it.

Keys are made on this machine and go straight to Secrets Manager; nothing is shown or written to a file. The account at
PayNoi is asked for, or read from a JSON file with `api_key`, `key_id`, `account` and `type`.
"""

import argparse
import getpass
import json
import secrets
import sys
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
from pydantic import ValidationError

from chalicelib.core.auth import key_id
from chalicelib.core.secrets import GatewaySecret, Secrets
from infra.aws import Place, add_options, place_of, told
from infra.stacks import DeployFailed

PARTS = {
    "jwt": "a new signing key; tokens of the one before are good until they expire, ten minutes at most",
    "token": "a new token key; ends links in mails, sign-up codes and cursors at once",
    "paynoi": "another account or key; webhooks signed with the key before are accepted until the next rotation",
}


def new_keys() -> dict[str, str]:
    """A signing key of access tokens and a key of opaque tokens."""
    return {"jwt_private_key": _new_signing_key(), "token_key": secrets.token_hex(32)}


def _new_signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def rotated(held: dict[str, Any], part: str, paynoi: dict[str, str] | None) -> dict[str, Any]:
    """The secret with one part made anew; what the old part vouched for keeps its grace (see PARTS)."""
    if part == "token":
        return held | {"token_key": secrets.token_hex(32)}
    if part == "paynoi":
        assert paynoi is not None
        return held | {"paynoi": paynoi | {"previous_api_key": held["paynoi"]["api_key"]}}
    public = load_pem_private_key(held["jwt_private_key"].encode(), password=None).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return held | {"jwt_private_key": _new_signing_key(), "previous_jwt_public_keys": {key_id(public): pem}}


def ask_for_paynoi(file: Path | None) -> dict[str, str]:
    """The account at PayNoi, from the file or from the person. Raises DeployFailed."""
    if file:
        given = json.loads(file.read_text())
    elif sys.stdin.isatty():
        print("The account at PayNoi, as its dashboard shows it. The key is not echoed.")
        given = {
            "api_key": getpass.getpass("  API key: "),
            "key_id": input("  key_id (of the bank): ").strip(),
            "account": input("  account (PromptPay phone or national id): ").strip(),
            "type": input("  type (1 phone, 2 national id) [1]: ").strip() or "1",
        }
    else:
        raise DeployFailed("Nobody can be asked here; give the account at PayNoi with --paynoi FILE.")
    return {str(name): str(value) for name, value in given.items()}


def put(place: Place, rotate: str | None, paynoi: Path | None) -> None:
    """Fill an empty secret, or rotate a part of a full one. Raises DeployFailed, also rather than overwrite."""
    secret_id = place.outputs().get("SecretId")
    if secret_id is None:
        raise DeployFailed(f"There is no data stack. First: python3 -m infra deploy {place.words()} account data")
    stored = stored_secret(place, secret_id)
    held: dict[str, Any] | None = json.loads(stored) if stored else None
    if held is None and rotate:
        raise DeployFailed(f"{secret_id} is empty: there is nothing to rotate.")
    if held is not None and not rotate:
        raise DeployFailed(f"{secret_id} is filled already. A part of it is made anew with --rotate {'|'.join(PARTS)}.")
    account = ask_for_paynoi(paynoi) if rotate in (None, "paynoi") else None
    try:
        if account is not None:
            GatewaySecret.model_validate(account)
        value = new_keys() | {"paynoi": account} if held is None else rotated(held, str(rotate), account)
        Secrets.model_validate(value)
    except ValidationError as refusal:
        raise DeployFailed(str(refusal)) from None  # pydantic names the field and hides its value
    place.client("secretsmanager").put_secret_value(SecretId=secret_id, SecretString=json.dumps(value))
    done = f"{rotate} rotated" if rotate else "filled"
    print(f"{secret_id}: {done}. The functions see it within five minutes.")


def stored_secret(place: Place, secret_id: str) -> str:
    """The text of the secret, empty as long as nobody has filled it."""
    client = place.client("secretsmanager")
    try:
        return str(client.get_secret_value(SecretId=secret_id)["SecretString"])
    except client.exceptions.ResourceNotFoundException:  # made without a value, it has no version
        return ""


def parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {part:8}{text}" for part, text in PARTS.items())
    command = argparse.ArgumentParser(
        prog="python3 -m infra put-secret",
        description=__doc__.partition("\n\n")[2],
        epilog=f"Parts to rotate:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(command)
    command.add_argument("--rotate", choices=PARTS, help="make a part anew; see below")
    command.add_argument("--paynoi", type=Path, metavar="FILE", help="the account at PayNoi, instead of questions")
    return command


def main(arguments: list[str]) -> int:
    wanted = parser().parse_args(arguments)
    return told(put, place_of(wanted), wanted.rotate, wanted.paynoi)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
