"""A key is replaced while some processes still hold the secret of the step before.

What a process at one step makes, a process at the next step accepts, and the other way round.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.messages import SignUpCodeIssued
from chalicelib.accounts.model import Tokens
from chalicelib.core import auth, aws, ids, sealing, secrets, table
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Unauthorized
from chalicelib.core.settings import settings
from chalicelib.core.table import lists
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements.service import File
from chalicelib.organizations.service import DEFAULT as ORG
from infra import rotate
from infra.stacks import DeployFailed
from tests import deliver, stack

PASSWORD = "correct horse battery"
STEPS = ("before", "announced", "switched", "retired")
NEIGHBOURS = [(one, other) for at, one in enumerate(STEPS) for other in STEPS[max(0, at - 1) : at + 2]]

pytestmark = pytest.mark.usefixtures("aws", "forgetful")


@pytest.fixture
def forgetful() -> Iterator[None]:
    secrets.forget()
    yield
    secrets.forget()


@pytest.fixture(scope="module")
def steps() -> dict[str, dict[str, Any]]:
    """The secret at each step of a rotation of both keys."""
    known = {"before": stack.fresh_secrets()}
    fresh = {name: key.fresh() for name, key in rotate.KEYS.items()}
    for step, change in (("announced", rotate.announced), ("switched", rotate.switched)):
        known[step] = dict(list(known.values())[-1])
        for name, key in rotate.KEYS.items():
            known[step] = change(known[step], key, fresh[name])
    known["retired"] = known["switched"]
    for key in rotate.KEYS.values():
        known["retired"] = rotate.retired(known["retired"], key)
    return known


@pytest.fixture
def process_at(steps) -> Callable[[str], None]:
    """Act as a process that has read the secret of a step."""

    def act(step: str) -> None:
        client = aws.client("secretsmanager")
        client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps[step]))
        secrets.forget()

    return act


def register() -> Tokens:
    accounts.create_user(ORG, email="anna@shop.example", password=PASSWORD, name="Anna", roles=("customer",))
    tokens = accounts.log_in(ORG, email="anna@shop.example", password=PASSWORD, device="")
    assert isinstance(tokens, Tokens)
    return tokens


def make_access_token() -> str:
    return register().access_token


def use_access_token(token: str) -> None:
    assert auth.verify(token, ORG).user


def make_download_link() -> str:
    file = File("pho_1", "Photo 1", "deliverables/1.jpg", "1.jpg", "image/jpeg", "0" * 64)
    entitlements.grant(ORG, order="ord_1", owner=None, files=(file,), limit=3, hours=72)
    return entitlements.link(ORG, "ord_1").rpartition("/")[2]


def use_download_link(token: str) -> None:
    assert entitlements.download(Principal(ORG, tokens={"order": token}), "ord_1", "pho_1").url


def make_cursor() -> str:
    return lists._seal_cursor(table.Record("T#org#LIST", "1"), table.Record, "T#org#LIST")


def use_cursor(cursor: str) -> None:
    assert lists._open_cursor(cursor, "T#org#LIST") == {"pk": {"S": "T#org#LIST"}, "sk": {"S": "1"}}


def make_code() -> str:
    accounts.register(ORG, email="new@shop.example", password=PASSWORD, name="New")
    (fact,) = (fact for fact in deliver.facts() if isinstance(fact, SignUpCodeIssued))
    mailed = accounts.code_to_send(ORG, fact.user, fact.nonce)
    assert mailed is not None
    return mailed[2]


def use_code(code: str) -> None:
    assert accounts.verify(ORG, email="new@shop.example", code=code, password=PASSWORD, device="").access_token


def make_refreshed() -> str:
    """The token whose answer was lost, so that it is presented again, and the successor it must get."""
    token = register().refresh_token
    return f"{token} {accounts.refresh(ORG, token).refresh_token}"


def use_refreshed(made: str) -> None:
    token, successor = made.split()
    assert accounts.refresh(ORG, token).refresh_token == successor


def make_sealed() -> str:
    return sealing.seal(ORG, "totp", "a secret of Anna's")


def use_sealed(sealed: str) -> None:
    assert sealing.unseal(ORG, "totp", sealed) == "a secret of Anna's"


KINDS = {
    "access token": (make_access_token, use_access_token),
    "download link": (make_download_link, use_download_link),
    "cursor": (make_cursor, use_cursor),
    "mailed code": (make_code, use_code),
    "refresh, answered twice": (make_refreshed, use_refreshed),
    "sealed field": (make_sealed, use_sealed),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("made_at", "used_at"), NEIGHBOURS)
def test_what_one_step_makes_its_neighbour_accepts(kind, made_at, used_at, process_at, figure):
    make, use = KINDS[kind]
    process_at(made_at)
    made = make()

    process_at(used_at)

    use(made)
    figure("key rotation", "what one step makes its neighbour accepts", "{made} things made, all accepted", made=1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_retired_key_made_is_refused(kind, process_at, figure):
    make, use = KINDS[kind]
    process_at("before")
    made = make()

    process_at("retired")

    with pytest.raises((AppError, sealing.NotSealed)):
        use(made)
    figure("key rotation", "what a retired key made is refused", "{made} things made, all refused", made=1)


def test_a_key_used_before_it_was_announced_is_refused_by_the_others(steps, process_at):
    """The control: without the first step a rotation is not seamless."""
    process_at("switched")
    made = make_access_token()

    process_at("before")

    with pytest.raises(Unauthorized):
        use_access_token(made)


def test_a_rotation_stores_what_the_steps_say(steps):
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps["before"]))
    vault = rotate.Vault(client, settings().secret_id)
    during = []

    rotate.rotate(vault, rotate.KEYS["token"], lambda: during.append(vault.read()[0]))

    after = vault.read()[0]
    assert during[0]["token_key"] == steps["before"]["token_key"]
    assert during[0]["accepted_token_keys"] == [after["token_key"]]
    assert after["accepted_token_keys"] == [steps["before"]["token_key"]]
    assert after["jwt_private_key"] == steps["before"]["jwt_private_key"]

    rotate.retire(vault, rotate.KEYS["token"])

    assert "accepted_token_keys" not in vault.read()[0]
    assert vault.read()[0]["token_key"] == after["token_key"]


def test_a_rotation_makes_the_first_key_of_a_kind_that_the_secret_lacks(steps):
    client = aws.client("secretsmanager")
    older = {name: value for name, value in steps["before"].items() if name != "sealing_key"}
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(older))
    vault = rotate.Vault(client, settings().secret_id)
    with pytest.raises(LookupError, match="rotate sealing"):
        make_sealed()

    rotate.rotate(vault, rotate.KEYS["sealing"], lambda: None)

    secrets.forget()
    use_sealed(make_sealed())
    assert vault.read()[0]["accepted_sealing_keys"] == []


def test_a_secret_that_changed_meanwhile_is_not_overwritten(steps):
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps["before"]))
    vault = rotate.Vault(client, settings().secret_id)
    other = stack.fresh_secrets()

    def somebody_else() -> None:
        client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(other))

    with pytest.raises(DeployFailed, match="meanwhile"):
        rotate.rotate(vault, rotate.KEYS["jwt"], somebody_else)

    assert vault.read()[0] == other


def test_another_account_leaves_the_key_before_for_webhooks(steps):
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps["before"]))
    vault = rotate.Vault(client, settings().secret_id)
    held = steps["before"]["paynoi"]

    rotate.replace_account(vault, "paynoi", held | {"api_key": ids.token()})

    now = secrets.Secrets.model_validate(vault.read()[0]).paynoi
    assert now.api_key.get_secret_value() != held["api_key"]
    assert now.previous_api_key is not None
    assert now.previous_api_key.get_secret_value() == held["api_key"]


def test_an_account_at_stripe_is_added_and_leaves_one_signing_secret_when_it_is_replaced(steps):
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps["before"]))
    vault = rotate.Vault(client, settings().secret_id)
    signing = [ids.token() for _ in range(3)]

    for secret in signing:
        account = {"secret_key": ids.token(), "publishable_key": "pk_1", "webhook_secrets": [secret]}
        rotate.replace_account(vault, "stripe", account)

    now = secrets.Secrets.model_validate(vault.read()[0]).stripe
    assert now is not None
    assert [each.get_secret_value() for each in now.webhook_secrets] == [signing[2], signing[1]]


def test_a_site_at_cloudpayments_leaves_its_secret_before_for_notices_and_a_desk_at_kaspi_nothing(steps):
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps["before"]))
    vault = rotate.Vault(client, settings().secret_id)
    site, desk = steps["before"]["cloudpayments"], steps["before"]["kaspi"] | {"api_key": ids.token()}

    rotate.replace_account(vault, "cloudpayments", site | {"api_secret": ids.token()})
    rotate.replace_account(vault, "kaspi", desk)

    now = secrets.Secrets.model_validate(vault.read()[0])
    assert now.cloudpayments is not None
    assert now.cloudpayments.previous_api_secret is not None
    assert now.cloudpayments.previous_api_secret.get_secret_value() == site["api_secret"]
    assert now.kaspi == secrets.KaspiSecret.model_validate(desk)


def test_an_app_at_paypal_leaves_the_id_of_its_webhook_before(steps):
    client = aws.client("secretsmanager")
    client.put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(steps["before"]))
    vault = rotate.Vault(client, settings().secret_id)
    before = steps["before"]["paypal"]["webhook_ids"]

    account = {
        "client_id": "app",
        "client_secret": ids.token(),
        "webhook_ids": ["WH2"],
        "return_url": "https://a.example",
    }
    rotate.replace_account(vault, "paypal", account)

    now = secrets.Secrets.model_validate(vault.read()[0]).paypal
    assert now is not None
    assert now.webhook_ids == ("WH2", *before)
