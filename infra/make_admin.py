"""`python3 -m infra make-admin EMAIL`: lets a registered person administer a stage, with the operator's rights in AWS.

The roles are admin and platform_admin. The first ones can not be given through the API, where only an admin may.
"""

import argparse
import os
import sys

from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError
from infra.aws import Place, add_options, place_of, told
from infra.stacks import DeployFailed


def make_admin(place: Place, email: str) -> None:
    """Raises DeployFailed for somebody who is not registered or has not proven the address."""
    use_settings_of(place)
    from chalicelib.accounts import service as accounts
    from chalicelib.organizations.service import DEFAULT

    try:
        user = accounts.find_by_email(DEFAULT, email)
        if user is None or not user.verified:
            raise DeployFailed(f"{email} is not registered, or the address is not proven. Register through the API.")
        operator = Principal(DEFAULT, roles=frozenset({"owner", "platform_admin"}))  # owns the account in AWS
        accounts.set_roles(operator, user.id, user.roles | {"admin", "platform_admin"})
    except AppError as refusal:
        raise DeployFailed(refusal.message) from refusal
    print(f"{email} is an admin now. Log in again: tokens from before do not know it.")


def use_settings_of(place: Place) -> None:
    """Let this process work as the deployed API does, but with the operator's credentials."""
    function = f"{place.app}-{place.stage}-api"
    client = place.client("lambda")
    try:
        found = client.get_function_configuration(FunctionName=function)
    except client.exceptions.ResourceNotFoundException as refusal:
        raise DeployFailed(f"No function {function}. First: python3 -m infra deploy {place.words()}") from refusal
    os.environ.update(found["Environment"]["Variables"])
    os.environ["AWS_DEFAULT_REGION"] = str(place.session.region_name)
    # The keys themselves: a profile that is merely named yields to keys that the environment may hold.
    credentials = place.session.get_credentials()
    assert credentials is not None  # they have just been used
    keys = credentials.get_frozen_credentials()
    os.environ.update(AWS_ACCESS_KEY_ID=str(keys.access_key), AWS_SECRET_ACCESS_KEY=str(keys.secret_key))
    if keys.token:
        os.environ["AWS_SESSION_TOKEN"] = keys.token
    if place.endpoint:
        os.environ["AWS_ENDPOINT_URL"] = place.endpoint


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(prog="python3 -m infra make-admin", description=__doc__.partition("\n\n")[2])
    command.add_argument("email", help="of the account, which is registered and verified")
    add_options(command)
    return command


def main(arguments: list[str]) -> int:
    wanted = parser().parse_args(arguments)
    return told(make_admin, place_of(wanted), wanted.email)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
