"""`python3 -m infra put-secret`: fills the secret of a stage, once.

Keys are made on this machine and go straight to Secrets Manager; nothing is shown or written to a file. The account at
PayNoi is asked for, or read from a JSON file with `api_key`, `key_id`, `account` and `type`. A filled secret is never
overwritten: `--rotate` replaces the account at PayNoi and nothing else; keys are replaced by `python3 -m infra rotate`.
"""

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chalicelib.core.secrets import Secrets
from infra.aws import Place, add_options, place_of, told
from infra.rotate import ChangedMeanwhile, Secret, Vault, new_signing_key, new_token_key
from infra.stacks import DeployFailed


def fresh(paynoi: dict[str, str]) -> Secret:
    """A whole secret with keys that nobody has seen."""
    return {"jwt_private_key": new_signing_key(), "token_key": new_token_key(), "paynoi": paynoi}


def with_account(held: Secret, paynoi: dict[str, str]) -> Secret:
    """The secret with another account at PayNoi; webhooks signed with the key before are still accepted."""
    return held | {"paynoi": paynoi | {"previous_api_key": held["paynoi"]["api_key"]}}


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


def put(place: Place, rotate: bool, paynoi: Path | None) -> None:
    """Fill an empty secret, or replace the account at PayNoi in a full one. Raises DeployFailed."""
    secret_id = place.outputs().get("SecretId")
    if secret_id is None:
        raise DeployFailed(f"There is no data stack. First: python3 -m infra deploy {place.words()} account data")
    client = place.client("secretsmanager")
    is_filled = bool(stored_secret(place, secret_id))
    if is_filled and not rotate:
        raise DeployFailed(f"{secret_id} is filled already. See python3 -m infra put-secret --help")
    if rotate and not is_filled:
        raise DeployFailed(f"{secret_id} is empty: there is no account to replace.")
    account = ask_for_paynoi(paynoi)
    if not is_filled:
        client.put_secret_value(SecretId=secret_id, SecretString=_checked(fresh(account)))
        print(f"{secret_id}: filled.")
        return
    vault = Vault(client, secret_id)
    held, version = vault.read()
    value = with_account(held, account)
    _checked(value)
    try:
        vault.write(value, over=version)
    except ChangedMeanwhile as refusal:
        raise DeployFailed(str(refusal)) from refusal
    print(f"{secret_id}: another account at PayNoi. The functions see it within five minutes.")


def _checked(value: dict[str, Any]) -> str:
    """The value as it is stored. Raises DeployFailed, which names the field at fault and hides its value."""
    text = json.dumps(value)
    try:
        Secrets.model_validate_json(text)
    except ValidationError as refusal:
        raise DeployFailed(str(refusal)) from None
    return text


def stored_secret(place: Place, secret_id: str) -> str:
    """The text of the secret, empty as long as nobody has filled it."""
    client = place.client("secretsmanager")
    try:
        return str(client.get_secret_value(SecretId=secret_id)["SecretString"])
    except client.exceptions.ResourceNotFoundException:  # made without a value, it has no version
        return ""


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra put-secret", description=__doc__.partition("\n\n")[2])
    add_options(command)
    command.add_argument("--rotate", action="store_true", help="replace the account at PayNoi in a filled secret")
    command.add_argument("--paynoi", type=Path, metavar="FILE", help="the account at PayNoi, instead of questions")
    return command


def main(arguments: list[str]) -> int:
    wanted = parser().parse_args(arguments)
    return told(put, place_of(wanted), wanted.rotate, wanted.paynoi)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
