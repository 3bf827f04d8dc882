"""Tokens of an honest life: issued, verified, outlived by a rotation. The attacks stand in tests/accounts."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from chalicelib.core import auth, clock, secrets
from chalicelib.core.aws import client
from chalicelib.core.errors import Unauthorized
from chalicelib.core.settings import settings
from tests import stack

pytestmark = pytest.mark.usefixtures("forgetful")


@pytest.fixture
def forgetful(aws):
    secrets.forget()
    yield
    secrets.forget()


def issue(**changes: Any) -> str:
    claims: dict[str, Any] = {
        "organization": "org_1",
        "user": "usr_1",
        "roles": frozenset({"admin", "photographer"}),
        "session": "ses_1",
        "version": 3,
    }
    return auth.issue(**(claims | changes))


def store(value: dict[str, Any]) -> None:
    client("secretsmanager").put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(value))
    secrets.forget()


def public_pem(private_pem: str) -> str:
    key = load_pem_private_key(private_pem.encode(), password=None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_token_speaks_for_whom_it_was_made():
    assert auth.verify(issue(), "org_1") == auth.Principal(
        organization="org_1",
        user="usr_1",
        roles=frozenset({"admin", "photographer"}),
        session="ses_1",
        version=3,
    )


def test_a_token_holds_ids_and_roles_only():
    claims = jwt.decode(issue(), options={"verify_signature": False})

    assert set(claims) == {"iss", "aud", "sub", "org", "roles", "sid", "ver", "iat", "exp", "jti"}
    assert (claims["iss"], claims["exp"] - claims["iat"]) == ("thepixstock-test", 600)
    assert jwt.get_unverified_header(issue())["alg"] == "ES256"


def test_two_tokens_of_a_moment_differ():
    assert issue() != issue()


def test_a_token_lasts_ten_minutes():
    token = issue()

    with clock.travel(timedelta(minutes=9, seconds=58)):
        assert auth.verify(token, "org_1").user == "usr_1"
    with clock.travel(timedelta(minutes=10)), pytest.raises(Unauthorized, match="token_expired"):
        auth.verify(token, "org_1")


def test_a_token_of_another_tenant_is_refused():
    with pytest.raises(Unauthorized, match="invalid_token"):
        auth.verify(issue(organization="org_2"), "org_1")


def test_a_key_is_accepted_while_it_is_listed(secret):
    before = json.loads(secret)
    token = issue()

    store(stack.fresh_secrets() | {"accepted_jwt_public_keys": [public_pem(before["jwt_private_key"])]})

    assert auth.verify(token, "org_1").user == "usr_1"
    assert jwt.get_unverified_header(issue())["kid"] != jwt.get_unverified_header(token)["kid"]
    assert auth.verify(issue(), "org_1").user == "usr_1"


def test_a_rotated_key_that_is_not_listed_is_refused():
    token = issue()

    store(stack.fresh_secrets())

    with pytest.raises(Unauthorized, match="invalid_token"):
        auth.verify(token, "org_1")


def test_a_visitor_is_no_known_user():
    with pytest.raises(Unauthorized, match="sign_in_required"):
        _ = auth.Principal("org_1").known_user
    assert auth.Principal("org_1", user="usr_1").known_user == "usr_1"


def test_a_principal_may_what_it_was_given():
    principal = auth.Principal("org_1", permissions=frozenset({"photo.review"}))

    assert (principal.may("photo.review"), principal.may("event.manage")) == (True, False)
