import base64
import json
import secrets as random_secrets

import pytest

from chalicelib.core import aws, sealing, secrets
from chalicelib.core.settings import settings
from tests import stack

pytestmark = pytest.mark.usefixtures("aws", "forgetful")


@pytest.fixture
def forgetful(aws):
    secrets.forget()
    yield
    secrets.forget()


def store(**parts: object) -> None:
    value = json.dumps(stack.fresh_secrets() | parts)
    aws.client("secretsmanager").put_secret_value(SecretId=settings().secret_id, SecretString=value)
    secrets.forget()


@pytest.mark.parametrize("text", ["", "880101300123", "ศุภชัย 🔑", "x" * 5000])
def test_what_is_sealed_opens_where_it_was_sealed(text):
    assert sealing.unseal("org_1", "totp", sealing.seal("org_1", "totp", text)) == text


def test_equal_texts_are_sealed_differently_and_show_nothing():
    one, other = (sealing.seal("org_1", "national_id", "880101300123") for _ in range(2))

    assert one != other
    assert "880101300123" not in one
    assert b"880101300123" not in base64.urlsafe_b64decode(one.partition(".")[2] + "==")


@pytest.mark.parametrize(("organization", "purpose"), [("org_2", "totp"), ("org_1", "totp#usr_2"), ("org_1t", "otp")])
def test_it_opens_in_no_other_place(organization, purpose):
    sealed = sealing.seal("org_1", "totp", "text")

    with pytest.raises(sealing.NotSealed):
        sealing.unseal(organization, purpose, sealed)


def test_whoever_changes_a_sign_breaks_the_seal():
    sealed = sealing.seal("org_1", "totp", "text")

    for at in range(len(sealed) - 1):  # the last sign has bits that mean nothing
        other = "A" if sealed[at] != "A" else "B"
        with pytest.raises(sealing.NotSealed):
            sealing.unseal("org_1", "totp", sealed[:at] + other + sealed[at + 1 :])


@pytest.mark.parametrize("text", ["", ".", "plain text", "{name}.", "{name}.AAAA", "{name}.no base64!", "{name}.é"])
def test_what_was_never_sealed_is_refused(text):
    name = sealing.seal("org_1", "totp", "text").partition(".")[0]

    with pytest.raises(sealing.NotSealed):
        sealing.unseal("org_1", "totp", text.format(name=name))


def test_after_a_rotation_the_old_opens_and_counts_as_outdated():
    first, second = random_secrets.token_hex(32), random_secrets.token_hex(32)
    store(sealing_key=first)
    sealed = sealing.seal("org_1", "totp", "text")
    assert not sealing.is_outdated(sealed)

    store(sealing_key=second, accepted_sealing_keys=[first])

    assert sealing.unseal("org_1", "totp", sealed) == "text"
    assert sealing.is_outdated(sealed)
    assert not sealing.is_outdated(sealing.seal("org_1", "totp", "text"))
