"""What somebody with an account was told, as they read it in the app."""

from datetime import UTC, datetime, timedelta

import pytest
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends
from pydantic import ValidationError

from chalicelib.core import clock, ids
from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest
from chalicelib.live import jobs as live
from chalicelib.notifications import service
from chalicelib.notifications.inbox import jobs, store
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.inbox.messages import InboxCleared, NotificationCreated
from chalicelib.notifications.inbox.model import KEPT_DAYS
from chalicelib.notifications.mail import compose_entry
from chalicelib.notifications.model import Kind, Reader
from chalicelib.notifications.values import TEMPLATES
from chalicelib.organizations.service import DEFAULT
from tests import deliver
from tests.live.conftest import Sockets, event, open_event, sockets
from tests.live.conftest import service as sockets_service
from tests.profiles.conftest import Person, anna, berta, refusal
from tests.stack import ACCOUNT, REGION, client

assert anna
assert berta

REFUND = {"order_code": "7K3M9Q", "amount": "฿59.00", "by_transfer": True, "withdrawn": False, "organization": "Shop"}

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINK = "https://shop.example/opens?token=secret"
SAMPLE = {
    "name": "Anna",
    "device": "Firefox",
    "at": "noon",
    "expires_at": "noon",
    "due_at": "noon",
    "days": 3,
    "count": 2,
    "order_code": "7K3M9Q",
    "amount": "฿59.00",
    "total": "฿59.00",
    "reason": "blurred",
    "account": "BBL ••••7890",
    "event": "Run & Fun",
    "host": "shop.example",
    "gone": True,
    "items": [{"title": "Run"}],
    "hours": 48,
    "limit": 3,
    "title": "News",
    "text": "Much.",
    "by_transfer": True,
    "withdrawn": True,
    "shipments": [{"carrier": "Kerry"}],
    "outcome": "rejected",
    "kind": "passport",
    "scope": "account",
    "link": LINK,
    "unsubscribe": LINK,
    "receipt": "a.secret.receipt",
    "code": "123456",
    "minutes": 10,
}


def send(person: Person, once: str = "one", *, template="refunded", values=REFUND, language="en", **reader) -> Outcome:
    return service.send_email(
        DEFAULT,
        once=once,
        to="anna@shop.example",
        template=template,
        language=language,
        values=values,
        reader=Reader(person.principal.known_user, **reader),
    )


def titles(person: Person, query: str = "") -> list[str]:
    return [entry["title"] for entry in person.get(f"/notifications{query}")["items"]]


def unread(person: Person) -> int:
    return person.get("/notifications")["unreadCount"]


def fill(person: Person, *names: str) -> None:
    for name in names:
        inbox.receive(
            DEFAULT, person.principal.known_user, occasion=name, kind=Kind.NEWS, topic="t", title=name, text="text"
        )


def id_of(person: Person, title: str) -> str:
    return next(entry["id"] for entry in person.get("/notifications")["items"] if entry["title"] == title)


def stored(person: Person) -> list[str]:
    held = client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"]
    return [item["title"]["S"] for item in held if person.principal.known_user in item["pk"]["S"] and "title" in item]


# --- what lands there ---------------------------------------------------------------------------------------


def test_what_is_mailed_to_somebody_with_an_account_is_in_their_inbox(anna):
    assert send(anna, page="/orders/ord_1") is Outcome.SUCCESS

    (entry,) = anna.get("/notifications")["items"]
    assert entry.pop("id").startswith("ntf_")
    assert entry.pop("at") is not None
    assert entry == {
        "kind": "orders",
        "topic": "refunded",
        "title": "Your refund for order 7K3M9Q",
        "text": "฿59.00 for order 7K3M9Q.",
        "link": "http://127.0.0.1:8000/orders/ord_1",
        "isRead": False,
    }
    assert unread(anna) == 1


def test_it_speaks_the_language_of_the_mail(anna):
    send(anna, language="th")

    assert anna.get("/notifications")["items"][0]["text"] == "฿59.00 สำหรับคำสั่งซื้อ 7K3M9Q"


def test_a_mail_that_is_not_taken_is_in_the_inbox_once_however_often_it_is_tried(anna, monkeypatch):
    def refuse(*args, **options):
        raise TimeoutError

    monkeypatch.setattr(service.email, "send", refuse)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            send(anna)

    assert len(titles(anna)) == unread(anna) == 1
    assert [type(fact) for fact in deliver.facts() if isinstance(fact, NotificationCreated)] == [NotificationCreated]


def test_one_occasion_is_one_entry_at_however_many_addresses_it_is_told(anna):
    send(anna, "to one address", occasion="news")
    send(anna, "to another", occasion="news")

    assert len(titles(anna)) == 1
    assert len(ses_backends[ACCOUNT][REGION].sent_messages) == 2


def test_two_people_are_told_of_the_same_occasion(anna, berta):
    send(anna, "a", occasion="news")
    send(berta, "b", occasion="news")

    assert len(titles(anna)) == len(titles(berta)) == 1


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("language", ["th", "en"])
def test_no_entry_shows_a_code_a_secret_or_markup(template, language):
    known = {name: value for name, value in SAMPLE.items() if name in TEMPLATES[template].model_fields}
    known |= {"outcome": "open"} if template == "payment_disputed" else {}
    values = TEMPLATES[template].model_validate(known)

    title, text = compose_entry(template, language, dict(values) | {"organization": "A & B"})

    assert title
    assert text
    assert [wrong for wrong in ("http", "123456", "secret", "&amp;", "<", "\n") if wrong in title + text] == []


def test_codes_are_in_no_inbox(anna):
    code = {"name": "Anna", "code": "123456", "minutes": 10}
    assert send(anna, template="verify_email_code", values=code) is Outcome.SUCCESS
    service.send_text(
        DEFAULT,
        once="text",
        to="+66812345678",
        template="verify_phone_code",
        language="en",
        values=code,
        reader=Reader(anna.principal.known_user),
    )

    assert len(sns_backends[ACCOUNT][REGION].sms_messages) == 1
    assert titles(anna) == []


def test_values_that_are_no_values_reach_no_inbox(anna):
    with pytest.raises(ValidationError):
        send(anna, values=REFUND | {"amount": None})

    assert titles(anna) == []


def test_an_inbox_has_its_own_choice(anna):
    live_now = {"event": "Run", "link": "https://shop.example/e", "unsubscribe": "https://shop.example/u"}
    anna.put("/notifications/preferences", {"inapp": {"reminders": False}, "email": {"reminders": False}})

    assert send(anna, "1", template="event_live", values=live_now) is Outcome.SKIPPED
    assert send(anna, "2", template="event_live", values=live_now, asked=True) is Outcome.SUCCESS
    anna.put("/notifications/preferences", {"inapp": {"reminders": True}})
    assert send(anna, "3", template="event_live", values=live_now) is Outcome.SKIPPED
    assert send(anna, "4") is Outcome.SUCCESS

    assert titles(anna) == ["Your refund for order 7K3M9Q", *["The photos of Run are up"] * 2]


# --- reading ------------------------------------------------------------------------------------------------


def test_the_newest_comes_first_in_pages(anna, monkeypatch):
    standing = clock.now()
    monkeypatch.setattr(clock, "now", lambda: standing)  # ids rise even so
    fill(anna, *"abcde")

    first = anna.get("/notifications?pageSize=2")
    second = anna.get(f"/notifications?pageSize=2&cursor={first['nextCursor']}")
    last = anna.get(f"/notifications?pageSize=2&cursor={second['nextCursor']}")

    pages = [[entry["title"] for entry in page["items"]] for page in (first, second, last)]
    assert pages == [["e", "d"], ["c", "b"], ["a"]]
    assert [page["hasMore"] for page in (first, second, last)] == [True, True, False]
    assert {page["unreadCount"] for page in (first, second, last)} == {5}


def test_what_was_read_counts_no_more(anna):
    fill(anna, *"abc")

    for _ in range(2):
        assert anna.call("PUT", f"/notifications/{id_of(anna, 'b')}/read").status == 204

    assert unread(anna) == 2
    assert titles(anna, "?unread=true") == ["c", "a"]
    assert titles(anna) == ["c", "b", "a"]


def test_all_is_read_with_one_write_and_what_comes_after_is_not(anna):
    fill(anna, *"abc")

    for _ in range(2):
        assert anna.call("PUT", "/notifications/read-all").status == 204
    fill(anna, "d")

    assert unread(anna) == 1
    assert titles(anna, "?unread=true") == ["d"]
    assert anna.call("PUT", f"/notifications/{id_of(anna, 'a')}/read").status == 204
    assert unread(anna) == 1


def test_what_is_deleted_is_gone_and_counts_no_more(anna):
    fill(anna, *"abc")
    b, c = id_of(anna, "b"), id_of(anna, "c")
    anna.call("PUT", f"/notifications/{c}/read")

    assert [anna.call("DELETE", f"/notifications/{id}").status for id in (b, c, b)] == [204, 204, 404]

    assert (titles(anna), unread(anna)) == (["a"], 1)


def test_all_is_deleted_but_what_came_meanwhile(anna):
    fill(anna, *"abc")

    for _ in range(2):
        assert anna.call("DELETE", "/notifications").status == 204
    fill(anna, "d")
    assert (titles(anna), unread(anna)) == (["d"], 1)

    (cleared,) = [fact for fact in deliver.facts() if isinstance(fact, InboxCleared)]
    assert [jobs.delete_cleared(cleared), jobs.delete_cleared(cleared)] == [Outcome.SUCCESS, Outcome.SKIPPED]
    assert stored(anna) == ["d"]


@pytest.mark.parametrize(("method", "path"), [("PUT", "/read"), ("DELETE", "")])
def test_what_is_somebody_elses_is_not_there(anna, berta, method, path):
    fill(anna, "a")

    for id in (id_of(anna, "a"), ids.new("ntf"), ids.new("evt"), "-"):
        assert refusal(berta.call(method, f"/notifications/{id}{path}")) == (404, "notification_not_found")

    assert unread(anna) == 1


def test_entries_of_a_day_go_together_from_list_and_count(anna, monkeypatch):
    def shown() -> tuple[list[str], int]:
        held, found = inbox.listed(anna.principal, PageRequest(), unread=False)
        return [entry.title for entry in found.items], held.unread_on(clock.now().date())

    monkeypatch.setattr(clock, "now", lambda: NOON + clock._offset)
    fill(anna, "old")
    with clock.travel(timedelta(days=KEPT_DAYS - 1)):
        fill(anna, "new")
        assert shown() == (["new", "old"], 2)
    with clock.travel(timedelta(days=KEPT_DAYS)):
        assert shown() == (["new"], 1)
        fill(anna, "newer")
        assert shown() == (["newer", "new"], 2)
        (old, *_) = store.all_entries(DEFAULT, anna.principal.known_user)
        with pytest.raises(NotFound):
            inbox.remove(anna.principal, old.id)

    held = store.InboxEntryRecord.get(f"T#{DEFAULT}#INBOX#{anna.principal.known_user}", old.id)
    assert held.ttl == clock.epoch(NOON + timedelta(days=KEPT_DAYS) - timedelta(hours=12))


def test_two_at_once_are_both_counted(anna, monkeypatch):
    fill(anna, "a")
    stale, read, seen = store.inbox_of(DEFAULT, anna.principal.known_user), store.inbox_of, []
    fill(anna, "b")

    def late(*args):
        seen.append(args)
        return stale if len(seen) == 1 else read(*args)

    monkeypatch.setattr(store, "inbox_of", late)
    fill(anna, "c")

    assert (titles(anna), unread(anna)) == (["c", "b", "a"], 3)


def test_an_inbox_that_never_rests_says_so(anna, monkeypatch):
    fill(anna, "a")
    stale = store.inbox_of(DEFAULT, anna.principal.known_user)
    fill(anna, "b")
    monkeypatch.setattr(store, "inbox_of", lambda *args: stale)

    with pytest.raises(Unavailable):
        fill(anna, "c")

    assert stored(anna) == ["a", "b"]


# --- live, and for good -------------------------------------------------------------------------------------


def test_who_looks_is_told_at_once(anna):
    api = Sockets()
    opened = sockets_service.open_ticket(anna.principal)
    assert sockets.connect(open_event("one", opened.ticket))["statusCode"] == 200
    assert event("one")["isBase64Encoded"] is False
    fill(anna, "a", "b")

    deliver.all()

    told = [(frame["type"], frame["data"]["title"], frame["data"]["unreadCount"]) for frame in api.told("one")]
    assert told == [("NotificationCreated", "a", 2), ("NotificationCreated", "b", 2)]


def test_of_what_is_deleted_already_nobody_is_told(anna):
    fill(anna, "a")
    (created,) = [fact for fact in deliver.facts() if isinstance(fact, NotificationCreated)]
    anna.call("DELETE", f"/notifications/{created.entry}")

    assert live.show_notification(created) is Outcome.SKIPPED


def test_an_inbox_is_exported_and_erased(anna, berta):
    user = anna.principal.known_user
    fill(anna, "a")
    fill(berta, "b")

    (told,) = service.personal_data(DEFAULT, user)["inbox"]
    assert (told["title"], told["text"], told["read"]) == ("a", "text", False)
    for _ in range(2):
        service.erase_person(DEFAULT, user)

    held = client("dynamodb").scan(TableName="thepixstock-test-notifications")["Items"]
    assert [item for item in held if user in str(item)] == []
    assert titles(berta) == ["b"]
