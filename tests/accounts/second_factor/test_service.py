from datetime import timedelta

import boto3
import pytest
from moto.ses.models import ses_backends

from chalicelib.accounts import service as accounts
from chalicelib.accounts.messages import AccountChanged
from chalicelib.accounts.second_factor import service, store
from chalicelib.accounts.second_factor.model import CHALLENGE_LASTS, FRESH, RECOVERY_CODES, Status
from chalicelib.core import clock, limits, sealing
from chalicelib.core.errors import Conflict, Forbidden, Invalid, Limited, NotFound, Unauthorized
from tests import deliver
from tests.accounts.conftest import EMAIL, ORG, PASSWORD, log_in, principal_of, stored
from tests.accounts.second_factor.conftest import STEP, challenge_of, code_of, finish
from tests.stack import ACCOUNT, REGION

ADMIN = "boss@shop.example"


@pytest.fixture
def admin(make_user):
    make_user(ADMIN, roles=("admin",))
    return principal_of(log_in(ADMIN))


# --- setting up ---------------------------------------------------------------------------------------------


def test_without_one_a_password_is_enough(anna):
    assert log_in().access_token


def test_what_is_set_up_counts_only_after_a_code(session):
    service.set_up(session)

    assert log_in().access_token
    assert service.status(session) == Status(enabled=False, required=False, recovery_codes_left=0)


def test_the_secret_is_sealed_and_recovery_codes_are_digests(session):
    setup = service.set_up(session)

    kept = str(boto3.client("dynamodb").scan(TableName="thepixstock-test-accounts")["Items"])
    assert setup.secret not in kept
    assert not [code for code in setup.recovery_codes if code in kept or code.replace("-", "") in kept]
    assert len(set(setup.recovery_codes)) == RECOVERY_CODES
    assert "secret=" + setup.secret in setup.uri
    assert setup.uri.startswith("otpauth://totp/")
    assert setup.qr.startswith("<svg")


def test_a_code_enables_it_and_log_ins_ask(session):
    setup = service.set_up(session)

    status = service.enable(session, code_of(setup))

    assert status == Status(enabled=True, required=False, recovery_codes_left=RECOVERY_CODES)
    assert challenge_of().enrolled is True


def test_enabling_ends_all_other_sessions(session):
    other = log_in()
    setup = service.set_up(session)

    service.enable(session, code_of(setup))

    with pytest.raises(Unauthorized):
        accounts.refresh(ORG, other.refresh_token)
    assert accounts.me(session).email == EMAIL


def test_a_wrong_code_enables_nothing(session):
    setup = service.set_up(session)
    before = stored()

    with pytest.raises(Invalid) as refusal:
        service.enable(session, f"{(int(code_of(setup)) + 1) % 10**6:06d}")

    assert (refusal.value.code, refusal.value.field) == ("invalid_code", "code")
    assert stored() == before


def test_the_code_that_enabled_it_may_come_again(session):
    setup = service.set_up(session)
    code = code_of(setup)
    first = service.enable(session, code)

    assert service.enable(session, code) == first


def test_another_code_does_not_enable_it_again(enrolled, session):
    with pytest.raises(Conflict, match="second_factor_enabled"):
        service.enable(session, code_of(enrolled))


def test_one_in_use_is_not_replaced(enrolled, session):
    challenge = challenge_of()
    before = stored()

    for presented in (None, challenge.challenge):
        with pytest.raises(Conflict, match="second_factor_enabled"):
            service.set_up(session, presented)

    assert stored() == before


def test_an_old_session_changes_nothing(enrolled, session):
    with clock.travel(FRESH + timedelta(seconds=1)):
        for change in (
            lambda: service.set_up(session),
            lambda: service.disable(session, code_of(enrolled)),
            lambda: service.renew_recovery_codes(session, code_of(enrolled)),
        ):
            with pytest.raises(Forbidden, match="log_in_again"):
                change()

    assert challenge_of().enrolled


def test_setting_up_takes_a_challenge_that_is_ours(anna):
    for forged in ("", "x", f"{anna.id}.{2**40}.x", f"{anna.id}.²." + "x" * 43, "usr_1.2.3"):
        with pytest.raises(Unauthorized):
            service.challenged(ORG, forged)


# --- logging in ---------------------------------------------------------------------------------------------


def test_a_code_ends_the_log_in(enrolled):
    tokens = finish(challenge_of().challenge, code_of(enrolled))

    assert accounts.me(principal_of(tokens)).email == EMAIL


@pytest.mark.parametrize("drift", [-STEP, timedelta(0), STEP])
def test_a_clock_may_be_half_a_minute_off(enrolled, drift):
    assert finish(challenge_of().challenge, code_of(enrolled, drift)).access_token


@pytest.mark.parametrize("drift", [-3 * STEP, 3 * STEP])
def test_a_code_of_another_minute_is_refused(enrolled, drift):
    with pytest.raises(Invalid, match="invalid_code"):
        finish(challenge_of().challenge, code_of(enrolled, drift))


def test_no_code_is_used_twice_nor_an_older_one_after_it(enrolled):
    challenge = challenge_of().challenge
    older, code = code_of(enrolled), code_of(enrolled, STEP)
    finish(challenge, code)

    for again in (code, older):
        with pytest.raises(Invalid):
            finish(challenge, again)


def test_a_challenge_runs_out(enrolled):
    challenge = challenge_of().challenge

    with clock.travel(CHALLENGE_LASTS), pytest.raises(Unauthorized, match="invalid_challenge"):
        finish(challenge, code_of(enrolled))


def test_a_challenge_of_before_a_change_of_roles_is_worthless(enrolled, admin, anna):
    challenge = challenge_of().challenge
    accounts.set_roles(admin, anna.id, ["photographer"])

    with pytest.raises(Unauthorized, match="invalid_challenge"):
        finish(challenge, code_of(enrolled))


def test_a_challenge_is_for_its_organization_only(enrolled):
    challenge = challenge_of().challenge

    with pytest.raises(Unauthorized):
        accounts.log_in_with_second_factor("org_other", challenge=challenge, code=code_of(enrolled))


def test_a_challenge_is_no_token(enrolled):
    with pytest.raises(Unauthorized):
        accounts.refresh(ORG, challenge_of().challenge)


def test_codes_are_tried_ten_times_in_a_quarter_of_an_hour(enrolled):
    with clock.travel(timedelta(minutes=15)):  # the code that enabled the app was of another quarter
        challenge = challenge_of().challenge
        for _ in range(10):
            with pytest.raises(Invalid):
                finish(challenge, "000000")

        with pytest.raises(Limited):
            finish(challenge, code_of(enrolled))
        with pytest.raises(Limited):  # nor with a new challenge
            finish(challenge_of().challenge, code_of(enrolled))
        with clock.travel(timedelta(minutes=16)):
            assert finish(challenge_of().challenge, code_of(enrolled)).access_token


def test_codes_are_tried_fifty_times_a_day(enrolled, anna):
    for _ in range(50 - 1):
        limits.take(ORG, "second-factor-86400", anna.id, limit=50, seconds=86400)

    with pytest.raises(Limited):
        finish(challenge_of().challenge, code_of(enrolled))


# --- recovery codes -----------------------------------------------------------------------------------------


def test_a_recovery_code_works_once_however_it_is_typed(enrolled):
    typed = enrolled.recovery_codes[3].lower().replace("-", " ")

    tokens = finish(challenge_of().challenge, typed)

    assert service.status(principal_of(tokens)).recovery_codes_left == RECOVERY_CODES - 1
    with pytest.raises(Invalid):
        finish(challenge_of().challenge, enrolled.recovery_codes[3])


def test_recovery_codes_of_what_was_only_set_up_open_nothing(make_user, require):
    make_user(ADMIN, roles=("admin",))
    require("admin")
    challenge = challenge_of(ADMIN).challenge
    setup = service.set_up(principal_of_nobody(), challenge)

    with pytest.raises(Invalid):
        finish(challenge, setup.recovery_codes[0])


def principal_of_nobody():
    return service.Principal(ORG)


def test_new_recovery_codes_end_those_before(enrolled, session):
    fresh = service.renew_recovery_codes(session, code_of(enrolled))

    with pytest.raises(Invalid):
        finish(challenge_of().challenge, enrolled.recovery_codes[0])
    assert finish(challenge_of().challenge, fresh[0]).access_token


# --- taking away --------------------------------------------------------------------------------------------


def test_its_owner_disables_it_with_a_code(enrolled, session):
    service.disable(session, code_of(enrolled))

    assert log_in().access_token
    assert service.status(session).enabled is False


def test_it_is_not_disabled_without_a_code(enrolled, session):
    with pytest.raises(Invalid):
        service.disable(session, "000000")

    assert challenge_of().enrolled


def test_it_is_not_disabled_where_the_role_needs_it(enrolled, session, admin, anna, require):
    accounts.set_roles(admin, anna.id, ["photographer"])
    require("photographer")

    with pytest.raises(Conflict, match="second_factor_required"):
        service.disable(session, code_of(enrolled))


def test_staff_takes_it_away_from_who_lost_it(enrolled, session, admin, anna):
    service.reset(admin, anna.id)

    with pytest.raises(Unauthorized):
        accounts.me(session)
    assert log_in().access_token


def test_nobody_resets_their_own_nor_a_foreign_one(admin):
    with pytest.raises(Conflict, match="own_second_factor"):
        service.reset(admin, admin.known_user)
    with pytest.raises(NotFound):
        service.reset(admin, "usr_other")


def test_changes_stand_in_the_audit_log(enrolled, session):
    service.disable(session, code_of(enrolled))

    entries = boto3.client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]
    assert [entry["action"]["S"] for entry in sorted(entries, key=lambda entry: entry["sk"]["S"])] == [
        "user.second_factor_enabled",
        "user.second_factor_disabled",
    ]


# --- required by role ---------------------------------------------------------------------------------------


def test_who_has_a_role_that_needs_one_sets_it_up_while_logging_in(make_user, require):
    make_user(ADMIN, roles=("admin",))
    require("admin")
    asked = challenge_of(ADMIN)
    assert asked.enrolled is False

    setup = service.set_up(principal_of_nobody(), asked.challenge)
    tokens = finish(asked.challenge, code_of(setup))

    assert service.status(principal_of(tokens)) == Status(True, True, RECOVERY_CODES)
    assert challenge_of(ADMIN).enrolled is True


def test_other_roles_go_on_with_one(anna, require):
    require("admin")

    assert log_in().access_token


def test_a_session_of_one_factor_ends_at_its_next_refresh(make_user, require):
    make_user(ADMIN, roles=("admin",))
    tokens = log_in(ADMIN)
    require("admin")

    with pytest.raises(Unauthorized, match="second_factor_required"):
        accounts.refresh(ORG, tokens.refresh_token)


def test_the_policy_is_changed_by_version_and_knows_its_roles(admin):
    changed = service.set_policy(admin, roles=frozenset({"admin", "owner"}), version=0)

    assert service.policy(ORG) == changed
    assert changed.roles == {"admin", "owner"}
    assert changed.version == 1
    with pytest.raises(Conflict, match="version_conflict"):
        service.set_policy(admin, roles=frozenset(), version=0)
    for unknown in ("root", "customer"):
        with pytest.raises(Invalid, match="unknown_role"):
            service.set_policy(admin, roles=frozenset({unknown}), version=1)
    assert service.policy(ORG) == changed


# --- rotation -----------------------------------------------------------------------------------------------


def test_using_it_seals_it_under_the_key_in_use(enrolled, anna, monkeypatch):
    before = store.find(ORG, anna.id).secret
    monkeypatch.setattr(sealing, "is_outdated", lambda sealed: sealed == before)

    finish(challenge_of().challenge, code_of(enrolled))

    after = store.find(ORG, anna.id).secret
    assert after != before
    assert sealing.unseal(ORG, f"totp#{anna.id}", after) == enrolled.secret


def test_a_secret_opens_for_its_owner_only(enrolled, anna):
    with pytest.raises(sealing.NotSealed):
        sealing.unseal(ORG, "totp#usr_other", store.find(ORG, anna.id).secret)


def test_the_password_alone_still_counts_failures(enrolled):
    for _ in range(9):
        with pytest.raises(Unauthorized):
            accounts.log_in(ORG, email=EMAIL, password="a wrong password")

    assert accounts.log_in(ORG, email=EMAIL, password=PASSWORD)


# --- telling its owner --------------------------------------------------------------------------------------


def notices():
    """What owners are told, in the order of the facts."""
    return [fact.notice.value for fact in deliver.facts() if isinstance(fact, AccountChanged)]


def test_its_owner_hears_when_it_is_turned_on_and_off(session):
    setup = service.set_up(session)
    assert notices() == []

    service.enable(session, code_of(setup))
    assert notices() == ["second_factor_on"]
    with clock.travel(STEP):
        service.disable(session, code_of(setup))

    assert notices() == ["second_factor_on", "second_factor_off"]
    deliver.all()
    assert len(mails()) >= 2


def test_its_owner_hears_of_a_recovery_code_and_not_of_one_of_the_app(enrolled):
    before = len(notices())
    finish(challenge_of().challenge, code_of(enrolled))
    assert len(notices()) == before

    finish(challenge_of().challenge, enrolled.recovery_codes[0])

    assert notices()[before:] == ["recovery_code_used"]


def test_whoever_lost_it_hears_that_staff_took_it_away(enrolled, anna, admin):
    before = len(notices())

    service.reset(admin, anna.id)

    assert notices()[before:] == ["second_factor_off"]


def mails():
    return [mail.subject for mail in ses_backends[ACCOUNT][REGION].sent_messages]
