from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from pyotp import TOTP

from chalicelib.accounts import service as accounts
from chalicelib.accounts import store
from chalicelib.accounts.federation import service
from chalicelib.accounts.federation.model import TICKET_LASTS
from chalicelib.accounts.model import Tokens
from chalicelib.accounts.second_factor import service as second_factor
from chalicelib.accounts.second_factor.model import FRESH, Asked
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unauthorized
from infra.local.identity import IdentitySandbox, Someone
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, log_in, principal_of, stored
from tests.accounts.federation.conftest import PAGE

pytestmark = pytest.mark.usefixtures("aws", "in_use")

GMAIL = Someone("g-1", "anna@gmail.com", "Anna G.")
SHOP = Someone("g-2", EMAIL, "Anna S.")
OWNED = Someone("g-3", EMAIL, "Anna W.", domain="shop.example")
VISITOR = Principal(ORG)


def sign_in(sandbox: IdentitySandbox, someone: Someone, who: Principal = VISITOR, provider: str = "google") -> Tokens:
    outcome = brought(sandbox, someone, who, provider)
    assert isinstance(outcome, Tokens)
    return outcome


def brought(sandbox, someone, who=VISITOR, provider="google", **changes):
    attempt = service.begin(ORG, provider=provider, redirect_uri=PAGE)
    back = sandbox.consent(provider, attempt.url, someone) | {"redirect_uri": PAGE}
    return service.sign_in(who, provider=provider, ticket=attempt.ticket, **(back | changes))


# --- registering and logging in -----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["google", "apple"])
def test_who_is_new_gets_an_account_that_is_proven(sandbox, provider):
    found = sign_in(sandbox, GMAIL, provider=provider).user

    assert (found.email, found.name, found.verified) == ("anna@gmail.com", "Anna G.", True)
    assert found.roles == {"customer"}


def test_the_same_account_elsewhere_opens_the_same_one_here(sandbox):
    first = sign_in(sandbox, GMAIL).user

    again = sign_in(sandbox, Someone("g-1", "renamed@gmail.com", "Other")).user

    assert (again.id, again.email) == (first.id, "anna@gmail.com")


def test_a_session_of_it_is_like_any_other(sandbox):
    tokens = sign_in(sandbox, GMAIL)

    assert accounts.refresh(ORG, tokens.refresh_token).user.id == tokens.user.id
    assert accounts.me(principal_of(tokens)).id == tokens.user.id


def test_no_password_opens_an_account_without_one(sandbox):
    sign_in(sandbox, GMAIL)

    for password in ("", " ", PASSWORD):
        with pytest.raises((Unauthorized, Limited)):
            log_in("anna@gmail.com", password)


def test_the_subject_is_kept_as_a_digest(sandbox):
    sign_in(sandbox, Someone("a-subject-to-find", "anna@gmail.com"))

    assert "a-subject-to-find" not in str(stored())


def test_a_name_that_is_none_becomes_that_of_the_mailbox(sandbox):
    assert sign_in(sandbox, Someone("g-9", "lee@gmail.com", "\u2028")).user.name == "lee"


# --- addresses that are known -------------------------------------------------------------------------------


def test_a_mailbox_of_the_provider_opens_the_account_of_its_address(sandbox, anna):
    assert sign_in(sandbox, OWNED).user.id == anna.id
    assert log_in().user.id == anna.id


def test_an_address_proven_at_some_time_does_not(sandbox, anna):
    before = stored()

    with pytest.raises(Conflict, match="log_in_to_connect"):
        brought(sandbox, SHOP)

    assert stored() == before


@pytest.mark.parametrize(
    ("provider", "someone"),
    [
        ("google", Someone("g-4", EMAIL, verified=False)),
        ("google", Someone("g-4", None)),
        ("facebook", Someone("f-1", "anna@gmail.com")),
    ],
)
def test_an_address_that_was_never_proven_opens_and_makes_nothing(sandbox, anna, provider, someone):
    before = stored()

    with pytest.raises(Forbidden, match="email_not_proven"):
        brought(sandbox, someone, provider=provider)

    assert stored() == before


def test_who_registered_somebody_elses_address_loses_it(sandbox, register, mailbox):
    register(EMAIL, "the password of a thief")
    thief = store.find_by_address(ORG, EMAIL)

    owner = sign_in(sandbox, SHOP).user

    assert (owner.id, owner.verified, owner.password) == (thief.id, True, "")
    with pytest.raises(Unauthorized):
        log_in(EMAIL, "the password of a thief")
    with pytest.raises(Invalid):
        accounts.verify(ORG, email=EMAIL, code=mailbox.code(), password="the password of a thief")


# --- connecting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
def test_who_is_logged_in_connects_any_address(sandbox, anna, provider):
    other = Someone("x-1", "anna@elsewhere.example", verified=False)

    sign_in(sandbox, other, principal_of(log_in()), provider)

    assert sign_in(sandbox, other, provider=provider).user.id == anna.id
    entries = boto3.client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]
    assert [entry["action"]["S"] for entry in entries] == ["user.provider_connected"]


def test_connecting_again_changes_nothing(sandbox, anna):
    sign_in(sandbox, GMAIL, principal_of(log_in()))

    assert sign_in(sandbox, GMAIL, principal_of(log_in())).user.id == anna.id


def test_an_account_elsewhere_opens_one_here(sandbox, anna):
    sign_in(sandbox, GMAIL)

    with pytest.raises(Conflict, match="identity_linked"):
        brought(sandbox, GMAIL, principal_of(log_in()))


def test_a_user_has_one_account_at_each_provider(sandbox, anna):
    sign_in(sandbox, GMAIL, principal_of(log_in()))

    with pytest.raises(Conflict, match="provider_linked"):
        brought(sandbox, SHOP, principal_of(log_in()))


def test_an_old_session_connects_nothing(sandbox, anna):
    who = principal_of(log_in())

    with clock.travel(FRESH + timedelta(seconds=1)), pytest.raises(Forbidden, match="log_in_again"):
        brought(sandbox, GMAIL, who)


def test_a_second_factor_is_asked_for_here_too(sandbox, anna):
    who = principal_of(log_in())
    sign_in(sandbox, GMAIL, who)
    setup = second_factor.set_up(who)
    second_factor.enable(who, TOTP(setup.secret).at(clock.now()))

    asked = brought(sandbox, GMAIL)

    assert isinstance(asked, Asked)
    code = TOTP(setup.secret).at(clock.now() + timedelta(seconds=30))
    assert accounts.log_in_with_second_factor(ORG, challenge=asked.challenge, code=code).user.id == anna.id


# --- attempts -----------------------------------------------------------------------------------------------


def test_a_ticket_signs_in_once(sandbox):
    attempt = service.begin(ORG, provider="google", redirect_uri=PAGE)
    token = sandbox.id_token("google", GMAIL, attempt.nonce)
    service.sign_in(VISITOR, provider="google", ticket=attempt.ticket, id_token=token)

    with pytest.raises(Unauthorized, match="attempt_over"):
        service.sign_in(VISITOR, provider="google", ticket=attempt.ticket, id_token=token)


def test_a_token_for_another_attempt_is_refused(sandbox):
    one, other = (service.begin(ORG, provider="google", redirect_uri=PAGE) for _ in range(2))
    token = sandbox.id_token("google", GMAIL, one.nonce)

    with pytest.raises(Unauthorized, match="identity_refused"):
        service.sign_in(VISITOR, provider="google", ticket=other.ticket, id_token=token)


def test_an_attempt_is_for_one_provider_and_organization_and_runs_out(sandbox):
    attempt = service.begin(ORG, provider="google", redirect_uri=PAGE)
    token = sandbox.id_token("google", GMAIL, attempt.nonce)
    asked = {"ticket": attempt.ticket, "id_token": token}

    for who, provider in ((VISITOR, "apple"), (Principal("org_other"), "google")):
        with pytest.raises(Unauthorized, match="attempt_over"):
            service.sign_in(who, provider=provider, **asked)
    with clock.travel(TICKET_LASTS), pytest.raises(Unauthorized, match="attempt_over"):
        service.sign_in(VISITOR, provider="google", **asked)


@pytest.mark.parametrize("ticket", ["", "x", "1.2.3", "99999999999.x.y", "².x.y"])
def test_a_made_up_ticket_is_refused(ticket):
    with pytest.raises(Unauthorized, match="attempt_over"):
        service.sign_in(VISITOR, provider="google", ticket=ticket, id_token="x")


@pytest.mark.parametrize("state", [None, "", "s" * 43, "é"])
def test_a_code_comes_with_the_state_of_its_attempt(sandbox, state):
    with pytest.raises(Unauthorized, match="attempt_over"):
        brought(sandbox, GMAIL, state=state)


@pytest.mark.parametrize("changes", [{"code": None}, {"id_token": "x"}])
def test_a_code_or_a_token_is_brought(sandbox, changes):
    with pytest.raises(Invalid, match="code_or_token"):
        brought(sandbox, GMAIL, **changes)


@pytest.mark.parametrize(
    "page",
    ["https://evil.example/back", "javascript:alert(1)", "//localhost:3000", f"{PAGE}#x", "http://localhost:30000"],
)
def test_codes_go_to_our_pages_only(page):
    with pytest.raises(Invalid, match="foreign_page"):
        service.begin(ORG, provider="google", redirect_uri=page)


def test_an_address_of_the_provider_tells_nothing_secret(sandbox):
    attempt = service.begin(ORG, provider="google", redirect_uri=PAGE)

    told = parse_qs(urlsplit(attempt.url).query)
    assert attempt.ticket not in attempt.url
    assert told["state"] == [attempt.state]
    assert told["nonce"] == [attempt.nonce]
    assert told["code_challenge_method"] == ["S256"]
    assert len({attempt.state, attempt.nonce, *told["code_challenge"]}) == 3


# --- disconnecting ------------------------------------------------------------------------------------------


def audited(what: str) -> list[dict]:
    found = boto3.client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]
    return [item for item in found if item["action"]["S"] == f"user.provider_{what}"]


def test_a_provider_is_disconnected_and_signs_nobody_in_here(sandbox, anna):
    who = principal_of(log_in())
    sign_in(sandbox, GMAIL, who)
    assert service.connections(who) == ["google"]

    service.disconnect(who, "google")

    assert service.connections(who) == []
    assert sign_in(sandbox, GMAIL).user.id != anna.id
    assert (len(audited("connected")), len(audited("disconnected"))) == (1, 1)
    with pytest.raises(NotFound):
        service.disconnect(who, "google")


def test_the_last_way_in_stays(sandbox):
    who = principal_of(sign_in(sandbox, GMAIL))
    before = stored()

    with pytest.raises(Conflict, match="last_way_in"):
        service.disconnect(who, "google")

    assert stored() == before


def test_of_two_ways_in_one_goes_however_they_are_asked_for_at_once(sandbox, monkeypatch):
    """Both decide while both are connected; the other commits first."""
    who = principal_of(sign_in(sandbox, GMAIL))
    sign_in(sandbox, GMAIL, who, "apple")
    transact, meanwhile = service.transact, ["apple"]

    def late(*writes):
        if meanwhile:
            service.disconnect(who, meanwhile.pop())
        transact(*writes)

    monkeypatch.setattr(service, "transact", late)

    with pytest.raises(Conflict, match="last_way_in"):
        service.disconnect(who, "google")
    assert service.connections(who) == ["google"]


def test_an_old_session_disconnects_nothing(sandbox, anna):
    who = principal_of(log_in())
    sign_in(sandbox, GMAIL, who)

    with clock.travel(FRESH + timedelta(seconds=1)), pytest.raises(Forbidden, match="log_in_again"):
        service.disconnect(who, "google")
