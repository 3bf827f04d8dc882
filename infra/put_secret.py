"""`python3 -m infra put-secret`: fills the secret of a stage, once.

Keys are made on this machine and go straight to Secrets Manager; nothing is shown or written to a file. The account at
PayNoi is asked for, or read from a JSON file with `api_key`, `key_id`, `account` and `type`. Those at Stripe, at
PayPal and for cryptocurrencies are added with `python3 -m infra rotate`.
"""

import argparse
import json
import sys
from pathlib import Path

from pydantic import ValidationError

from chalicelib.core.secrets import Secrets
from infra.aws import Place, add_options, place_of, told
from infra.rotate import ACCOUNTS, KEYS
from infra.stacks import DeployFailed


def new_keys() -> dict[str, str]:
    """A fresh key of each kind."""
    return {key.field: key.fresh() for key in KEYS.values()}


def put(place: Place, paynoi: Path | None) -> None:
    """Fill the empty secret of a stage. Raises DeployFailed, also rather than overwrite."""
    secret_id = place.outputs().get("SecretId")
    if secret_id is None:
        raise DeployFailed(f"There is no data stack. First: python3 -m infra deploy {place.words()} account data")
    if stored_secret(place, secret_id):
        raise DeployFailed(f"{secret_id} is filled already. A key is replaced with: python3 -m infra rotate")
    try:
        value = new_keys() | {"paynoi": ACCOUNTS["paynoi"].given(paynoi)}
        Secrets.model_validate(value)
    except ValidationError as refusal:
        raise DeployFailed(str(refusal)) from None  # pydantic names the field and hides its value
    place.client("secretsmanager").put_secret_value(SecretId=secret_id, SecretString=json.dumps(value))
    print(f"{secret_id}: filled. The functions see it within five minutes.")


def stored_secret(place: Place, secret_id: str) -> str:
    """The text of the secret, empty as long as nobody has filled it."""
    client = place.client("secretsmanager")
    try:
        return str(client.get_secret_value(SecretId=secret_id)["SecretString"])
    except client.exceptions.ResourceNotFoundException:  # made without a value, it has no version
        return ""


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="python3 -m infra put-secret",
        description=__doc__.partition("\n\n")[2],
    )
    add_options(command)
    command.add_argument("--paynoi", type=Path, metavar="FILE", help="the account at PayNoi, instead of questions")
    return command


def main(arguments: list[str]) -> int:
    wanted = parser().parse_args(arguments)
    return told(put, place_of(wanted), wanted.paynoi)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
