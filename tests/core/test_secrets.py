import json
import secrets as random_secrets
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.core import aws as clients
from chalicelib.core import clock, secrets
from chalicelib.core.settings import settings
from tests import stack

pytestmark = pytest.mark.usefixtures("aws", "forgetful")

parts = st.lists(st.text(max_size=20), max_size=3)


@pytest.fixture
def forgetful(aws):
    secrets.forget()
    yield
    secrets.forget()


def store(value: dict[str, Any]) -> None:
    clients.client("secretsmanager").put_secret_value(SecretId=settings().secret_id, SecretString=json.dumps(value))


def changed(**parts: Any) -> dict[str, Any]:
    return stack.fresh_secrets() | parts


def with_gateway(**parts: Any) -> dict[str, Any]:
    fresh = stack.fresh_secrets()
    return fresh | {"paynoi": fresh["paynoi"] | parts}


def test_the_stored_value_is_read(secret):
    stored = json.loads(secret)

    assert secrets.secrets().jwt_private_key.get_secret_value() == stored["jwt_private_key"]
    assert secrets.secrets().paynoi.api_key.get_secret_value() == stored["paynoi"]["api_key"]
    assert secrets.secrets().paynoi.previous_api_key is None


def test_a_rotation_is_not_seen_within_five_minutes():
    held = secrets.secrets()
    store(stack.fresh_secrets())

    with clock.travel(timedelta(minutes=4, seconds=50)):
        assert secrets.secrets() == held


def test_a_rotation_is_seen_after_five_minutes():
    rotated = stack.fresh_secrets()
    secrets.secrets()
    store(rotated)

    with clock.travel(timedelta(minutes=5)):
        assert secrets.secrets().token_key.get_secret_value() == rotated["token_key"]


def test_a_value_read_on_a_journey_is_read_again_at_home():
    with clock.travel(timedelta(days=1)):
        secrets.secrets()
    rotated = stack.fresh_secrets()
    store(rotated)

    assert secrets.secrets().token_key.get_secret_value() == rotated["token_key"]


@pytest.mark.parametrize(
    "value",
    [
        changed(token_key="changeme" * 8),
        changed(token_key="0" * 64),
        changed(token_key="ab" * 31),
        changed(token_key="no hex at all, but long enough and with letters of many a kind.."),
        changed(jwt_private_key="placeholder for the private key"),
        changed(jwt_private_key=""),
        changed(previews_private_keys={"K1": ""}),
        changed(previews_private_keys={"K1": "placeholder for the private key"}),
        with_gateway(api_key="secret-of-the-gateway"),
        with_gateway(api_key="xxxx-xxxx-xxxx-xxxx-xxxx"),
        with_gateway(api_key="short-1"),
        with_gateway(account=None),
        {key: value for key, value in stack.fresh_secrets().items() if key != "paynoi"},
        {},
        [],
    ],
)
def test_what_is_no_secret_is_refused(value):
    store(value)

    with pytest.raises(ValidationError):
        secrets.secrets()


def test_a_refusal_does_not_tell_the_secret():
    value = with_gateway(account=None)
    store(value)

    with pytest.raises(ValidationError) as refusal:
        secrets.secrets()

    said = str(refusal.value)
    assert value["paynoi"]["api_key"] not in said
    assert "input_value" not in said


def test_a_refused_value_is_not_held():
    store(changed(token_key="0" * 64))
    with pytest.raises(ValidationError):
        secrets.secrets()
    good = stack.fresh_secrets()
    store(good)

    assert secrets.secrets().token_key.get_secret_value() == good["token_key"]


def test_secrets_do_not_print():
    shown = f"{secrets.secrets()!r} {secrets.secrets()}"

    assert secrets.secrets().token_key.get_secret_value() not in shown
    assert secrets.secrets().paynoi.api_key.get_secret_value() not in shown
    assert "PRIVATE KEY" not in shown


def test_a_signature_is_stable_256_bits_and_needs_no_escaping():
    token = secrets.sign("order", "org_1", "ord_1")

    assert secrets.sign("order", "org_1", "ord_1") == token
    assert len(token) == 43
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_signature_outlives_the_hold():
    token = secrets.sign("order", "org_1")

    with clock.travel(timedelta(minutes=6)):
        assert secrets.sign("order", "org_1") == token


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts, parts)
def test_other_parts_give_another_signature(one, other):
    assume(one != other)

    assert secrets.sign("order", *one) != secrets.sign("order", *other)


@pytest.mark.parametrize(
    ("one", "other"), [(("order", "a"), ("code", "a")), (("a", "bc"), ("ab", "c")), (("a\x1fb",), ("a", "b"))]
)
def test_purposes_and_parts_do_not_run_together(one, other):
    assert secrets.sign(*one) != secrets.sign(*other)


def test_another_key_gives_another_signature():
    before = secrets.sign("order", "org_1")
    store(changed(token_key=random_secrets.token_hex(32)))
    secrets.forget()

    assert secrets.sign("order", "org_1") != before
