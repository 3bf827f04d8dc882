"""Websockets from the ticket to the last fact, as API Gateway tells of them."""

import json
from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.core import clock, ids, log
from chalicelib.core.errors import Conflict, Limited, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.live import model, service, sockets, store
from chalicelib.live.model import CONNECTION_LASTS, KEPT_FOR, LEASE, MOST_GROUPS, MOST_MESSAGES, OPENING
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.live.conftest import HIDDEN, event, open_event
from tests.stack import client

ORDER = ids.derived("ord", "one")
OTHER = ids.derived("usr", "another one")
GROUP = f"order:{ORDER}"
REFUSED = {"statusCode": 403}
TAKEN = {"statusCode": 200}


def tell(status: str, group: str = GROUP, organization: str = DEFAULT) -> Outcome:
    with log.correlated(f"cor-{status}"):
        return service.publish(organization, group, "OrderUpdate", status, lambda: {"status": status})


def statuses(facts) -> list[str]:
    return [fact["data"]["status"] for fact in facts]


def stored() -> set[tuple[str, str]]:
    items = client("dynamodb").scan(TableName="thepixstock-test-connections")["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]) for item in items if "#LOG#" not in item["pk"]["S"]}


# --- opening ------------------------------------------------------------------------------------------------


def test_a_ticket_opens_one_connection_which_listens_for_its_user_and_roles(api, principal_of):
    anna = principal_of("anna", "manager", "photographer")
    opened = service.open_ticket(anna)

    assert sockets.connect(open_event("one", opened.ticket)) == TAKEN
    assert sockets.connect(open_event("two", opened.ticket)) == REFUSED

    assert opened.url == "wss://live.execute-api.us-east-1.amazonaws.com/api"
    assert set(opened.groups) == {f"user:{anna.user}", "role:manager", "role:photographer"}
    connection = store.find("one")
    assert connection.groups == set(opened.groups)
    assert (connection.organization, connection.principal.permissions) == (DEFAULT, anna.permissions)
    assert store.find("two") is None


def test_a_ticket_is_good_for_half_a_minute(api, principal_of):
    opened = service.open_ticket(principal_of("anna"))

    with clock.travel(timedelta(seconds=31)):
        assert sockets.connect(open_event("late", opened.ticket)) == REFUSED

    assert store.find("late") is None


@pytest.mark.parametrize("ticket", ["", "made-up", "x" * 3000])
def test_what_is_no_ticket_opens_nothing(api, ticket):
    assert sockets.connect(open_event("stranger", ticket)) == REFUSED
    assert sockets.connect(event("stranger", headers=None, queryStringParameters=None)) == REFUSED
    assert stored() == set()


def test_a_ticket_is_stored_as_its_digest(api, principal_of):
    opened = service.open_ticket(principal_of("anna"))

    held = json.dumps(client("dynamodb").scan(TableName="thepixstock-test-connections")["Items"])
    assert opened.ticket not in held
    assert ids.digest(opened.ticket) in held


def test_two_connections_that_bring_the_same_ticket_at_once_are_one(api, principal_of, monkeypatch):
    opened = service.open_ticket(principal_of("anna"))
    ticket = store.find_ticket(ids.digest(opened.ticket))
    monkeypatch.setattr(store, "find_ticket", lambda digest: ticket)  # both have read it before either uses it

    answers = [sockets.connect(open_event(name, opened.ticket)) for name in ("one", "two")]

    assert answers == [TAKEN, REFUSED]
    assert store.find("two") is None


def test_a_page_of_a_foreign_origin_is_refused_and_the_ticket_still_good(api, principal_of):
    organizations.update(DEFAULT, version=organizations.get(DEFAULT).version, origins=("https://own.example",))
    opened = service.open_ticket(principal_of("anna"))

    assert sockets.connect(open_event("evil", opened.ticket, "https://evil.example")) == REFUSED
    assert sockets.connect(open_event("null", opened.ticket, "null")) == REFUSED
    assert sockets.connect(open_event("own", opened.ticket, "https://own.example")) == TAKEN


def test_nobody_asks_for_tickets_without_end(api, principal_of, monkeypatch):
    anna, now = principal_of("anna"), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)  # within one minute
    for _ in range(30):
        service.open_ticket(anna)

    with pytest.raises(Limited):
        service.open_ticket(anna)


def test_a_closed_connection_leaves_nothing_behind(connect):
    anna = connect()
    anna.say({"action": "subscribe", "group": GROUP})

    assert sockets.disconnect(event(anna.id)) == TAKEN
    assert sockets.disconnect(event(anna.id)) == TAKEN

    assert stored() == set()


# --- listening ----------------------------------------------------------------------------------------------


def test_it_answers_a_ping(connect):
    assert connect().say({"action": "ping"})["type"] == "Pong"


def test_who_listens_is_told_once_and_who_does_not_is_not(connect):
    anna, ben = connect("anna"), connect("ben")
    subscribed = anna.say({"action": "subscribe", "group": GROUP})

    tell("paid")

    (fact,) = anna.facts()
    assert subscribed == {"type": "Subscribed", "group": GROUP, "cursor": subscribed["cursor"]}
    assert fact == {
        "type": "OrderUpdate",
        "id": fact["id"],
        "group": GROUP,
        "after": None,
        "cursor": fact["cursor"],
        "data": {"status": "paid"},
    }
    assert ids.is_id("fct", fact["id"])
    assert subscribed["cursor"] < fact["cursor"]
    assert ben.facts() == []


def test_everybody_hears_of_their_own_user_without_asking(connect):
    anna, ben = connect("anna"), connect("ben")

    tell("for anna", f"user:{anna.user.id}")
    tell("for customers", "role:customer")

    assert statuses(anna.facts()) == ["for anna", "for customers"]
    assert statuses(ben.facts()) == ["for customers"]


@pytest.mark.parametrize(
    "group",
    [
        f"order:{HIDDEN}",
        "order:nonsense",
        f"event:{OTHER}",
        "role:owner",
        f"user:{OTHER}",
        "nobody:x",
    ],
)
def test_what_one_may_not_see_one_can_not_listen_to(connect, group):
    anna = connect()
    before = stored()

    for body in ({"action": "subscribe"}, {"action": "resume", "cursor": "2026-11-20T10:00:00.000Z"}):
        answer = anna.say(body | {"group": group})
        assert answer["type"] == "Error"
        assert answer["code"] in {"order_not_found", "group_not_found"}

    assert stored() == before


def test_what_is_told_in_one_organization_is_heard_in_no_other(connect):
    anna = connect()
    anna.say({"action": "subscribe", "group": GROUP})
    other = organizations.create("Another one")

    tell("paid", organization=other.id)
    tell("for customers", "role:customer", other.id)

    assert anna.facts() == []


def test_who_unsubscribes_is_told_no_more(connect):
    anna = connect()
    anna.say({"action": "subscribe", "group": GROUP})

    assert anna.say({"action": "unsubscribe", "group": GROUP}) == {"type": "Unsubscribed", "group": GROUP}

    tell("paid")
    assert anna.facts() == []


@pytest.mark.parametrize(
    "said",
    [
        "",
        "null",
        "[]",
        "{",
        '{"action": "shout"}',
        '{"action": "ping", "more": 1}',
        '{"action": "subscribe"}',
        '{"action": "subscribe", "group": "order:../x"}',
        '{"action": "subscribe", "group": "order:' + "x" * 200 + '"}',
        '{"action": "resume", "group": "order:x", "cursor": "yesterday"}',
        '{"action": "resume", "group": "order:x", "cursor": 1}',
    ],
)
def test_nonsense_is_answered_as_such(connect, said):
    assert connect().say(said)["code"] == "invalid_message"


def test_a_cursor_that_is_no_moment_is_refused(connect):
    answer = connect().say({"action": "resume", "group": GROUP, "cursor": "2026-99-20T10:00:00.000Z"})

    assert answer["code"] == "invalid_cursor"


def test_a_connection_listens_to_so_many_groups_and_no_more(connect, monkeypatch):
    monkeypatch.setattr(store, "MOST_GROUPS", 4)
    anna = connect()
    own = len(store.find(anna.id).groups)
    orders = [f"order:{ids.new('ord')}" for _ in range(4 - own)]
    for group in orders:
        assert anna.say({"action": "subscribe", "group": group})["type"] == "Subscribed"

    assert anna.say({"action": "subscribe", "group": GROUP})["code"] == "too_many_groups"
    assert anna.say({"action": "subscribe", "group": orders[0]})["type"] == "Subscribed"
    assert len(store.find(anna.id).groups) == 4 < MOST_GROUPS


def test_who_talks_too_much_is_told_to_wait(connect, monkeypatch):
    anna, now = connect(), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(service, "MOST_MESSAGES", 2)

    answers = [anna.say({"action": "ping"})["type"] for _ in range(3)]

    assert answers == ["Pong", "Pong", "Error"]
    assert MOST_MESSAGES == 120


# --- coming back --------------------------------------------------------------------------------------------


def test_who_comes_back_hears_what_was_missed_in_order(connect):
    anna = connect()
    cursor = anna.say({"action": "subscribe", "group": GROUP})["cursor"]
    tell("paid")
    sockets.disconnect(event(anna.id))
    tell("refunded")
    tell("closed")

    back = connect("anna-again")
    answer = back.say({"action": "resume", "group": GROUP, "cursor": anna.facts()[-1]["cursor"]})
    whole = back.say({"action": "resume", "group": GROUP, "cursor": cursor})

    assert statuses(answer["facts"]) == ["refunded", "closed"]
    assert (answer["type"], answer["complete"], answer["more"]) == ("Resumed", True, False)
    assert answer["cursor"] == answer["facts"][-1]["cursor"]
    assert statuses(whole["facts"]) == ["paid", "refunded", "closed"]
    tell("archived")
    assert statuses(back.facts()) == ["archived"]
    assert back.facts()[0]["after"] == answer["cursor"]


def test_much_that_was_missed_comes_in_pages(connect, monkeypatch):
    for module in (model, service):
        monkeypatch.setattr(module, "MOST_FACTS", 3)
    anna = connect()
    cursor = anna.say({"action": "subscribe", "group": GROUP})["cursor"]
    for number in range(5):
        tell(str(number))

    first = anna.say({"action": "resume", "group": GROUP, "cursor": cursor})
    second = anna.say({"action": "resume", "group": GROUP, "cursor": first["cursor"]})

    assert (len(first["facts"]), first["more"]) == (3, True)
    assert (len(second["facts"]), second["more"]) == (2, False)
    assert statuses(first["facts"] + second["facts"]) == [str(number) for number in range(5)]


def test_who_was_away_for_too_long_is_told_that_something_may_be_missing(connect):
    anna = connect()
    cursor = anna.say({"action": "subscribe", "group": GROUP})["cursor"]
    tell("paid")

    with clock.travel(KEPT_FOR + timedelta(minutes=2)):
        late = connect("later").say({"action": "resume", "group": GROUP, "cursor": cursor})
        known = late["cursor"]
        nothing_new = connect("latest").say({"action": "resume", "group": GROUP, "cursor": known})

    assert late["complete"] is False
    assert nothing_new["complete"] is True


def test_a_client_notices_what_overtook_something_else(connect):
    anna = connect()
    heard = anna.heard
    heard.take(anna.say({"action": "subscribe", "group": GROUP}))
    for status in ("paid", "completed"):
        tell(status)
    first, second = anna.facts()

    asked = heard.take(second)
    heard.take(anna.say(asked))
    heard.take(first)
    heard.take(second)

    assert asked["action"] == "resume"
    assert statuses(heard.facts) == ["paid", "completed"]


# --- telling ------------------------------------------------------------------------------------------------


def test_what_is_told_twice_stands_in_the_log_once_and_is_pushed_again(connect):
    anna = connect()
    anna.say({"action": "subscribe", "group": GROUP})

    assert [tell("paid"), tell("paid")] == [Outcome.SUCCESS, Outcome.SKIPPED]

    first, again = anna.facts()
    assert first == again
    assert len(store.since(DEFAULT, GROUP, clock.now() - timedelta(minutes=1), 9)) == 1


def test_positions_rise_even_when_the_clock_does_not(connect, monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)

    for status in "abc":
        tell(status)

    found = store.since(DEFAULT, GROUP, now - timedelta(seconds=1), 9)
    assert [position - now for position, _ in found] == [timedelta(milliseconds=n) for n in range(3)]
    assert [frame["after"] for _, frame in found] == [None, *(frame["cursor"] for _, frame in found[:2])]


def test_two_who_tell_at_once_stand_one_after_the_other_and_the_last_shows_the_last_state(api, monkeypatch):
    told = []

    def interrupted() -> dict[str, str]:
        if not told:
            told.append("first")
            tell("meanwhile")
        return {"status": f"after {len(store.since(DEFAULT, GROUP, clock.now() - timedelta(minutes=1), 9))}"}

    service.publish(DEFAULT, GROUP, "OrderUpdate", "interrupted", interrupted)

    found = [frame for _, frame in store.since(DEFAULT, GROUP, clock.now() - timedelta(minutes=1), 9)]
    assert statuses(found) == ["meanwhile", "after 1"]
    assert found[1]["after"] == found[0]["cursor"]


def test_where_too_many_tell_at_once_it_is_tried_again_later(api, monkeypatch):
    def refused(*writes: object) -> None:
        raise Conflict("changed_meanwhile", "Somebody else was faster.")

    monkeypatch.setattr(service, "transact", refused)
    monkeypatch.setattr(service.time, "sleep", lambda seconds: None)

    with pytest.raises(Unavailable):
        tell("paid")


def test_a_large_group_is_told_page_by_page(connect, monkeypatch):
    monkeypatch.setattr(service, "PAGE", 2)
    clients = [connect(name) for name in ("anna", "ben", "cleo", "dora", "eve")]

    tell("for customers", "role:customer")
    deliver.all()

    assert [len(each.facts()) for each in clients] == [1] * 5


def test_who_vanished_is_forgotten(api, connect):
    anna, ben = connect("anna"), connect("ben")
    api.gone.add(anna.id)

    tell("too early", "role:customer")
    assert store.find(anna.id) is not None, "it may just be opening"
    with clock.travel(OPENING):
        tell("for customers", "role:customer")

    assert store.find(anna.id) is None
    api.gone.clear()
    assert anna.say({"action": "ping"})["code"] == "connection_closed"
    assert api.closed == [anna.id, anna.id]
    assert statuses(ben.facts()) == ["too early", "for customers"]
    assert {key for key in stored() if anna.id in "".join(key)} == set()


def test_a_connection_that_says_nothing_for_ten_minutes_is_taken_for_dead(connect):
    anna, ben = connect("anna"), connect("ben")
    with clock.travel(LEASE - timedelta(seconds=5)):
        ben.say({"action": "ping"})

    with clock.travel(LEASE + timedelta(seconds=5)):
        tell("for customers", "role:customer")

    assert (anna.facts(), statuses(ben.facts())) == ([], ["for customers"])
    assert store.find(anna.id) is None


def test_a_member_without_a_connection_is_forgotten(connect):
    anna = connect()
    client("dynamodb").delete_item(
        TableName="thepixstock-test-connections", Key={"pk": {"S": f"G#connection#{anna.id}"}, "sk": {"S": "-"}}
    )

    assert tell("for customers", "role:customer") is Outcome.SUCCESS

    assert ("T#" + DEFAULT + "#GROUP#role:customer", anna.id) not in stored()


def test_who_logged_out_says_nothing_any_more(api, connect):
    anna = connect()
    accounts.log_out(store.find(anna.id).principal)

    answer = anna.say({"action": "subscribe", "group": GROUP})

    assert (answer["type"], answer["code"]) == ("Error", "session_ended")
    assert api.closed == [anna.id]
    assert stored() == set()


def test_staff_hears_nothing_from_the_moment_of_log_out(api, connect):
    boss, anna = connect("boss", "admin"), connect("anna")
    boss_is = store.find(boss.id).principal
    boss.say({"action": "subscribe", "group": GROUP})
    anna.say({"action": "subscribe", "group": GROUP})
    accounts.log_out(boss_is)

    tell("paid")

    assert (boss.facts(), statuses(anna.facts())) == ([], ["paid"])
    assert (store.find(boss.id), api.closed) == (None, [boss.id])


def test_items_go_with_their_time(connect):
    connect()
    tell("paid")

    now = clock.epoch(clock.now())
    longest = int((CONNECTION_LASTS + timedelta(days=1, minutes=5)).total_seconds())
    items = client("dynamodb").scan(TableName="thepixstock-test-connections")["Items"]
    assert len(items) == 5
    assert all(now < int(item["ttl"]["N"]) < now + longest for item in items)
