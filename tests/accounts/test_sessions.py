from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat
from unittest.mock import DEFAULT, Mock

import pytest
from argon2 import PasswordHasher

from chalicelib.accounts import passwords, service, store
from chalicelib.audit.store import AuditRecord
from chalicelib.core import auth, clock, ids, secrets, table
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, Limited, NotFound, Unauthorized
from chalicelib.organizations import service as organizations
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, log_in, principal_of, someone, stored

pytestmark = pytest.mark.usefixtures("aws")


def refresh(token: str, organization: str = ORG):
    return service.refresh(organization, token)


def dead(token: str) -> bool:
    """Whether a refresh token buys nothing."""
    with pytest.raises(Unauthorized, match="invalid_refresh_token"):
        refresh(token)
    return True


# --- logging in ---------------------------------------------------------------------------------------------


def test_a_log_in_starts_a_session(anna):
    tokens = log_in(device="Mozilla/5.0 (Macintosh; Intel Mac OS X) Firefox/131.0")

    principal = principal_of(tokens)
    session = store.find_session(ORG, principal.session)
    assert (principal.user, principal.version) == (anna.id, 1)
    assert principal.roles == {"customer"}
    assert (tokens.user, tokens.token_type, tokens.expires_in) == (anna, "Bearer", 600)
    assert (session.user, session.device, session.ended_at) == (anna.id, "Firefox on Mac", None)
    assert session.expires_at - session.created_at == timedelta(days=30)
    assert service.session_lives(principal)
    assert service.me(principal) == anna


@pytest.mark.parametrize("email", ["ANNA@shop.example", "anna@SHOP.EXAMPLE"])
def test_case_makes_no_difference_to_an_address(anna, email):
    assert log_in(email).user == anna


@pytest.mark.parametrize("password", ["wrong password", PASSWORD.upper(), PASSWORD + " ", ""])
def test_a_wrong_password_starts_nothing(anna, password):
    before = stored()

    with pytest.raises(Unauthorized, match="invalid_credentials"):
        log_in(password=password)

    assert stored() == before


def test_an_account_of_another_organization_is_none_here(anna):
    other = organizations.create("Other").id

    with pytest.raises(Unauthorized, match="invalid_credentials"):
        log_in(organization=other)


def test_ten_failures_lock_an_address_for_fifteen_minutes_and_its_sessions_go_on(anna, make_user):
    before = log_in()
    for _ in range(10):
        with pytest.raises(Unauthorized):
            log_in(password="wrong password")

    with pytest.raises(Limited, match="log_in_locked") as refusal:
        log_in()

    assert 880 < refusal.value.retry_after <= 900
    assert service.session_lives(principal_of(before))
    assert refresh(before.refresh_token).user == anna
    make_user("ben@shop.example")
    assert log_in("ben@shop.example")
    with clock.travel(timedelta(minutes=14, seconds=30)), pytest.raises(Limited):
        log_in()
    with clock.travel(timedelta(minutes=15)):
        assert log_in().user == anna


def test_a_lock_that_ran_out_leaves_ten_new_guesses_and_no_more(anna):
    for _ in range(10):
        with pytest.raises(Unauthorized):
            log_in(password="wrong password")

    with clock.travel(timedelta(minutes=16)):
        for _ in range(10):
            with pytest.raises(Unauthorized):
                log_in(password="wrong password")
        with pytest.raises(Limited):
            log_in()


def test_an_address_without_an_account_is_locked_alike():
    for _ in range(10):
        with pytest.raises(Unauthorized, match="invalid_credentials"):
            log_in()

    with pytest.raises(Limited, match="log_in_locked"):
        log_in()


def test_a_log_in_that_succeeds_forgets_the_failures(anna):
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(Unauthorized):
                log_in(password="wrong password")
        log_in()


def test_guesses_sent_together_are_all_counted_before_a_password_is_looked_at(anna, monkeypatch):
    matches = Mock(return_value=False)
    monkeypatch.setattr(passwords, "matches", matches)

    for _ in range(40):
        with pytest.raises((Unauthorized, Limited)):
            log_in(password="wrong password")

    assert matches.call_count == 10


def test_an_old_digest_is_renewed_by_the_log_in_that_knows_the_password(anna):
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    table.transact(store.save(anna.keep_password(old), was=anna))

    log_in()

    renewed = service.get_user(ORG, anna.id)
    assert not passwords.is_outdated(renewed.password)
    assert passwords.matches(renewed.password, PASSWORD)
    assert renewed.version == 3


def test_a_digest_that_can_not_be_renewed_now_stops_no_log_in(anna, monkeypatch):
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    stale = anna.keep_password(old)
    table.transact(store.save(stale, was=anna))
    table.transact(store.save(stale.with_roles(frozenset({"admin"})), was=stale))
    monkeypatch.setattr(store, "find_by_address", lambda *_: stale)

    log_in()

    assert service.get_user(ORG, anna.id).roles == {"admin"}


# --- refreshing ---------------------------------------------------------------------------------------------


def test_a_refresh_gives_the_next_pair(anna):
    first = log_in()
    second = refresh(first.refresh_token)
    third = refresh(second.refresh_token)

    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert len({principal_of(tokens).session for tokens in (first, second, third)}) == 1
    assert third.user == anna
    assert service.session_lives(principal_of(third))


def test_twenty_refreshes_of_one_token_give_one_successor(anna):
    token = log_in().refresh_token

    successors = {refresh(token).refresh_token for _ in range(20)}

    assert len(successors) == 1
    assert refresh(successors.pop()).user == anna


def test_refreshes_that_all_read_before_one_rotates_give_one_successor(anna, monkeypatch):
    """What parallel requests meet; the system tests send them in parallel (moto is not atomic across threads)."""
    token = log_in().refresh_token
    unrotated = store.find_session(ORG, token.partition(".")[0])
    read = store.find_session

    successors = set()
    for _ in range(20):
        first_read_is_early = chain([unrotated], repeat(DEFAULT))
        monkeypatch.setattr(store, "find_session", Mock(wraps=read, side_effect=first_read_is_early))
        successors.add(refresh(token).refresh_token)

    assert len(successors) == 1


def test_within_the_grace_a_lost_answer_is_given_again(anna):
    token = log_in().refresh_token
    lost = refresh(token).refresh_token

    with clock.travel(timedelta(seconds=9)):
        assert refresh(token).refresh_token == lost
    with clock.travel(timedelta(seconds=30)):
        assert refresh(lost).user == anna


def test_a_replay_after_the_grace_ends_the_family(anna):
    stolen = log_in().refresh_token
    tokens = refresh(stolen)

    with clock.travel(timedelta(seconds=11)):
        assert dead(stolen)
        assert dead(tokens.refresh_token)
        assert not service.session_lives(principal_of(tokens))
        assert log_in().user == anna


def test_a_replay_of_an_older_token_ends_the_family_even_at_once(anna):
    first = log_in().refresh_token
    second = refresh(first).refresh_token
    third = refresh(second).refresh_token

    assert dead(first)
    assert dead(third)


def test_a_replay_ends_only_its_own_family(anna):
    phone, desk = log_in(), log_in()
    refresh(phone.refresh_token)

    with clock.travel(timedelta(seconds=11)):
        assert dead(phone.refresh_token)
        assert refresh(desk.refresh_token).user == anna


def test_a_made_up_secret_for_a_session_ends_it(anna):
    tokens = log_in()
    session = tokens.refresh_token.partition(".")[0]

    assert dead(f"{session}.{ids.token()}")
    assert dead(tokens.refresh_token)


@pytest.mark.parametrize("token", ["", ".", "x", "ses_1.x", f"ses_{'0' * 26}.x", "a.b.c", "ses_#.x", "\x00", "🐘" * 50])
def test_what_is_no_token_buys_nothing_and_writes_nothing(anna, token):
    before = stored()

    assert dead(token)

    assert stored() == before


def test_a_token_is_worthless_in_another_organization_and_lives_on(anna):
    token = log_in().refresh_token
    other = organizations.create("Other").id

    with pytest.raises(Unauthorized, match="invalid_refresh_token"):
        refresh(token, other)

    assert refresh(token).user == anna


def test_a_session_ends_after_thirty_days_however_often_it_was_refreshed(anna):
    token = log_in().refresh_token

    with clock.travel(timedelta(days=29, hours=23)):
        late = refresh(token)
    with clock.travel(timedelta(days=30)):
        assert dead(late.refresh_token)
        assert not service.session_lives(principal_of_expired(late))


def principal_of_expired(tokens) -> Principal:
    session = store.find_session(ORG, tokens.refresh_token.partition(".")[0])
    return Principal(ORG, user=session.user, session=session.id, version=tokens.user.session_version)


def test_a_refresh_that_loses_against_a_log_out_buys_nothing(anna, monkeypatch):
    tokens = log_in()
    session = store.find_session(ORG, tokens.refresh_token.partition(".")[0])
    service.log_out(principal_of(tokens))
    read = store.find_session
    seen = [session]
    monkeypatch.setattr(store, "find_session", lambda *key: seen.pop() if seen else read(*key))

    assert dead(tokens.refresh_token)


def test_only_digests_of_refresh_tokens_are_stored(anna):
    token = log_in().refresh_token
    next_token = refresh(token).refresh_token

    text = str(stored())

    for secret in (token.partition(".")[2], next_token.partition(".")[2]):
        assert secret not in text
    assert ids.digest(next_token.partition(".")[2]) in text


def test_a_successor_follows_from_the_key_outside_the_database(anna):
    token = log_in().refresh_token
    session, _, secret = token.partition(".")

    assert refresh(token).refresh_token == f"{session}.{secrets.sign('refresh', ORG, session, secret)}"


# --- logging out --------------------------------------------------------------------------------------------


def test_a_log_out_ends_the_session_at_once_and_leaves_the_others(anna):
    phone, desk = log_in(), log_in()

    service.log_out(principal_of(phone))
    service.log_out(principal_of(phone))

    assert dead(phone.refresh_token)
    assert not service.session_lives(principal_of(phone))
    with pytest.raises(Unauthorized, match="session_ended"):
        service.me(principal_of(phone))
    assert service.session_lives(principal_of(desk))
    assert refresh(desk.refresh_token).user == anna


def test_a_log_out_everywhere_ends_all_sessions_of_one_person(anna, make_user):
    make_user("ben@shop.example")
    sessions, bens = [log_in() for _ in range(5)], log_in("ben@shop.example")

    service.log_out(principal_of(sessions[2]), everywhere=True)

    for tokens in sessions:
        assert dead(tokens.refresh_token)
        assert not service.session_lives(principal_of(tokens))
    assert service.session_lives(principal_of(bens))
    assert service.session_lives(principal_of(log_in()))


def test_nobody_signed_in_has_nothing_to_end():
    service.log_out(Principal(ORG))

    with pytest.raises(Unauthorized, match="sign_in_required"):
        service.log_out(Principal(ORG), everywhere=True)


# --- sessions that live -------------------------------------------------------------------------------------


def test_a_session_lives_only_for_who_it_belongs_to(anna, make_user):
    ben = make_user("ben@shop.example")
    principal = principal_of(log_in())
    other = organizations.create("Other").id

    assert service.session_lives(principal)
    assert not service.session_lives(replace(principal, user=ben.id))
    assert not service.session_lives(replace(principal, user=someone()))
    assert not service.session_lives(replace(principal, user=None))
    assert not service.session_lives(replace(principal, session=ids.new("ses")))
    assert not service.session_lives(replace(principal, session=None))
    assert not service.session_lives(replace(principal, version=2))
    assert not service.session_lives(replace(principal, organization=other))


def test_a_session_of_a_user_who_is_gone_does_not_live(anna):
    tokens = log_in()
    store.UserRecord(f"T#{ORG}#USR#{anna.id}", "-").delete()

    assert not service.session_lives(principal_of(tokens))
    assert dead(tokens.refresh_token)


# --- roles --------------------------------------------------------------------------------------------------


@pytest.fixture
def boss(make_user) -> Principal:
    make_user("boss@shop.example", roles=("admin",))
    return principal_of(log_in("boss@shop.example"))


def test_new_roles_outdate_tokens_and_come_with_the_next_refresh(anna, boss):
    before = log_in()

    changed = service.set_roles(boss, anna.id, ["photographer", "customer", "customer"])

    assert changed == service.get_user(ORG, anna.id)
    assert changed.roles == {"photographer", "customer"}
    assert not service.session_lives(principal_of(before))
    after = principal_of(refresh(before.refresh_token))
    assert after.roles == {"photographer", "customer"}
    assert service.session_lives(after)


def test_new_roles_are_audited(anna, boss):
    service.set_roles(boss, anna.id, ["photographer"])

    (entry,) = (record.value() for record in AuditRecord.query(f"T#{ORG}#AUDIT"))
    assert (entry.actor, entry.action, entry.entity_id) == (boss.user, "user.roles_changed", anna.id)
    assert (entry.before, entry.after) == ({"roles": ["customer"]}, {"roles": ["photographer"]})


def test_the_same_roles_change_nothing(anna, boss):
    before = stored()

    assert service.set_roles(boss, anna.id, ["customer"]) == anna

    assert stored() == before


def test_roles_are_refused_that_nobody_knows(anna, boss):
    with pytest.raises(Invalid, match="unknown_role") as refusal:
        service.set_roles(boss, anna.id, ["customer", "root"])

    assert refusal.value.field == "roles"
    assert service.get_user(ORG, anna.id) == anna


def test_nobody_changes_their_own_roles(boss):
    with pytest.raises(Conflict, match="own_roles"):
        service.set_roles(boss, boss.user, ["customer"])

    assert service.get_user(ORG, boss.user).roles == {"admin"}


def test_roles_of_a_foreign_user_are_those_of_a_missing_one(boss):
    other = organizations.create("Other").id
    foreign = service.create_user(other, email=EMAIL, password=PASSWORD, name="Anna", roles=["customer"])

    refusals = []
    for user in (foreign.id, someone()):
        with pytest.raises(NotFound, match="user_not_found") as refusal:
            service.set_roles(boss, user, ["admin"])
        refusals.append(str(refusal.value))

    assert len(set(refusals)) == 1
    assert service.get_user(other, foreign.id) == foreign


def test_of_two_changes_of_roles_at_once_one_is_refused(anna, boss, monkeypatch):
    service.set_roles(boss, anna.id, ["photographer"])
    monkeypatch.setattr(store, "get", lambda *_: anna)

    with pytest.raises(Conflict, match="version_conflict"):
        service.set_roles(boss, anna.id, ["admin"])

    assert service.find_user(ORG, anna.id).roles == {"photographer"}


def test_an_access_token_holds_no_address_and_lasts_ten_minutes(anna):
    tokens = log_in()

    assert EMAIL not in tokens.access_token
    assert tokens.access_token not in repr(tokens)
    with clock.travel(timedelta(seconds=601)), pytest.raises(Unauthorized, match="token_expired"):
        auth.verify(tokens.access_token, ORG)
