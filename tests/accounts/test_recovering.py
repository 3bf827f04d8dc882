"""Passwords that were forgotten, changed, or brought along from another system."""

from datetime import timedelta

import bcrypt
import pytest

from chalicelib.accounts import passwords, service, store
from chalicelib.accounts.model import Purpose, Tokens
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, Limited, Unauthorized
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, facts, log_in, principal_of, stored, wrong

pytestmark = pytest.mark.usefixtures("aws")

NEW = "a fresh long phrase"


def forget(email=EMAIL):
    service.forgot_password(ORG, email=email)


def reset(code, password=NEW, email=EMAIL):
    service.reset_password(ORG, email=email, code=code, password=password)


def dead(tokens):
    with pytest.raises(Unauthorized):
        service.refresh(ORG, tokens.refresh_token)
    return not service.session_lives(principal_of(tokens))


# --- forgotten ----------------------------------------------------------------------------------------------


def test_a_code_brings_a_new_password_and_ends_all_sessions(anna, mailbox):
    tokens = [log_in(), log_in()]
    forget()
    assert (mailbox.collect()[-1]["template"], mailbox.sent[-1]["to"]) == ("reset_password_code", EMAIL)

    reset(mailbox.code())

    assert all(dead(each) for each in tokens)
    with pytest.raises(Unauthorized):
        log_in()
    assert log_in(password=NEW).user.id == anna.id
    assert facts() == ["AccountChanged"]
    assert mailbox.collect()[-1]["template"] == "password_changed"


def test_a_code_works_once(anna, mailbox):
    forget()
    code = mailbox.code()
    reset(code)

    with pytest.raises(Invalid, match="invalid_code"):
        reset(code, "another long phrase")

    assert log_in(password=NEW)


def test_a_code_dies_with_five_guesses_and_after_ten_minutes(anna, mailbox):
    forget()
    code = mailbox.code()
    with clock.travel(timedelta(minutes=10)), pytest.raises(Invalid, match="invalid_code"):
        reset(code)
    for guess in [*[wrong(code)] * 5, code]:
        with pytest.raises(Invalid, match="invalid_code"):
            reset(guess)

    assert log_in().user == anna


def test_a_bad_password_is_no_guess(anna, mailbox):
    forget()
    code = mailbox.code()

    for bad in ("short", "password1", EMAIL):
        with pytest.raises(Invalid, match="password_"):
            reset(code, bad)

    assert store.find_challenge(ORG, Purpose.RESET_PASSWORD, anna.id).tries == 0
    reset(code)


def test_a_code_for_signing_up_resets_nothing(register, mailbox):
    register()
    before = stored()

    with pytest.raises(Invalid, match="invalid_code"):
        reset(mailbox.code())

    assert {item["pk"]["S"] for item in stored()} == {
        item["pk"]["S"] for item in before if "#OUT#" not in item["pk"]["S"]
    }


def test_whoever_brings_the_code_has_the_mailbox(register, mailbox):
    """Somebody registered the address and never proved it; the owner takes the account."""
    register(password="the stranger's password", name="Mallory")
    forget()

    reset(mailbox.code())

    assert log_in(password=NEW).user.verified
    with pytest.raises(Unauthorized):
        log_in(password="the stranger's password")


def test_a_locked_address_is_free_again(anna, mailbox):
    for _ in range(10):
        with pytest.raises(Unauthorized):
            log_in(password="wrong guess")
    forget()

    reset(mailbox.code())

    assert log_in(password=NEW).user.id == anna.id


def test_the_decoy_of_an_unknown_address_can_not_be_met():
    forget()
    decoy = store.find_challenge(ORG, Purpose.RESET_PASSWORD, store.nobody(EMAIL))

    with pytest.raises(Invalid, match="invalid_code"):
        reset(service.code_of(decoy))


def test_an_address_is_written_to_five_times_an_hour(anna):
    for _ in range(5):
        forget()

    with pytest.raises(Limited):
        forget()


# --- changed ------------------------------------------------------------------------------------------------


def test_who_knows_the_password_changes_it_and_goes_on_in_a_new_session(anna, mailbox):
    here, there = log_in(), log_in()

    following = service.change_password(principal_of(here), current=PASSWORD, new=NEW)

    assert dead(here)
    assert dead(there)
    assert service.session_lives(principal_of(following))
    assert service.refresh(ORG, following.refresh_token).user.id == anna.id
    assert log_in(password=NEW)
    assert "password_changed" in [mail["template"] for mail in mailbox.collect()]


@pytest.mark.parametrize(
    ("current", "new", "code"), [("not this one", NEW, "wrong_password"), (PASSWORD, "password1", "password_common")]
)
def test_a_change_that_is_refused_changes_nothing(anna, current, new, code):
    tokens = log_in()
    before = stored()

    with pytest.raises(Invalid, match=code):
        service.change_password(principal_of(tokens), current=current, new=new)

    assert stored() == before
    assert service.session_lives(principal_of(tokens))


def test_a_stolen_token_guesses_ten_passwords(anna):
    thief = principal_of(log_in())
    for _ in range(10):
        with pytest.raises(Invalid, match="wrong_password"):
            service.change_password(thief, current="a wrong guess", new=NEW)

    with pytest.raises(Limited, match="log_in_locked"):
        service.change_password(thief, current=PASSWORD, new=NEW)


def test_a_session_that_ended_changes_no_password(anna):
    tokens = log_in()
    service.log_out(principal_of(tokens))

    for principal in (principal_of(tokens), Principal(ORG)):
        with pytest.raises(Unauthorized):
            service.change_password(principal, current=PASSWORD, new=NEW)


# --- from elsewhere -----------------------------------------------------------------------------------------


def hashed(password, prefix=b"2b"):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4, prefix=prefix)).decode()


@pytest.mark.parametrize("prefix", [b"2b", b"2a"])
def test_somebody_with_a_bcrypt_digest_logs_in_and_has_an_argon2_one(prefix):
    user = service.import_user(ORG, email="Anna@shop.example", digest=hashed(PASSWORD, prefix), name="Anna")
    assert user.verified

    assert log_in().user.id == user.id

    kept = service.get_user(ORG, user.id).password
    assert kept.startswith("$argon2id$")
    assert not passwords.is_outdated(kept)
    assert log_in().user.id == user.id


def test_a_wrong_password_leaves_the_digest(anna):
    user = service.import_user(ORG, phone="+66812345678", digest=hashed(PASSWORD), name="Ben")

    with pytest.raises(Unauthorized):
        service.log_in(ORG, phone="+66812345678", password="not this one")

    assert service.get_user(ORG, user.id) == user
    tokens = service.log_in(ORG, phone="+66812345678", password=PASSWORD)
    assert isinstance(tokens, Tokens)
    assert tokens.user.phone == "+66812345678"


def test_what_bcrypt_cuts_off_is_not_taken_for_the_password():
    long = "x" * 71 + "yz"
    stored_digest = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()

    assert not passwords.matches(stored_digest, long)
    assert not passwords.matches(stored_digest, "x\0y")


@pytest.mark.parametrize(
    "digest",
    ["", "plain", "$2b$31$" + "a" * 53, "$2b$10$short", "$1$md5$x", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"],
)
def test_a_digest_of_another_kind_is_not_imported(digest):
    with pytest.raises(Invalid, match="unknown_digest"):
        service.import_user(ORG, email=EMAIL, digest=digest, name="Anna")

    assert stored() == []


def test_nobody_is_imported_over_somebody(anna):
    with pytest.raises(Conflict, match="email_taken"):
        service.import_user(ORG, email=EMAIL, digest=hashed(PASSWORD), name="Mallory")

    assert log_in().user == anna
