import re
from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib.accounts import jobs, service, store
from chalicelib.accounts.messages import AddressRegisteredAgain, SignUpCodeIssued
from chalicelib.accounts.model import Purpose
from chalicelib.core import clock, ids, table
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unauthorized
from chalicelib.core.queues import Outcome
from chalicelib.organizations import service as organizations
from tests import deliver
from tests.accounts.conftest import (
    EMAIL,
    ORG,
    PASSWORD,
    facts,
    is_code,
    log_in,
    principal_of,
    someone,
    stored,
    wrong,
)
from tests.stack import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("aws")


def test_a_new_address_gets_a_code_that_logs_in(register, mailbox):
    register(email="Anna@Shop.example")
    tokens = service.verify(
        ORG, password=PASSWORD, email="ANNA@shop.example", code=mailbox.code(), device="Safari iPhone"
    )

    user = service.find_by_email(ORG, EMAIL)
    assert user == tokens.user
    assert (user.email, user.name, user.language) == (EMAIL, "Anna", "th")
    assert user.roles == {"customer"}
    assert user.verified
    assert service.session_lives(principal_of(tokens))
    assert log_in().user.id == user.id


def test_who_proves_their_first_address_is_welcomed_once(register, mailbox):
    register()
    service.verify(ORG, password=PASSWORD, email=EMAIL, code=mailbox.code())
    service.forgot_password(ORG, email=EMAIL)
    service.reset_password(ORG, email=EMAIL, code=mailbox.code(), password="another password")

    welcomes = [mail for mail in mailbox.collect() if mail["template"] == "welcome"]
    assert [(mail["to"], mail["values"]) for mail in welcomes] == [(EMAIL, {"name": "Anna"})]


def test_a_number_is_welcomed_by_no_text(mailbox):
    service.register(ORG, phone="+66812345678", password=PASSWORD, name="Anna")
    service.verify(ORG, password=PASSWORD, phone="+66812345678", code=mailbox.code("+66812345678"))

    assert [mail["template"] for mail in mailbox.collect()] == ["sign_up_code"]


def test_the_mail_says_what_its_template_needs(register, mailbox):
    register()

    (mail,) = mailbox.collect()

    assert (mail["to"], mail["template"], mail["language"], mail["organization"]) == (
        EMAIL,
        "sign_up_code",
        "th",
        ORG,
    )
    assert mail["values"].keys() == {"name", "code", "minutes", "link"}
    assert (mail["values"]["name"], mail["values"]["minutes"]) == ("Anna", 10)
    assert is_code(mail["values"]["code"])


def test_the_language_asked_for_is_kept(mailbox):
    service.register(ORG, email=EMAIL, password=PASSWORD, name="Anna", language="en")

    assert mailbox.collect()[0]["language"] == "en"


def test_a_known_address_is_told_so_and_stays_as_it_is(register, anna, mailbox):
    before = stored()

    register(password="another password", name="Mallory")

    assert facts() == ["AddressRegisteredAgain"]
    assert [item for item in stored() if "#OUT#" not in item["pk"]["S"]] == before
    (mail,) = mailbox.collect()
    assert (mail["to"], mail["template"], mail["values"]) == (EMAIL, "already_registered", {"name": "Anna"})
    assert log_in().user.id == anna.id


def test_who_asks_last_for_an_unproven_address_is_who_the_code_is_for(register, mailbox):
    register(password="the first password", name="Mallory")
    first_code = mailbox.code()
    register(password="the second password", name="Anna")

    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password="the first password", email=EMAIL, code=first_code)
    tokens = service.verify(ORG, password="the second password", email=EMAIL, code=mailbox.code())

    assert tokens.user.name == "Anna"
    with pytest.raises(Unauthorized):
        log_in(password="the first password")
    assert log_in(password="the second password").user.id == tokens.user.id


def test_an_owner_does_not_confirm_the_password_of_a_stranger(register, mailbox):
    register(password="the owner's password", name="Anna")
    register(password="the stranger's password", name="Mallory")

    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password="the owner's password", email=EMAIL, code=mailbox.code())

    assert not service.find_by_email(ORG, EMAIL).verified
    register(password="the owner's password", name="Anna")
    code = mailbox.code()
    assert service.verify(ORG, password="the owner's password", email=EMAIL, code=code).user.name == "Anna"


def test_of_two_registrations_at_once_one_stands(register, mailbox, monkeypatch):
    register(password="the first password")
    monkeypatch.setattr(store, "find_by_address", lambda *_: None)
    before = stored()

    register(password="the second password")

    assert stored() == before


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"email": "anna"}, "invalid_email", "email"),
        ({"password": "short"}, "password_length", "password"),
        ({"password": "password1"}, "password_common", "password"),
        ({"password": "aaaaaaaaa"}, "password_simple", "password"),
        ({"password": EMAIL}, "password_personal", "password"),
        ({"name": " \n "}, "invalid_name", "name"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_a_refused_registration_writes_nothing(known, changed, code, field, make_user):
    if known:
        make_user()
    before = stored()

    with pytest.raises(Invalid) as refusal:
        service.register(ORG, **({"email": EMAIL, "password": PASSWORD, "name": "Anna"} | changed))

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert stored() == before


@pytest.mark.parametrize("known", [False, True])
def test_an_address_gets_five_mails_an_hour(known, register, make_user):
    if known:
        make_user()
    register()
    for _ in range(4):
        service.resend_code(ORG, email=EMAIL)
    before = stored()

    for call in (register, lambda: service.resend_code(ORG, email=EMAIL)):
        with pytest.raises(Limited) as refusal:
            call()
        assert 0 < refusal.value.retry_after <= 3600
    assert stored() == before
    service.resend_code(ORG, email="ben@shop.example")
    with clock.travel(timedelta(hours=1)):
        register()


# --- codes --------------------------------------------------------------------------------------------------


def test_a_code_works_once(register, mailbox):
    register()
    code = mailbox.code()
    service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)
    before = stored()

    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)

    assert stored() == before


def test_a_code_works_once_for_two_who_bring_it_at_the_same_moment(register, mailbox, monkeypatch):
    register()
    code = mailbox.code()
    user, seen = service.find_by_email(ORG, EMAIL), store.find_challenge(ORG, Purpose.SIGN_UP, user_id())
    service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)
    monkeypatch.setattr(store, "find_by_address", lambda *_: user)
    monkeypatch.setattr(store, "find_challenge", lambda *_: seen)
    monkeypatch.setattr(store, "count_try", lambda *_: table.create(store.EmailRecord("T#x#TRIES#", "-", user="x")))
    before = len(stored())

    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)

    assert len(stored()) == before


def user_id() -> str:
    user = service.find_by_email(ORG, EMAIL)
    assert user is not None
    return user.id


def test_a_code_dies_with_five_wrong_guesses(register, mailbox):
    register()
    code = mailbox.code()

    for _ in range(5):
        with pytest.raises(Invalid, match="invalid_code"):
            service.verify(ORG, password=PASSWORD, email=EMAIL, code=wrong(code))
    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)

    assert store.find_challenge(ORG, Purpose.SIGN_UP, user_id()).tries == 5
    service.resend_code(ORG, email=EMAIL)
    assert service.verify(ORG, password=PASSWORD, email=EMAIL, code=mailbox.code()).user.verified


def test_a_code_survives_four_wrong_guesses(register, mailbox):
    register()
    code = mailbox.code()
    for _ in range(4):
        with pytest.raises(Invalid, match="invalid_code"):
            service.verify(ORG, password=PASSWORD, email=EMAIL, code=wrong(code))

    assert service.verify(ORG, password=PASSWORD, email=EMAIL, code=code).user.verified


def test_a_code_lasts_ten_minutes(register, mailbox):
    register()
    code = mailbox.code()

    with clock.travel(timedelta(minutes=10)), pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)
    with clock.travel(timedelta(minutes=9, seconds=50)):
        assert service.verify(ORG, password=PASSWORD, email=EMAIL, code=code).user.verified


def test_a_code_is_for_one_address_and_one_organization(register, mailbox):
    other = organizations.create("Other").id
    register()
    register(email="ben@shop.example")
    register(organization=other)
    code, bens = mailbox.code(), mailbox.code("ben@shop.example")

    for organization, email, brought in ((ORG, "ben@shop.example", code), (ORG, EMAIL, bens)):
        with pytest.raises(Invalid, match="invalid_code"):
            service.verify(organization, email=email, code=brought, password=PASSWORD)
    assert service.find_by_email(other, EMAIL).id != service.find_by_email(ORG, EMAIL).id


@pytest.mark.parametrize("code", ["000000", "", "12345", "١٢٣٤٥٦", "0" * 1000])
def test_a_guess_for_an_unknown_address_is_a_wrong_code(code):
    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=code)

    assert stored() == []


def test_the_decoy_of_an_unknown_address_can_not_be_met():
    service.resend_code(ORG, email=EMAIL)
    decoy = store.find_challenge(ORG, Purpose.SIGN_UP, store.nobody(EMAIL))

    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=service.code_of(decoy))

    assert facts() == []
    assert service.find_by_email(ORG, EMAIL) is None


# --- resending ----------------------------------------------------------------------------------------------


def test_a_new_code_ends_the_one_before(register, mailbox):
    register()
    first = mailbox.code()
    service.resend_code(ORG, email=EMAIL)
    second = mailbox.code()

    with pytest.raises(Invalid, match="invalid_code"):
        service.verify(ORG, password=PASSWORD, email=EMAIL, code=first if first != second else wrong(first))
    assert service.verify(ORG, password=PASSWORD, email=EMAIL, code=second).user.verified


def test_the_owner_of_a_proven_address_is_told_that_it_has_an_account(anna, mailbox):
    service.resend_code(ORG, email=EMAIL)

    assert [mail["template"] for mail in mailbox.collect()] == ["already_registered"]


def test_a_log_in_with_the_right_password_brings_a_code_to_an_unproven_address(register, mailbox):
    register()
    mailbox.code()

    with pytest.raises(Forbidden, match="email_not_verified"):
        log_in()
    with pytest.raises(Unauthorized, match="invalid_credentials"):
        log_in(password="a wrong password")

    assert len(mailbox.collect()) == 2
    assert service.verify(ORG, password=PASSWORD, email=EMAIL, code=mailbox.code()).user.verified


def test_an_unproven_address_is_refused_the_same_when_its_mails_are_used_up(register, mailbox):
    register()

    for _ in range(7):
        with pytest.raises(Forbidden, match="email_not_verified"):
            log_in()

    assert len({mail["once"] for mail in mailbox.collect()}) == len(mailbox.sent) == 1  # the others were replaced


# --- jobs ---------------------------------------------------------------------------------------------------


def test_a_code_is_mailed_once_however_often_its_message_comes(register, mailbox):
    register()
    (fact,) = deliver.facts()
    assert isinstance(fact, SignUpCodeIssued)

    outcomes = [jobs.mail_sign_up_code(fact) for _ in range(3)]

    assert outcomes == [Outcome.SUCCESS, Outcome.SKIPPED, Outcome.SKIPPED]
    assert len(mailbox.sent) == 1


def test_the_code_arrives_by_mail_and_logs_in(register):
    register(name="Anna Lind")
    register(email="ben@shop.example", name="Ben")

    deliver.all()

    mails = {mail.destinations["ToAddresses"][0]: mail.body for mail in sent_mails()}
    code = re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", mails[EMAIL])
    assert code is not None
    assert mails.keys() == {EMAIL, "ben@shop.example"}
    assert service.verify(ORG, password=PASSWORD, email=EMAIL, code=code[0]).user.verified


def sent_mails():
    return ses_backends[ACCOUNT][REGION].sent_messages


@pytest.mark.parametrize("late", ["replaced", "used", "expired"])
def test_a_code_that_nobody_waits_for_is_not_mailed(late, register, mailbox):
    register()
    (fact,) = deliver.facts()
    assert isinstance(fact, SignUpCodeIssued)
    if late == "replaced":
        service.resend_code(ORG, email=EMAIL)
    if late == "used":
        service.verify(
            ORG,
            email=EMAIL,
            password=PASSWORD,
            code=service.code_of(store.find_challenge(ORG, Purpose.SIGN_UP, user_id())),
        )

    with clock.travel(timedelta(minutes=11 if late == "expired" else 0)):
        assert jobs.mail_sign_up_code(fact) is Outcome.SKIPPED

    assert mailbox.sent == []


def test_a_user_who_is_gone_gets_no_mail(mailbox):
    gone = someone()

    assert jobs.mail_sign_up_code(SignUpCodeIssued(organization=ORG, user=gone, nonce="n")) is Outcome.SKIPPED
    again = AddressRegisteredAgain(organization=ORG, user=gone, nonce="n")
    assert jobs.mail_already_registered(again) is Outcome.SKIPPED


# --- users made without a code ------------------------------------------------------------------------------


def test_a_user_can_be_made_ready_to_log_in():
    made = service.create_user(
        ORG, email="Admin@shop.example", password=PASSWORD, name="Boss", roles=["admin"], language="en"
    )

    assert made == service.get_user(ORG, made.id) == service.find_by_email(ORG, "admin@SHOP.example")
    assert ids.is_id("usr", made.id)
    assert (made.language, made.verified) == ("en", True)
    assert made.roles == {"admin"}
    assert log_in("admin@shop.example").user == made
    assert facts() == []


def test_an_address_has_one_account_in_an_organization_and_may_have_one_in_another(anna):
    other = organizations.create("Other").id
    before = stored()

    with pytest.raises(Conflict, match="email_taken"):
        service.create_user(ORG, email=EMAIL.upper(), password=PASSWORD, name="Eve", roles=["customer"])
    assert stored() == before

    double = service.create_user(other, email=EMAIL, password=PASSWORD, name="Anna", roles=["customer"])
    assert double.id != anna.id


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"roles": ["root"]}, "unknown_role"),
        ({"email": "x"}, "invalid_email"),
        ({"password": "x"}, "password_length"),
    ],
)
def test_a_refused_user_is_not_stored(changed, code):
    given = {"email": EMAIL, "password": PASSWORD, "name": "Anna", "roles": ["customer"]} | changed

    with pytest.raises(Invalid, match=code):
        service.create_user(ORG, **given)

    assert stored() == []


def test_a_foreign_user_is_a_missing_one(anna):
    other = organizations.create("Other").id

    with pytest.raises(NotFound) as foreign:
        service.get_user(other, anna.id)
    with pytest.raises(NotFound) as missing:
        service.get_user(other, someone())

    assert (foreign.value.code, foreign.value.message) == (missing.value.code, missing.value.message)
    assert service.find_by_email(other, EMAIL) is None
    assert service.find_user(other, anna.id) is None
