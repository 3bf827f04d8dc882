from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import UpdateError

from chalicelib.core import clock, limits, table
from chalicelib.core.errors import Limited
from chalicelib.core.limits import LimitRecord, take, used
from tests.core.scripts import Script, failure

pytestmark = pytest.mark.usefixtures("aws", "still")


@pytest.fixture
def whole_windows():
    """Here windows are looked at as they are."""


@pytest.fixture
def still(monkeypatch):
    """The time stands at 10 seconds into a minute."""
    at = datetime(2026, 11, 20, 8, 0, 10, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at + clock._offset)


def login(subject: str = "203.0.113.7", organization: str = "org_1", scope: str = "login", limit: int = 3) -> None:
    take(organization, scope, subject, limit=limit, seconds=60)


def tries(count: int, limit: int = 3) -> int:
    """How many of `count` uses were let through."""
    passed = 0
    for _ in range(count):
        try:
            login(limit=limit)
        except Limited:
            continue
        passed += 1
    return passed


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_exactly_the_limit_passes(limit):
    assert tries(limit + 5, limit=limit) == limit


def test_a_limit_of_nothing_refuses_the_second_use():
    """`n < limit` of a counter that does not exist yet can not be asked: the first use always passes."""
    assert tries(3, limit=0) == 1


def test_a_refusal_says_when_to_come_back():
    tries(3)

    with pytest.raises(Limited, match="too_many_requests") as refusal:
        login()
    assert (refusal.value.status, refusal.value.retry_after) == (429, 50)


def test_a_refused_use_does_not_count():
    tries(9)

    assert used("org_1", "login", "203.0.113.7", seconds=60) == 3


def test_the_window_rolls():
    tries(3)

    with clock.travel(timedelta(seconds=49)), pytest.raises(Limited):
        login()
    with clock.travel(timedelta(seconds=50)):
        assert tries(5) == 3


def test_a_window_starts_with_the_clock_not_with_the_first_use():
    with clock.travel(timedelta(seconds=45)):
        tries(3)

    with clock.travel(timedelta(seconds=51)):
        login()
        assert used("org_1", "login", "203.0.113.7", seconds=60) == 1


@pytest.mark.parametrize("other", [{"organization": "org_2"}, {"scope": "register"}, {"subject": "203.0.113.8"}])
def test_tenants_scopes_and_subjects_are_apart(other):
    tries(3)

    login(**other)

    with pytest.raises(Limited):
        login()


def test_a_counter_expires_after_its_window():
    login()

    [counter] = LimitRecord.scan()
    window_ends = clock.epoch(clock.now()) + 50
    assert counter.ttl == window_ends + 60


def test_a_subject_is_stored_hashed_under_its_tenant():
    login("somebody@example.com")

    [counter] = LimitRecord.scan()
    assert counter.pk.startswith("T#org_1#LIM#login#")
    assert "somebody" not in str(counter.serialize())


def test_nothing_used_is_zero():
    assert used("org_1", "login", "203.0.113.7", seconds=60) == 0


@pytest.mark.parametrize(
    "answer",
    [failure("ThrottlingException"), ReadTimeoutError(endpoint_url="https://aws.test")],
    ids=["busy", "silent"],
)
def test_a_failure_of_dynamodb_is_no_refusal(answer):
    client: Any = LimitRecord._get_connection().connection.client
    script = Script()
    script.answers = [answer] * 9
    client.meta.events.register("before-call.dynamodb.UpdateItem", script)

    with pytest.raises(UpdateError) as failed:
        login()
    client.meta.events.unregister("before-call.dynamodb.UpdateItem", script)

    assert table.is_busy(failed.value)
    assert limits.used("org_1", "login", "203.0.113.7", seconds=60) == 0
