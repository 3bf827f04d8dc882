import json
from datetime import date

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.core import sealing
from chalicelib.organizations.service import DEFAULT
from chalicelib.profiles import store
from chalicelib.profiles.service import people
from tests.profiles.conftest import IIN, refusal
from tests.stack import client

NUMBER = {"country": "KZ", "number": IIN}


def stored() -> str:
    return json.dumps(client("dynamodb").scan(TableName="thepixstock-test-profiles")["Items"])


def test_a_profile_starts_with_what_the_account_knows(anna):
    shown = anna.get("/users/profile")

    assert shown == {
        "id": anna.principal.user,
        "email": "anna@shop.example",
        "phone": None,
        "name": "Anna",
        "language": "th",
        "verified": True,
        "roles": ["customer"],
        "firstName": None,
        "lastName": None,
        "birthDate": None,
        "nationalId": None,
        "avatarUrl": None,
        "avatarPending": False,
        "avatarFailure": None,
        "changedAt": None,
        "version": 0,
    }
    assert stored() == "[]"


def test_only_what_is_sent_changes(anna):
    anna.put("/users/profile", {"version": 0, "firstName": "Anna", "lastName": "Bird", "birthDate": "1990-01-01"})

    changed = anna.put("/users/profile", {"version": 1, "name": "Annie", "language": "en", "lastName": None})

    assert (changed["firstName"], changed["lastName"], changed["birthDate"]) == ("Anna", None, "1990-01-01")
    assert (changed["name"], changed["language"], changed["version"]) == ("Annie", "en", 2)
    assert anna.get("/users/profile") == changed
    user = accounts.get_user(DEFAULT, anna.principal.known_user)
    assert (user.name, user.language, user.version) == ("Annie", "en", 2)


def test_a_change_of_what_is_over_is_refused_and_changes_nothing(anna):
    anna.put("/users/profile", {"version": 0, "firstName": "Anna"})

    for version in (0, 2):
        told = {"version": version, "firstName": "Eve", "name": "Eve"}
        assert refusal(anna.call("PUT", "/users/profile", told)) == (409, "version_conflict")

    shown = anna.get("/users/profile")
    assert (shown["firstName"], shown["name"]) == ("Anna", "Anna")


def test_two_who_change_at_once_do_not_both_win(anna, monkeypatch):
    at_once = store.profile_of(DEFAULT, anna.principal.known_user)
    anna.put("/users/profile", {"version": 0, "firstName": "First"})
    monkeypatch.setattr(store, "profile_of", lambda *_: at_once)

    assert refusal(anna.call("PUT", "/users/profile", {"version": 0, "firstName": "Second"})) == (
        409,
        "version_conflict",
    )
    monkeypatch.undo()
    assert anna.get("/users/profile")["firstName"] == "First"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"birthDate": "2999-01-01"}, "invalid_birth_date"),
        ({"birthDate": "1899-12-31"}, "invalid_birth_date"),
        ({"firstName": "two\nlines"}, "one_line_expected"),
        ({"lastName": "   "}, "one_line_expected"),
        ({"name": "\u202ereversed"}, "invalid_name"),
        ({"nationalId": {"country": "KZ", "number": "900101300018"}}, "invalid_national_id"),
        ({"nationalId": {"country": "DE", "number": "1"}}, "unknown_country"),
        ({"nationalId": NUMBER, "birthDate": "1990-01-02"}, "birth_date_differs"),
        ({"nationalId": "900101300017"}, "validation_failed"),
        ({"name": None}, "validation_failed"),
        ({"email": "other@shop.example"}, "validation_failed"),
        ({"avatar": {"shown": 1}}, "validation_failed"),
    ],
)
def test_what_can_not_be_is_refused(anna, told, code):
    assert refusal(anna.call("PUT", "/users/profile", {"version": 0} | told)) == (400, code)
    assert stored() == "[]"


# --- the national id ----------------------------------------------------------------------------------------


def test_a_national_id_is_sealed_and_shown_by_its_end(anna):
    shown = anna.put("/users/profile", {"version": 0, "nationalId": NUMBER, "birthDate": "1990-01-01"})

    assert shown["nationalId"] == {"country": "KZ", "masked": f"********{IIN[-4:]}"}
    assert IIN not in stored()
    profile = store.profile_of(DEFAULT, anna.principal.known_user)
    assert people.number_of(profile) == IIN
    assert profile.birth_date == date(1990, 1, 1)
    assert IIN not in repr(profile)


def test_a_birth_date_that_the_stored_number_denies_is_refused(anna):
    anna.put("/users/profile", {"version": 0, "nationalId": NUMBER})

    assert refusal(anna.call("PUT", "/users/profile", {"version": 1, "birthDate": "1991-01-01"})) == (
        400,
        "birth_date_differs",
    )
    assert (
        anna.put("/users/profile", {"version": 1, "nationalId": None, "birthDate": "1991-01-01"})["nationalId"] is None
    )


def test_a_number_does_not_open_in_the_profile_of_somebody_else(anna, berta):
    anna.put("/users/profile", {"version": 0, "nationalId": NUMBER})
    hers = store.profile_of(DEFAULT, anna.principal.known_user).national_id
    assert hers is not None

    with pytest.raises(sealing.NotSealed):
        sealing.unseal(DEFAULT, f"national-id#{berta.principal.user}", hers.sealed)


def test_a_visitor_and_a_session_that_ended_see_nothing(anna):
    accounts.log_out(anna.principal)

    assert refusal(anna.call("GET", "/users/profile")) == (401, "session_ended")


def test_the_audit_log_knows_what_changed_and_nothing_of_it(anna):
    anna.put("/users/profile", {"version": 0, "lastName": "Bird", "nationalId": NUMBER, "language": "en"})
    anna.put("/users/profile", {"version": 1, "name": "Annie"})

    entries = client("dynamodb").scan(TableName="thepixstock-test-audit")["Items"]
    entries = sorted((each for each in entries if each["action"]["S"] == "profile.changed"), key=lambda e: e["sk"]["S"])
    assert [json.loads(entry["after"]["S"]) for entry in entries] == [
        {"last_name": "***", "national_id": "***", "language": "en"},
        {"name": "***"},
    ]
    assert not any(secret in json.dumps(entries) for secret in ("Bird", "Annie", IIN))
