from unittest.mock import Mock

import pytest
from argon2 import PasswordHasher

from chalicelib.accounts import passwords
from chalicelib.core.errors import Invalid

_nobodys = passwords._nobodys


@pytest.fixture(autouse=True)
def hashed_as_ever(hasher, monkeypatch):
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(passwords, "_nobodys", _nobodys)


EMAIL, NAME = "anna.lind@shop.example", "Anna Lind Berg"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_length"),
        ("short7!", "password_length"),
        ("n" * 129, "password_length"),
        ("aaaaaaaaaa", "password_simple"),
        ("00000000", "password_simple"),
        ("        ", "password_simple"),
        ("12345678", "password_simple"),
        ("87654321", "password_simple"),
        ("abcdefghij", "password_simple"),
        ("ZYXWVUTS", "password_simple"),
        ("password", "password_common"),
        ("PassWord", "password_common"),
        ("Password2026!", "password_common"),
        ("!!password", "password_common"),
        ("qwertyuiop", "password_common"),
        ("Qwerty123", "password_common"),
        ("1q2w3e4r", "password_common"),
        ("1qaz2wsx", "password_common"),
        ("iloveyou", "password_common"),
        ("iloveyou1", "password_common"),
        ("letmein123", "password_common"),
        ("thailand99", "password_common"),
        ("ThePixStock", "password_common"),
        ("11223344", "password_common"),
        ("ｐａｓｓｗｏｒｄ", "password_common"),
        ("anna.lind@shop.example", "password_personal"),
        ("ANNA.LIND@SHOP.EXAMPLE", "password_personal"),
        ("anna.lind", "password_personal"),
        ("Anna Lind Berg", "password_personal"),
        ("annalindberg", "password_personal"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password, code):
    with pytest.raises(Invalid) as refusal:
        passwords.check(password, address=EMAIL, name=NAME)

    assert (refusal.value.code, refusal.value.field) == (code, "password")


@pytest.mark.parametrize(
    "password",
    [
        "8 chars!",
        "alllowercaseletters",
        "correct horse battery staple",
        "รหัสผ่านของฉัน",
        "пароль-мой-2",
        "🐘🐘🐅🐅🦜🦜🐒🐒",
        "password of the night watch",
        "purple 8471093348",
        "anna.lind and a cat",
        "13579246",
        "n" + "o" * 127,
    ],
)
def test_any_other_password_is_taken_whatever_it_is_made_of(password):
    passwords.check(password, address=EMAIL, name=NAME)

    assert passwords.matches(passwords.digest(password), password)


def test_the_digest_is_argon2id_with_the_agreed_work():
    stored = passwords.digest("correct horse battery")

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert stored != passwords.digest("correct horse battery")
    assert not passwords.is_outdated(stored)


@pytest.mark.parametrize("attempt", ["", "correct horse batterY", "correct horse battery ", "x" * 256])
def test_another_password_does_not_match(attempt):
    assert not passwords.matches(passwords.digest("correct horse battery"), attempt)


def test_the_same_letters_typed_on_another_keyboard_match():
    assert passwords.matches(passwords.digest("café au lait ①"), "cafe\u0301 au lait 1")


def test_nobody_has_a_password_and_it_takes_the_work_of_one(monkeypatch):
    verify = Mock(wraps=passwords._hasher.verify)
    monkeypatch.setattr(PasswordHasher, "verify", verify)

    assert not passwords.matches(None, "correct horse battery")

    stored, typed = verify.call_args.args
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert len(stored) == len(passwords.digest("x"))
    assert typed == "correct horse battery"


@pytest.mark.parametrize("broken", ["not a digest", "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_broken_digest_matches_nothing(broken):
    assert not passwords.matches(broken, "correct horse battery")


def test_a_digest_of_other_work_is_outdated():
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))


def test_the_list_is_made_of_entries_that_can_be_met():
    listed = passwords._common()

    assert len(listed) >= 100
    assert all(entry == entry.casefold() for entry in listed)
