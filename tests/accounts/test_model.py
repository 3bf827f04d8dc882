from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.accounts.addresses import normal_address, normal_email, normal_phone
from chalicelib.accounts.model import (
    Session,
    User,
    device_label,
    digits,
    plain_name,
)
from chalicelib.core.errors import Invalid

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("anna@shop.example", "anna@shop.example"),
        ("Anna@Shop.EXAMPLE", "anna@shop.example"),
        ("ANNA+photos@gmail.com", "anna+photos@gmail.com"),
        ("o'neil@shop.example", "o'neil@shop.example"),
        ("anna@ตัวอย่าง.ไทย", "anna@xn--72c1a1bt4awk9o.xn--o3cw4h"),
    ],
)
def test_an_address_has_one_form(given, kept):
    assert normal_email(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "anna",
        "anna@",
        "@shop.example",
        "anna@shop",
        "anna@localhost",
        "a..b@shop.example",
        " anna@shop.example",
        "anna@shop.example\n",
        "anna@shop.example\r\nBcc: all@shop.example",
        "anna@shop.example,ben@shop.example",
        "Anna <anna@shop.example>",
        '"anna lind"@shop.example',
        "anna@[127.0.0.1]",
        "สวัสดี@shop.example",
        f"{'a' * 65}@shop.example",
        f"anna@{'a' * 250}.example",
        "anna\x00@shop.example",
    ],
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(Invalid, match="invalid_email") as refusal:
        normal_email(given)

    assert refusal.value.field == "email"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("+66812345678", "+66812345678"),
        ("+66 (0)81-234 5678", "+66812345678"),
        ("+7 701 234 5678", "+77012345678"),
        ("+1 202 555 0123", "+12025550123"),
    ],
)
def test_a_phone_has_one_form(given, kept):
    assert normal_phone(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "0812345678",  # of which country?
        "+6621234567",  # a landline
        "+661900123456",  # costs who calls
        "+66812345678 ext. 5",
        "+999812345678",
        "+668123",
        "anna@shop.example",
        "9" * 32,
    ],
)
def test_what_takes_no_texts_is_refused(given):
    with pytest.raises(Invalid, match="invalid_phone") as refusal:
        normal_phone(given)

    assert refusal.value.field == "phone"


@pytest.mark.parametrize(("email", "phone"), [(None, None), ("anna@shop.example", "+66812345678")])
def test_one_address_is_named(email, phone):
    with pytest.raises(Invalid, match="address_required"):
        normal_address(email, phone)


@pytest.mark.parametrize(("given", "kept"), [("Anna", "Anna"), ("  Anna   Lind ", "Anna Lind"), ("สมชาย", "สมชาย")])
def test_a_name_stands_on_one_line(given, kept):
    assert plain_name(given) == kept


@pytest.mark.parametrize("given", ["", "  ", "\n", "Anna\x00", "Anna\u202eLind", "Anna\u200b"])
def test_a_name_that_does_not_print_is_refused(given):
    with pytest.raises(Invalid, match="invalid_name"):
        plain_name(given)


def test_codes_are_six_digits_evenly_spread():
    codes = [digits(str(number)) for number in range(5000)]

    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in codes)
    assert len(set(codes)) > 4950
    assert set(Counter(code[0] for code in codes)) == set("0123456789")
    assert max(Counter(code[0] for code in codes).values()) < 600


MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        (f"{WINDOWS} Chrome/130.0 Safari/537.36", "Chrome on Windows"),
        (f"{WINDOWS} Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        (f"{MAC} AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "Safari on Mac"),
        (f"{MAC} Gecko/20100101 Firefox/131.0", "Firefox on Mac"),
        (f"{IPHONE} CriOS/130.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (f"{IPHONE} Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPHONE} Safari Line/14.16.0", "LINE on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "Unknown device"),
        ("", "Unknown device"),
        ("x" * 100_000, "Unknown device"),
        ("<script>alert(1)</script> Windows", "Windows"),
    ],
)
def test_a_device_is_named_as_its_owner_knows_it(user_agent, label):
    assert device_label(user_agent) == label


def user(**changes: Any) -> User:
    fields: dict[str, Any] = {
        "id": "usr_1", "organization": "org_1", "email": "a@b.example", "name": "A", "language": "th",
        "roles": frozenset({"customer"}), "password": "digest", "verified_at": None, "session_version": 3,
        "created_at": AT, "version": 7,
    } | changes  # fmt: skip
    return User(**fields)


def test_an_address_is_proven_once():
    first = user().verify(AT)
    second = first.verify(AT + timedelta(days=1))

    assert (first.verified_at, first.version) == (AT, 8)
    assert (second.verified_at, second.version) == (AT, 9)


def test_other_roles_outdate_the_tokens():
    changed = user().with_roles(frozenset({"admin"}))

    assert changed.roles == {"admin"}
    assert (changed.session_version, changed.version) == (4, 8)


def test_a_user_shows_no_digest():
    assert "digest" not in repr(user())


@pytest.mark.parametrize(
    ("ended_at", "at", "lives"),
    [
        (None, AT, True),
        (None, AT + timedelta(days=30) - timedelta(milliseconds=1), True),
        (None, AT + timedelta(days=30), False),
        (AT, AT, False),
    ],
)
def test_a_session_lives_until_it_ends_or_expires(ended_at, at, lives):
    session = Session("ses_1", "org_1", "usr_1", "digest", "Mac", AT, AT, AT + timedelta(days=30), ended_at)

    assert session.lives(at) is lives
