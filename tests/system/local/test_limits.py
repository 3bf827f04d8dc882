"""Rate limits, pressed from several processes at once."""

import secrets
from collections import Counter
from datetime import timedelta

import pytest

from chalicelib.organizations.service import DEFAULT
from tests.system.local import contenders
from tests.system.local.clients import at_once, statuses
from tests.system.local.race import race

pytestmark = pytest.mark.system


def test_a_limit_lets_through_exactly_as_many(running, figure):
    calls = [(DEFAULT, secrets.token_hex(8), 100)] * 300
    other = (DEFAULT, "rehearsal", 100)

    answers = Counter(race(contenders.take, calls, running.environment, processes=3, rehearsal=other))

    assert answers == {"passed": 100, "too_many_requests": 200}
    figure("rate limits", "exactly the limit passes", f"300 at once at a limit of 100: {answers['passed']} passed")


def test_a_limit_over_http_counts_the_address_a_request_comes_from(running, figure):
    """/payments/create lets 60 requests a minute through. The addresses a client invents do not count."""
    people = [running.stranger(**{"X-Forwarded-For": f"10.0.0.{number}"}) for number in range(90)]
    calls = [("POST", "/payments/create", {"orderId": "ord_none"}, person) for person in people]

    unused = running.until_a_fresh(timedelta(minutes=1)) + timedelta(hours=1)

    with running.later(unused):
        answers = statuses(at_once(running, calls, processes=3))

    assert answers == {404: 60, 429: 30}
    text = f"90 at once with forged X-Forwarded-For at a limit of 60: {answers[404]} passed"
    figure("rate limits", "a limit counts the address that a request comes from, not one it claims", text)


def test_registering_at_once_makes_one_user_and_mails_codes_that_work(running, figure):
    email = f"eager-{secrets.token_hex(4)}@example.com"
    body = {"email": email, "password": secrets.token_urlsafe(12), "name": "Eager", "language": "en"}

    with running.later(running.until_a_fresh(timedelta(hours=1))):
        answers = at_once(running, [("POST", "/auth/register", body, running.stranger())] * 8)
        running.quiet()

    assert statuses(answers) == {202: 5, 429: 3}, "five codes an hour"
    assert len(running.items("accounts", email=email)) == 1
    assert 1 <= len(running.mails_to(email)) <= 5
    text = f"8 at once: 5 let through, 1 user, {len(running.mails_to(email))} mails"
    figure("rate limits", "an address is written to five times an hour", text)
