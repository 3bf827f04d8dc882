from datetime import timedelta

import pytest

from chalicelib.core import clock, once
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.core.once import Taken, claim, fingerprint, recall
from chalicelib.core.table import create, transact
from tests.core.parcels import record, stored

pytestmark = pytest.mark.usefixtures("aws")

DAY = timedelta(days=1)


def take(key: str = "key-1", *, organization: str = "org_1", scope: str = "checkout", result: str = "ord_1") -> None:
    transact(claim(organization, scope, key, result=result, body="digest", keep=DAY))


def test_the_first_comer_holds_the_claim():
    take(result="ord_1")

    with pytest.raises(Taken):
        take(result="ord_2")
    assert recall("org_1", "checkout", "key-1") == "ord_1"


def test_a_claim_taken_is_a_conflict():
    take()

    with pytest.raises(Conflict, match="claimed_already"):
        take()


def test_a_refused_claim_refuses_its_transaction():
    take()

    with pytest.raises(Taken):
        transact(create(record()), claim("org_1", "checkout", "key-1", result="ord_2", keep=DAY))
    assert stored() is None


def test_a_claim_of_a_refused_transaction_is_free():
    transact(create(record()))

    with pytest.raises(Conflict, match="already_exists"):
        transact(create(record()), claim("org_1", "checkout", "key-1", result="ord_2", keep=DAY))
    assert recall("org_1", "checkout", "key-1") is None


@pytest.mark.parametrize(
    ("organization", "scope", "key"),
    [("org_2", "checkout", "key-1"), ("org_1", "refund", "key-1"), ("org_1", "checkout", "key-2")],
)
def test_tenants_scopes_and_keys_are_apart(organization, scope, key):
    take()

    assert recall(organization, scope, key) is None
    take(key, organization=organization, scope=scope, result="other")
    assert recall(organization, scope, key) == "other"
    assert recall("org_1", "checkout", "key-1") == "ord_1"


def test_a_replay_with_the_same_body_is_told_the_result():
    take()

    assert recall("org_1", "checkout", "key-1", "digest") == "ord_1"


def test_a_replay_with_another_body_is_refused():
    take()

    with pytest.raises(Unprocessable, match="idempotency_key_reused") as refusal:
        recall("org_1", "checkout", "key-1", "another digest")
    assert (refusal.value.status, refusal.value.field) == (422, "Idempotency-Key")


def test_a_claim_without_body_and_result_is_a_claim():
    transact(claim("org_1", "mail", "key-1", result="", keep=DAY))

    assert recall("org_1", "mail", "key-1", "") == ""


def test_a_claim_lasts_as_long_as_it_says():
    take()

    with clock.travel(DAY - timedelta(seconds=10)):
        assert recall("org_1", "checkout", "key-1") == "ord_1"
        with pytest.raises(Taken):
            take()


def test_an_expired_claim_is_free_before_dynamodb_removes_it():
    take(result="ord_1")

    with clock.travel(DAY + timedelta(seconds=2)):
        assert recall("org_1", "checkout", "key-1") is None
        take(result="ord_2")
        assert recall("org_1", "checkout", "key-1") == "ord_2"


def test_an_expired_claim_remembers_no_body():
    take()

    with clock.travel(DAY + timedelta(seconds=2)):
        assert recall("org_1", "checkout", "key-1", "another digest") is None


@pytest.mark.parametrize("key", ["k" * 5000, "a#b", "ก", "\n"])
def test_any_text_can_be_a_key(key):
    take(key)

    assert recall("org_1", "checkout", key) == "ord_1"


def test_a_key_is_stored_hashed_under_its_tenant():
    take("somebody@example.com")

    [held] = once.ClaimRecord.scan()
    assert held.pk.startswith("T#org_1#CLM#checkout#")
    assert "somebody" not in str(held.serialize())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, True),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": None}, {}, False),
        ({}, [], False),
    ],
)
def test_fingerprints(one, other, same):
    assert (fingerprint(one) == fingerprint(other)) is same
