"""People who register and log in with a mobile number."""

from datetime import timedelta

import pytest

from chalicelib.accounts import service
from chalicelib.accounts.model import Tokens
from chalicelib.core import clock
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unauthorized
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, facts, is_code, principal_of, stored, wrong

pytestmark = pytest.mark.usefixtures("aws")

PHONE = "+66812345678"


def register(phone=PHONE, **more):
    service.register(ORG, **{"phone": phone, "password": PASSWORD, "name": "Anna"} | more)


def log_in(password=PASSWORD, **address) -> Tokens:
    tokens = service.log_in(ORG, **(address or {"phone": PHONE}), password=password)
    assert isinstance(tokens, Tokens)
    return tokens


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
    mailbox.collect()

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


# --- further addresses --------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(anna, mailbox):
    return principal_of(log_in(email=EMAIL))


def prove(principal, mailbox, phone=PHONE):
    return service.change_phone(principal, phone[1:], code=mailbox.code(phone))


def test_a_number_is_added_proven_and_logs_in(signed_in, anna, mailbox):
    service.add_phone(signed_in, PHONE)
    assert service.me(signed_in).phone is None

    proven = prove(signed_in, mailbox)

    assert (proven.phone, proven.email) == (PHONE, EMAIL)
    assert log_in().user.id == anna.id
    assert [(mail["template"], mail["to"]) for mail in mailbox.sent] == [
        ("address_changing", EMAIL),
        ("verify_phone_code", PHONE),
    ]


def test_a_code_proves_the_number_it_was_texted_to_and_no_other(signed_in, mailbox):
    other = "+66812345679"
    service.add_phone(signed_in, other)
    service.add_phone(signed_in, PHONE)

    with pytest.raises(Invalid, match="invalid_code"):
        service.change_phone(signed_in, other[1:], code=mailbox.code(PHONE))

    assert service.me(signed_in).phone is None
    assert prove(signed_in, mailbox).phone == PHONE


def test_a_number_of_another_account_stays_there(signed_in, mailbox):
    register()
    owner = service.verify(ORG, phone=PHONE, code=mailbox.code(PHONE), password=PASSWORD).user
    service.add_phone(signed_in, PHONE)

    with pytest.raises(Conflict, match="phone_taken"):
        prove(signed_in, mailbox)

    assert log_in().user.id == owner.id
    assert service.me(signed_in).phone is None


def test_a_number_that_somebody_registered_and_never_proved_is_whose_phone_it_is(signed_in, anna, mailbox):
    register(password="a squatter's password")
    squatter = service.find_by_address(ORG, phone=PHONE)
    service.add_phone(signed_in, PHONE)

    prove(signed_in, mailbox)

    assert log_in().user.id == anna.id
    assert service.find_user(ORG, squatter.id) is None


def test_the_default_is_the_first_proven_until_another_is_chosen(signed_in, mailbox):
    other = "+66812345679"
    for phone in (PHONE, other):
        service.add_phone(signed_in, phone)
        prove(signed_in, mailbox, phone)
    assert service.me(signed_in).phone == PHONE

    assert service.change_phone(signed_in, other[1:], is_default=True).phone == other

    assert service.me(signed_in).phone == other
    service.add_phone(signed_in, "+66812345680")
    with pytest.raises(Conflict, match="phone_not_verified"):
        service.change_phone(signed_in, "66812345680", is_default=True)


def test_a_number_that_is_taken_away_logs_nobody_in_and_is_free(signed_in, mailbox):
    service.add_phone(signed_in, PHONE)
    prove(signed_in, mailbox)

    service.remove_phone(signed_in, PHONE[1:])

    with pytest.raises(Unauthorized):
        log_in()
    register()
    assert service.verify(ORG, phone=PHONE, code=mailbox.code(PHONE), password=PASSWORD)


def test_nobody_takes_their_only_address_away(mailbox):
    register()
    principal = principal_of(service.verify(ORG, phone=PHONE, code=mailbox.code(PHONE), password=PASSWORD))

    with pytest.raises(Conflict, match="last_address"):
        service.remove_phone(principal, PHONE[1:])
    with pytest.raises(NotFound, match="phone_not_found"):
        service.remove_phone(principal, "66812345679")

    assert log_in()


def test_five_phones_are_enough(signed_in):
    for number in range(5):
        service.add_phone(signed_in, f"+6681234567{number}")

    with pytest.raises(Conflict, match="too_many_phones"):
        service.add_phone(signed_in, "+66812345679")

    assert len(service.me(signed_in).phones) == 5


def test_an_address_is_exchanged_for_one_that_is_proven(signed_in, anna, mailbox):
    new = "anna@new.example"
    service.change_email(signed_in, "Anna@New.example")
    assert service.me(signed_in).email == EMAIL

    moved = service.prove_email(signed_in, mailbox.code(new))

    assert (moved.id, moved.email) == (anna.id, new)
    assert log_in(email=new).user.id == anna.id
    with pytest.raises(Unauthorized):
        log_in(email=EMAIL)
    assert (EMAIL, "address_changing") in [(mail["to"], mail["template"]) for mail in mailbox.sent]


def test_who_registered_by_phone_adds_a_mailbox(mailbox):
    register()
    principal = principal_of(service.verify(ORG, phone=PHONE, code=mailbox.code(PHONE), password=PASSWORD))
    service.change_email(principal, EMAIL)

    user = service.prove_email(principal, mailbox.code(EMAIL))

    assert (user.email_verified, user.address, user.phone) == (True, EMAIL, PHONE)
    assert log_in().user.id == log_in(email=EMAIL).user.id == user.id


def test_a_mailbox_of_another_account_stays_there(signed_in, make_user, mailbox):
    make_user("ben@shop.example")
    service.change_email(signed_in, "ben@shop.example")

    with pytest.raises(Conflict, match="email_taken"):
        service.prove_email(signed_in, mailbox.code("ben@shop.example"))

    assert service.me(signed_in).email == EMAIL


# --- limits -------------------------------------------------------------------------------------------------


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
