from datetime import timedelta

import pytest
from moto.ses.models import ses_backends

from chalicelib.accounts import jobs
from chalicelib.accounts import service as accounts
from chalicelib.accounts.administration import service
from chalicelib.accounts.messages import SampleAsked
from chalicelib.accounts.model import Phone, Tokens
from chalicelib.accounts.store import UserRecord
from chalicelib.accounts.store import people as records
from chalicelib.audit import service as audit
from chalicelib.audit.model import MASK, Search
from chalicelib.core import auth, clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unauthorized
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from tests import deliver
from tests.accounts.conftest import ORG, PASSWORD
from tests.stack import ACCOUNT, REGION

OTHER = ids.derived("org", "another")
PAGE = PageRequest()


def person(email, name="Anna", role="customer", organization=ORG):
    return accounts.create_user(organization, email=email, password=PASSWORD, name=name, roles=[role], language="en")


def log_in(user):
    tokens = accounts.log_in(ORG, email=user.email, password=PASSWORD)
    assert isinstance(tokens, Tokens)
    return tokens


def principal_of(user):
    return auth.verify(log_in(user).access_token, ORG)


@pytest.fixture
def boss(aws) -> Principal:
    return principal_of(person("boss@shop.example", "Boss", "admin"))


@pytest.fixture
def people(aws):
    known = {"anna": "Anna", "aenne": "Änne", "bert": "Bert", "anton": "ANTON"}
    return [person(f"{mailbox}@shop.example", f"{name} Sea") for mailbox, name in known.items()]


def names(page):
    return [user.name for user in page.items]


def found(**by):
    return names(service.find_people(ORG, PAGE, **({"name": None, "email": None, "phone": None} | by)))


def entries(user):
    return audit.find(ORG, Search(entity=("user", user.id)), PAGE).items


# --- finding ------------------------------------------------------------------------------------------------


def test_people_are_listed_by_name(people):
    person("anna@other.example", "Foreign", organization=OTHER)

    assert found() == ["Anna Sea", "ANTON Sea", "Bert Sea", "Änne Sea"]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ({"name": "an"}, ["Anna Sea", "ANTON Sea"]),
        ({"name": "AN"}, ["Anna Sea", "ANTON Sea"]),
        ({"name": "A\u0308"}, ["Änne Sea"]),
        ({"name": "sea"}, []),
        ({"email": "ANT"}, ["ANTON Sea"]),
        ({"email": "bert@shop.example"}, ["Bert Sea"]),
        ({"phone": "+66"}, []),
    ],
)
def test_people_are_found_by_how_something_begins(people, by, expected):
    assert found(**by) == expected


def test_people_are_found_by_their_phone(people):
    anna = people[0]
    transact(records.save(anna.add_phone("+66812345678"), was=anna))

    assert found(phone="+6681") == ["Anna Sea"]
    assert found(phone="+6689") == []


def test_two_searches_at_once_are_refused(aws):
    with pytest.raises(Invalid, match="one_list_at_a_time"):
        found(name="a", email="b")


def test_a_new_name_is_found_and_the_old_one_is_not(people, boss):
    service.change_person(boss, people[0].id, name="Zoe", language=None)

    assert found(name="zo") == ["Zoe"]
    assert found(name="anna") == []


def test_lists_hold_no_digest(people):
    (held,) = UserRecord.by_email.query(records.people_pk(ORG), UserRecord.email_sk.startswith("anna"))

    assert held.password is None
    assert held.name is None


def test_a_user_of_the_first_schema_is_found_once_upgraded(people):
    anna = people[0]
    whole = records._user(anna).serialize()
    added = {name for name in whole if name.endswith(("_pk", "_sk"))} | {"schema"}
    old = {name: value for name, value in whole.items() if name not in added}

    assert UserRecord.upgraded(old) == whole | {"version": old["version"]}


def test_pages_of_people_follow_each_other(people):
    first = service.find_people(ORG, PageRequest(size=3), name=None, email=None, phone=None)
    second = service.find_people(ORG, PageRequest(size=3, cursor=first.cursor), name=None, email=None, phone=None)

    assert len(first.items) == 3
    assert names(second) == ["Änne Sea"]


# --- changing -----------------------------------------------------------------------------------------------


def test_a_correction_is_audited_without_the_name(people, boss):
    anna = people[0]

    changed = service.change_person(boss, anna.id, name="  Anna   Lake ", language="th")

    assert (changed.name, changed.language) == ("Anna Lake", "th")
    assert accounts.get_user(ORG, anna.id) == changed
    (entry,) = entries(anna)
    assert (entry.action, entry.actor) == ("user.changed", boss.user)
    assert entry.after == {"name": MASK} | ({"language": "th"} if anna.language != "th" else {})


def test_nothing_changed_is_nothing_written(people, boss):
    anna = people[0]

    assert service.change_person(boss, anna.id, name=anna.name, language=None) == anna

    assert entries(anna) == []


def test_a_foreign_person_is_a_missing_one(boss):
    foreign = person("foreign@other.example", organization=OTHER)

    for call in (
        lambda: service.get_person(ORG, foreign.id),
        lambda: service.change_person(boss, foreign.id, name="X", language=None),
        lambda: service.block(boss, foreign.id, blocked=True, reason=""),
        lambda: service.dismiss(boss, foreign.id),
    ):
        with pytest.raises(NotFound, match="user_not_found"):
            call()


# --- blocking -----------------------------------------------------------------------------------------------


def test_who_is_blocked_is_out_at_once(people, boss):
    anna = people[0]
    tokens = log_in(anna)
    holder = auth.verify(tokens.access_token, ORG)
    assert accounts.stands(holder)

    blocked = service.block(boss, anna.id, blocked=True, reason="spam")

    assert (blocked.blocked, blocked.block_reason) == (True, "spam")
    assert not accounts.stands(holder)
    assert not accounts.session_lives(holder)
    with pytest.raises(Unauthorized, match="invalid_refresh_token"):
        accounts.refresh(ORG, tokens.refresh_token)
    with pytest.raises(Forbidden, match="account_blocked"):
        accounts.log_in(ORG, email=anna.email, password=PASSWORD)
    (entry,) = entries(anna)
    assert (entry.action, entry.before, entry.after) == (
        "user.blocked",
        {"blocked": False, "reason": None},
        {"blocked": True, "reason": "spam"},
    )


def test_only_who_knows_the_password_learns_of_the_block(people, boss):
    service.block(boss, people[0].id, blocked=True, reason="")

    with pytest.raises(Unauthorized, match="invalid_credentials"):
        accounts.log_in(ORG, email=people[0].email, password="a wrong password")


def test_who_is_let_in_again_starts_a_new_session(people, boss):
    anna = people[0]
    tokens = log_in(anna)
    service.block(boss, anna.id, blocked=True, reason="spam")

    unblocked = service.block(boss, anna.id, blocked=False, reason="")

    assert (unblocked.blocked, unblocked.block_reason) == (False, None)
    with clock.travel(timedelta(minutes=1)), pytest.raises(Unauthorized, match="invalid_refresh_token"):
        accounts.refresh(ORG, tokens.refresh_token)
    assert accounts.stands(principal_of(anna))
    assert [entry.action for entry in entries(anna)] == ["user.unblocked", "user.blocked"]


def test_to_block_twice_is_to_block_once(people, boss):
    first = service.block(boss, people[0].id, blocked=True, reason="spam")

    assert service.block(boss, people[0].id, blocked=True, reason="again") == first

    assert len(entries(people[0])) == 1


def test_nobody_blocks_themselves(boss):
    with pytest.raises(Conflict, match="own_account"):
        service.block(boss, boss.user, blocked=True, reason="")


# --- roles --------------------------------------------------------------------------------------------------


def test_nobody_reaches_above_themselves(people, boss):
    owner = person("owner@shop.example", "Owner", "owner")

    for call in (
        lambda: service.block(boss, owner.id, blocked=True, reason=""),
        lambda: service.change_person(boss, owner.id, name="X", language=None),
    ):
        with pytest.raises(Forbidden, match="beyond_your_rights"):
            call()
    for call in (lambda: service.dismiss(boss, owner.id), lambda: service.appoint(boss, people[0].email, "owner")):
        with pytest.raises(Conflict, match="owner_stays"):
            call()

    assert accounts.get_user(ORG, owner.id) == owner
    assert accounts.get_user(ORG, people[0].id) == people[0]


def test_who_is_appointed_works_here_until_they_are_dismissed(people, boss):
    anna = people[0]
    assert names(service.list_staff(ORG, PAGE)) == ["Boss"]

    appointed = service.appoint(boss, anna.email, "support")

    assert appointed.roles == {"customer", "support"}
    assert names(service.list_staff(ORG, PAGE)) == ["Anna Sea", "Boss"]

    service.dismiss(boss, anna.id)

    assert accounts.get_user(ORG, anna.id).roles == {"customer"}
    assert names(service.list_staff(ORG, PAGE)) == ["Boss"]
    assert [entry.action for entry in entries(anna)] == ["user.roles_changed"] * 2


@pytest.mark.parametrize("role", ["customer", "photographer", "root"])
def test_only_roles_of_staff_appoint(people, boss, role):
    with pytest.raises(Invalid, match="no_staff_role"):
        service.appoint(boss, people[0].email, role)


def test_nobody_is_appointed_who_has_no_account(boss):
    with pytest.raises(NotFound, match="user_not_found"):
        service.appoint(boss, "nobody@shop.example", "support")


def test_only_staff_is_dismissed(people, boss):
    with pytest.raises(NotFound, match="user_not_found"):
        service.dismiss(boss, people[0].id)


def test_an_unproven_phone_is_searchable_too():
    keys = records._list_keys(ORG, "usr_1", "Anna", None, Phone("+66812345678").number, ["customer"])

    assert keys["phone_sk"] == "+66812345678#usr_1"
    assert "email_pk" not in keys


def test_a_name_that_grows_by_folding_fits_into_a_key():
    keys = records._list_keys(ORG, "usr_1", "\ufdfa" * 80, None, None, [])

    assert len(keys["name_sk"].encode()) < 1024


# --- samples of notices -------------------------------------------------------------------------------------


def mails():
    return [(mail.destinations["ToAddresses"], mail.subject) for mail in ses_backends[ACCOUNT][REGION].sent_messages]


def test_a_sample_goes_to_the_callers_own_address_once(boss):
    service.ask_for_sample(boss, "refunded", "email", "en")
    (fact,) = deliver.facts()
    assert isinstance(fact, SampleAsked)

    assert [jobs.send_sample(fact) for _ in range(2)] == [Outcome.SUCCESS, Outcome.SKIPPED]

    assert mails() == [(["boss@shop.example"], "Your refund for order K7M2Q9XR")]


@pytest.mark.parametrize("channel", ["sms", "inapp"])
def test_who_has_no_address_on_a_channel_gets_no_sample(boss, channel):
    kind = "new_device"

    with pytest.raises(Conflict, match="address_not_proven"):
        service.ask_for_sample(boss, kind, channel, "en")

    assert deliver.facts() == []


def test_there_is_a_sample_only_of_what_people_are_told(boss):
    with pytest.raises(NotFound, match="template_not_found"):
        service.ask_for_sample(boss, "none", "email", "en")


def test_samples_are_few(boss):
    for _ in range(20):
        service.ask_for_sample(boss, "refunded", "email", "en")

    with pytest.raises(Limited):
        service.ask_for_sample(boss, "refunded", "email", "en")


def test_a_sample_is_not_sent_to_an_address_that_went_meanwhile(boss):
    service.ask_for_sample(boss, "refunded", "email", "en")
    (fact,) = deliver.facts()
    assert isinstance(fact, SampleAsked)
    accounts.erase_person(ORG, boss.known_user)

    assert jobs.send_sample(fact) is Outcome.SKIPPED
    assert mails() == []
