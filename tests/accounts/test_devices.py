"""Where somebody is logged in: the list, its end, and how many there may be."""

from datetime import timedelta

import boto3
import pytest

from chalicelib.accounts import service, store
from chalicelib.accounts.model import MOST_SESSIONS
from chalicelib.core import clock
from chalicelib.core.errors import NotFound, Unauthorized
from tests.accounts.conftest import EMAIL, ORG, log_in, principal_of

pytestmark = pytest.mark.usefixtures("aws")

PHONE, DESK = "Mozilla/5.0 (iPhone) Safari/1", "Mozilla/5.0 (Windows) Chrome/1"


def at(seconds, device=""):
    """A log-in after so many seconds."""
    with clock.travel(timedelta(seconds=seconds)):
        return log_in(device=device)


def sessions(tokens):
    return service.list_sessions(principal_of(tokens))


def test_sessions_are_listed_by_device_the_newest_first(anna, make_user):
    make_user("ben@shop.example")
    log_in("ben@shop.example", device=DESK)
    phone, desk = at(0, PHONE), at(1, DESK)

    found = sessions(desk)

    assert [session.device for session in found.items] == ["Chrome on Windows", "Safari on iPhone"]
    assert found.current == desk.refresh_token.partition(".")[0]
    assert sessions(phone).current == phone.refresh_token.partition(".")[0]


def test_a_session_is_ended_from_another_device(anna):
    phone, desk = at(0, PHONE), at(1, DESK)
    lost = sessions(desk).items[1].id

    service.end_session(principal_of(desk), lost)
    service.end_session(principal_of(desk), lost)

    assert not service.session_lives(principal_of(phone))
    assert [session.id for session in sessions(desk).items] == [sessions(desk).current]


def test_nobody_ends_the_session_of_somebody_else(anna, make_user):
    make_user("ben@shop.example")
    tokens, bens = log_in(), log_in("ben@shop.example")

    for session_id in (sessions(bens).current, "ses_01KB0000000000000000000000", "x"):
        with pytest.raises(NotFound, match="session_not_found"):
            service.end_session(principal_of(tokens), session_id)

    assert service.session_lives(principal_of(bens))


def test_who_is_logged_out_everywhere_lists_nothing(anna):
    tokens = log_in()
    service.log_out(principal_of(tokens), everywhere=True)

    with pytest.raises(Unauthorized, match="session_ended"):
        sessions(tokens)
    assert len(sessions(at(1)).items) == 1


def test_one_session_too_many_ends_the_first(anna):
    begun = [at(number) for number in range(MOST_SESSIONS + 2)]

    living = [service.session_lives(principal_of(tokens)) for tokens in begun]

    assert living == [False, False] + [True] * MOST_SESSIONS
    assert len(sessions(begun[-1]).items) == MOST_SESSIONS


def test_a_session_that_ended_leaves_its_place(anna):
    begun = [at(number) for number in range(MOST_SESSIONS)]
    service.log_out(principal_of(begun[4]))

    begun.append(at(20))

    living = [service.session_lives(principal_of(tokens)) for tokens in begun]
    assert living == [number != 4 for number in range(MOST_SESSIONS + 1)]


@pytest.mark.parametrize("before", [0, 1, MOST_SESSIONS - 1, MOST_SESSIONS])
def test_of_two_who_log_in_together_nobody_is_one_too_many(before, anna, monkeypatch):
    """The second one has read the places before the first one took hers."""
    begun = [at(number) for number in range(before)]
    seen = store.places_of(ORG, anna.id)
    begun.append(at(20))
    real, asked = store.places_of, []

    def stale_at_first(*given):
        asked.append(given)
        return seen if len(asked) == 1 else real(*given)

    monkeypatch.setattr(store, "places_of", stale_at_first)
    begun.append(at(21))

    assert len(asked) == 2
    living = [service.session_lives(principal_of(tokens)) for tokens in begun]
    assert living == [number >= len(begun) - MOST_SESSIONS for number in range(len(begun))]


def test_a_session_of_release_1_is_listed_and_ends(anna):
    tokens = log_in()
    session = service.find_session(ORG, tokens.refresh_token.partition(".")[0])
    table = boto3.resource("dynamodb").Table("thepixstock-test-accounts")
    pk = f"T#{ORG}#USR#{anna.id}"
    table.delete_item(Key={"pk": pk, "sk": f"PLACE#{session.place}"})
    table.update_item(Key={"pk": f"T#{ORG}#SES#{session.id}", "sk": "-"}, UpdateExpression="REMOVE place")
    table.put_item(Item={"pk": pk, "sk": f"SES#{session.id}", "session": session.id, "version": 1})

    assert [each.id for each in sessions(tokens).items] == [session.id]
    service.end_session(principal_of(tokens), session.id)

    assert not service.session_lives(principal_of(tokens))


# --- new devices --------------------------------------------------------------------------------------------


def notices(mailbox):
    return [mail["values"]["device"] for mail in mailbox.collect() if mail["template"] == "new_device"]


def test_an_owner_hears_of_a_device_that_is_new(anna, mailbox):
    at(0, DESK)
    at(1, DESK)
    assert notices(mailbox) == []

    at(2, PHONE)
    at(3, PHONE)

    assert notices(mailbox) == ["Safari on iPhone"]
    (mail,) = [mail for mail in mailbox.sent if mail["template"] == "new_device"]
    assert (mail["to"], mail["values"].keys()) == (EMAIL, {"name", "device", "at"})


def test_a_device_is_known_after_its_session_ended(anna, mailbox):
    desk = at(0, DESK)
    at(1, PHONE)
    service.log_out(principal_of(desk))

    at(2, DESK)

    assert notices(mailbox) == ["Safari on iPhone"]
