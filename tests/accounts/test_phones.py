"""People who register and log in with a mobile number."""

from datetime import timedelta

import pytest

from chalicelib.accounts import service
from chalicelib.core import clock
from chalicelib.core.errors import Forbidden, Invalid, Limited, Unauthorized
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, facts, is_code, stored, wrong

pytestmark = pytest.mark.usefixtures("aws")

PHONE = "+66812345678"


def register(phone=PHONE, **more):
    service.register(ORG, **{"phone": phone, "password": PASSWORD, "name": "Anna"} | more)


def log_in(phone=PHONE, password=PASSWORD):
    return service.log_in(ORG, phone=phone, password=password)


def test_a_new_number_gets_a_code_that_logs_in(mailbox):
    register("+66 81 234 5678")
    tokens = service.verify(ORG, phone="+66-81-234-5678", code=mailbox.code(PHONE), password=PASSWORD)

    user = service.find_by_address(ORG, phone=PHONE)
    assert user == tokens.user
    assert (user.email, user.phone, user.address, user.verified, user.email_verified) == (
        None,
        PHONE,
        PHONE,
        True,
        False,
    )
    assert log_in().user.id == user.id


def test_the_text_says_what_its_template_needs(mailbox):
    register()

    (text,) = mailbox.collect()

    assert (text["to"], text["template"], text["language"]) == (PHONE, "sign_up_code", "th")
    assert is_code(text["values"]["code"])


def test_a_known_number_is_told_so_and_stays_as_it_is(mailbox):
    register()
    service.verify(ORG, phone=PHONE, code=mailbox.code(PHONE), password=PASSWORD)

    register(password="another password")

    assert facts() == ["AddressRegisteredAgain"]
    assert (mailbox.collect()[-1]["to"], mailbox.sent[-1]["template"]) == (PHONE, "already_registered")
    assert log_in().user.name == "Anna"


def test_an_unproven_number_logs_nobody_in(mailbox):
    register()

    with pytest.raises(Forbidden, match="phone_not_verified"):
        log_in()

    assert service.find_by_address(ORG, phone=PHONE).phone is None


def test_with_both_addresses_the_mailbox_is_proven_and_the_phone_opens_nothing(mailbox):
    register(email=EMAIL)
    service.verify(ORG, email=EMAIL, code=mailbox.code(EMAIL), password=PASSWORD)

    user = service.find_by_email(ORG, EMAIL)
    assert (user.phone, [phone.number for phone in user.phones]) == (None, [PHONE])
    assert [message["to"] for message in mailbox.sent] == [EMAIL]
    with pytest.raises(Unauthorized):
        log_in()
    register("+66812345679", password="somebody else's")  # the number is still free for whoever proves it
    assert mailbox.collect()[-1]["to"] == "+66812345679"


def test_a_code_for_a_phone_dies_with_five_wrong_guesses(mailbox):
    register()
    code = mailbox.code(PHONE)

    for guess in [wrong(code)] * 5 + [code]:
        with pytest.raises(Invalid, match="invalid_code"):
            service.verify(ORG, phone=PHONE, code=guess, password=PASSWORD)


def test_ten_failures_lock_a_number():
    for _ in range(10):
        with pytest.raises(Unauthorized):
            log_in()

    with pytest.raises(Limited, match="log_in_locked"):
        log_in()
    with clock.travel(timedelta(minutes=15)), pytest.raises(Unauthorized):
        log_in()


def test_one_origin_gets_twenty_texts_an_hour_sent():
    for number in range(20):
        register(f"+668123456{number:02}", source="198.51.100.7")
    before = stored()

    with pytest.raises(Limited):
        register("+66812345699", source="198.51.100.7")

    assert stored() == before
    register("+66812345699", source="198.51.100.8")
    register(None, email=EMAIL, source="198.51.100.7")  # mails cost nothing
