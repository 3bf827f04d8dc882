"""What is counted of notices: exactly, of nobody in particular, and their links only of people who agreed."""

import random
import re
from collections import Counter
from datetime import timedelta
from itertools import combinations
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from moto.ses.models import ses_backends

from app import app
from chalicelib.core import clock, tallies
from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.core.queues import Outcome
from chalicelib.core.table import transact
from chalicelib.notifications import service
from chalicelib.notifications.analytics import clicks, model
from chalicelib.notifications.analytics import service as analytics
from chalicelib.notifications.analytics.model import CROWD, ENOUGH, Counted, Figure, Figures, Fives, rate
from chalicelib.notifications.channels import push
from chalicelib.notifications.devices import service as devices
from chalicelib.notifications.feedback import service as feedback
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.model import Kind, Reader
from chalicelib.organizations import service as organizations
from chalicelib.organizations.service import DEFAULT
from chalicelib.privacy.model import ConsentKind
from chalicelib.privacy.service import consents
from infra.local.feedback import event_of
from infra.local.gateway import Gateway, Response
from tests import deliver
from tests.profiles.conftest import Person, anna, berta, person, refusal
from tests.stack import ACCOUNT, REGION, client

assert anna
assert berta

PATH = "/admin/notifications/analytics"
READER = "anna@shop.example"


@pytest.fixture
def shop(aws) -> str:
    """An organization with a host of its own."""
    return organizations.url_of(DEFAULT)


def news(shop: str, reader: Person | None, once: str = "one", *, own: bool = True, **more: Any) -> Outcome:
    values = {"event": "Run", "link": f"{shop}/events/run-2026", "unsubscribe": f"{shop}/notices?token=u.e.f.s"}
    return service.send_email(
        DEFAULT,
        once=once,
        to=READER,
        template=more.pop("template", "event_live"),
        language="en",
        values=values | more,
        reader=Reader(reader.principal.known_user, asked=True, at_own_address=own) if reader else None,
    )


def mailed() -> str:
    return str(ses_backends[ACCOUNT][REGION].sent_messages[-1].body)


def link_in(text: str) -> str:
    """The first that is not the one which ends such mails."""
    return next(link for link in re.findall(r"https?://[^\s\"<>]+", text) if "token=u." not in link)


def agree(reader: Person, *, granted: bool = True, wording: str = "2026-12") -> None:
    consents.answer(reader.principal, ConsentKind.ANALYTICS, granted=granted, wording=wording)


def browse(link: str) -> Response:
    found = urlsplit(link)
    return Gateway(app).handle("GET", f"{found.path}?{found.query}", {"Accept-Language": "en"}, b"")


def counted(notice: str, channel: str = "email", organization: str = DEFAULT) -> dict[str, int]:
    """What the counters of today say, exactly."""
    found = analytics.report(organization, None, None).figures
    counts = next((each.counts for each in found if (each.notice, each.channel) == (notice, channel)), {})
    return {figure.value: count for figure, count in counts.items()}


def count(notice: str, channel: Any, **figures: int) -> None:
    """As if that had happened."""
    for name, times in figures.items():
        for number in range(times):
            transact(*analytics.counting(DEFAULT, channel, notice, Figure(name), thing=f"{name}{number}"))


# --- what is counted ----------------------------------------------------------------------------------------


def test_a_mail_counts_as_sent_once_however_often_its_message_comes(anna, shop):
    assert [news(shop, anna) for _ in range(2)] == [Outcome.SUCCESS, Outcome.SKIPPED]
    news(shop, anna, "two")

    assert counted("event_live") == {"sent": 2}
    assert counted("event_live", "inapp") == {"sent": 2}


@pytest.mark.usefixtures("aws")
def test_two_deliveries_of_one_message_count_once(monkeypatch, shop):
    monkeypatch.setattr(service, "recall", lambda *_: None)

    for _ in range(2):
        news(shop, None)

    assert len(ses_backends[ACCOUNT][REGION].sent_messages) == 2
    assert counted("event_live") == {"sent": 1}


@pytest.mark.usefixtures("aws")
def test_what_no_carrier_took_is_not_counted(monkeypatch, shop):
    def refuse(_: object) -> str:
        raise Unavailable("email_unavailable", "Not now.", retry_after=1)

    monkeypatch.setattr(service.email, "send", refuse)

    with pytest.raises(Unavailable):
        news(shop, None)

    assert counted("event_live") == {}


@pytest.mark.usefixtures("aws")
def test_a_text_counts_on_its_channel():
    values = {"name": "Nok", "code": "483920", "minutes": 10}
    service.send_text(DEFAULT, once="o", to="+66812345678", template="sign_up_code", language="en", values=values)

    assert counted("sign_up_code", "sms") == {"sent": 1}


def test_what_was_read_one_by_one_was_opened_and_what_was_cleared_away_was_not(anna):
    user = anna.principal.known_user
    for name in ("one", "two", "three"):
        inbox.receive(DEFAULT, user, occasion=name, kind=Kind.NEWS, topic="broadcast", title=name, text="text")
    first = anna.get("/notifications")["items"][0]["id"]

    for _ in range(2):
        assert anna.call("PUT", f"/users/notifications/{first}").status == 204
    assert anna.call("PUT", "/users/notifications").status == 204
    assert anna.call("DELETE", f"/users/notifications/{first}").status == 204

    assert counted("broadcast", "inapp") == {"sent": 3, "opened": 1}


def test_what_is_opened_later_counts_for_the_day_on_which_it_was_sent(anna):
    user = anna.principal.known_user
    inbox.receive(DEFAULT, user, occasion="one", kind=Kind.NEWS, topic="broadcast", title="t", text="t")
    today = clock.now().date()
    (entry,) = anna.get("/notifications")["items"]

    with clock.travel(timedelta(days=2)):
        inbox.mark_read(anna.principal, entry["id"])

    (figures,) = analytics.report(DEFAULT, today, today).figures
    assert figures.counts == {Figure.SENT: 1, Figure.OPENED: 1}


def test_a_broadcast_knows_how_many_opened_it(aws, monkeypatch):
    monkeypatch.setattr(model, "CROWD", 15)
    boss, readers = person("boss", "admin"), [person(f"reader{number}") for number in range(14)]
    said = {"texts": {"en": {"title": "Hello", "text": "All of you."}}}
    made = [boss.call("POST", "/admin/broadcasts", each).json()["data"] for each in (said, said | {"page": "/"})]
    deliver.all()

    for reader in readers[:6]:
        newest = reader.get("/notifications")["items"][0]["id"]
        for _ in range(2):
            assert reader.call("PUT", f"/users/notifications/{newest}").status == 204

    told = [boss.get(f"/admin/broadcasts/{each['id']}")["opened"] for each in made]
    assert sorted(told, key=str) == [{"atLeast": 0, "below": 5}, {"atLeast": 5, "below": 10}]
    assert counted("broadcast", "inapp") == {"sent": 30, "opened": 6}


def test_a_push_counts_for_each_device(anna, monkeypatch):
    monkeypatch.setattr(push, "of_platform", lambda *_: SimpleNamespace(send=lambda *_: "message"))
    user = anna.principal.known_user
    for token in ("phone", "tablet"):
        devices.add(DEFAULT, user, push.Platform.FCM, token)
    devices.add(DEFAULT, user, push.Platform.LINE, "U1")
    inbox.receive(DEFAULT, user, occasion="o", kind=Kind.ORDERS, topic="refunded", title="t", text="t")
    (entry,) = anna.get("/notifications")["items"]

    for _ in range(2):
        devices.ring(DEFAULT, user, entry["id"])

    assert counted("refunded", "push") == {"sent": 2}
    assert counted("refunded", "line") == {"sent": 1}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("kind", "figure"),
    [("delivery", "delivered"), ("bounce", "bounced"), ("transient", "bounced"), ("complaint", "complained")],
)
def test_what_carriers_say_is_counted_once(kind, figure):
    event = event_of(kind, READER, notice="event_live")

    assert [feedback.take(event) for _ in range(2)] == [Outcome.SUCCESS, Outcome.SKIPPED]

    assert counted("event_live") == {figure: 1}


@pytest.mark.usefixtures("aws")
def test_it_counts_for_the_day_on_which_the_mail_was_sent_in_whatever_zone_that_is_told():
    event = event_of("delivery", READER, notice="event_live")
    event["mail"]["timestamp"] = "2026-11-21T01:30:00.000+07:00"

    feedback.take(event)

    (name,) = analytics.tallies.counted(DEFAULT, "notices-2026-11")
    assert name == "2026-11-20/email/event_live/delivered"


@pytest.mark.usefixtures("aws")
def test_events_of_other_mails_count_nothing():
    """Of mails that said nothing of a notice, of notices that nobody knows, and of nobody's."""
    nobodys = event_of("delivery", READER, notice="event_live")
    del nobodys["mail"]["tags"]["organization"]
    events = [event_of("delivery", READER), event_of("delivery", READER, notice="../other"), nobodys]

    assert [feedback.take(event) for event in events] == [Outcome.SKIPPED] * 3
    assert feedback.take(event_of("bounce", READER)) is Outcome.SUCCESS

    assert analytics.report(DEFAULT, None, None).figures == ()


@pytest.mark.usefixtures("aws")
def test_an_organization_counts_its_own(shop):
    other = organizations.create("Other").id
    news(shop, None)
    feedback.take(event_of("delivery", READER, notice="event_live", organization=other))

    assert counted("event_live") == {"sent": 1}
    assert counted("event_live", organization=other) == {"delivered": 1}


# --- links --------------------------------------------------------------------------------------------------


def test_links_stay_as_they_are_for_who_did_not_agree(anna, berta, shop):
    agree(berta, granted=False)
    for reader, once in ((None, "1"), (anna, "2"), (berta, "3")):
        news(shop, reader, once)
        assert link_in(mailed()) == f"{shop}/events/run-2026"

    assert counted("event_live") == {"sent": 3}


def test_a_link_of_who_agreed_counts_once_and_leads_to_the_page(anna, shop):
    agree(anna)
    news(shop, anna)
    link = link_in(mailed())
    assert link.startswith(f"{shop}/notices?token=k.event_live.")

    answers = [browse(link) for _ in range(3)]

    assert {(each.status, dict(each.headers)["Location"]) for each in answers} == {(303, f"{shop}/events/run-2026")}
    assert {dict(each.headers)["Cache-Control"] for each in answers} == {"no-store"}
    assert counted("event_live") == {"sent": 1, "linked": 1, "clicked": 1}
    (entry,) = anna.get("/notifications")["items"]
    assert "token" not in str(entry)


def test_a_mail_that_somebody_else_may_read_has_plain_links(anna, shop):
    agree(anna)

    news(shop, anna, own=False)

    assert link_in(mailed()) == f"{shop}/events/run-2026"


def test_two_mails_are_two(anna, shop):
    agree(anna)
    for once in ("one", "two"):
        news(shop, anna, once)
        browse(link_in(mailed()))

    assert counted("event_live") == {"sent": 2, "linked": 2, "clicked": 2}


def test_who_agrees_no_more_gets_plain_links_again(anna, shop):
    agree(anna)
    agree(anna, granted=False, wording="2026-13")

    news(shop, anna)

    assert link_in(mailed()) == f"{shop}/events/run-2026"


def test_a_no_that_is_said_again_holds_whatever_stood_there(anna, shop):
    """As after a release that knew no such links, in which somebody withdrew their consent."""
    agree(anna, granted=False)
    transact(service.measure(DEFAULT, anna.principal.known_user, agreed=True))

    agree(anna, granted=False)

    news(shop, anna)
    assert link_in(mailed()) == f"{shop}/events/run-2026"


def test_other_answers_change_nothing(anna, shop):
    agree(anna)
    consents.answer(anna.principal, ConsentKind.MARKETING, granted=False, wording="2026-12")
    news(shop, anna)
    assert "token=k." in mailed()

    service.erase_person(DEFAULT, anna.principal.known_user)

    assert service.personal_data(DEFAULT, anna.principal.known_user)["links_count"] is False
    news(shop, anna, "two")
    assert link_in(mailed()) == f"{shop}/events/run-2026"


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/events/run-2026",
        "{shop}.elsewhere.example/events/run-2026",
        "{shop}@elsewhere.example/",
        "{shop}/d/ord_1?token=secret",
        "{shop}/events/run-2026#search=sea_1",
        "{shop}/events/" + "a" * 200,
    ],
)
def test_what_opens_something_or_leads_elsewhere_stays_as_it_is(anna, shop, link):
    agree(anna)
    link = link.format(shop=shop)

    news(shop, anna, link=link)

    assert link_in(mailed()) == link
    assert counted("event_live") == {"sent": 1}


def test_photos_of_oneself_are_opened_by_a_plain_link(anna, shop):
    agree(anna)

    news(shop, anna, template="own_photos", count=2)

    assert "token=k." not in mailed()


def test_nobody_makes_or_changes_such_a_link(anna, shop):
    agree(anna)
    news(shop, anna)
    act, *parts = link_in(mailed()).partition("token=")[2].split(".", 5)
    changed = ["announcement", "2026-11-01", "a" * 43, "b" * 43, "/elsewhere"]
    tokens = [".".join((act, *parts[:at], other, *parts[at + 1 :])) for at, other in enumerate(changed)]

    for token in [*tokens, "k", "k.a", "k....", f"{act}.{'.'.join(parts)}.more", "k.a.b.c.d.//elsewhere.example"]:
        answer = browse(f"{shop}/notices?token={token}")
        assert (answer.status, dict(answer.headers).get("Location")) == (404, None), token

    assert counted("event_live") == {"sent": 1, "linked": 1}


def test_a_link_of_one_organization_is_none_of_another(anna, shop):
    agree(anna)
    news(shop, anna)
    other, token = organizations.create("Other").id, link_in(mailed()).partition("token=")[2]

    with pytest.raises(NotFound):
        clicks.follow(other, token)

    assert counted("event_live") == {"sent": 1, "linked": 1}


def test_after_a_month_it_leads_there_uncounted(anna, shop):
    agree(anna)
    news(shop, anna)
    link, today = link_in(mailed()), clock.now().date()

    with clock.travel(timedelta(days=30)):
        assert browse(link).status == 303

    (figures,) = (each for each in analytics.report(DEFAULT, today, today).figures if each.channel == "email")
    assert Figure.CLICKED not in figures.counts


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("busy", "Too many people at once. Try again.", retry_after=1),
        ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems"),
    ],
)
def test_it_leads_there_when_counters_are_busy(anna, shop, monkeypatch, failure):
    agree(anna)
    news(shop, anna)

    def busy(*_: object) -> None:
        raise failure

    monkeypatch.setattr(clicks, "transact", busy)

    assert browse(link_in(mailed())).status == 303


def test_nothing_that_a_click_leaves_says_whose_it_was(anna, shop):
    agree(anna)
    news(shop, anna, "ann_1#fol_1")
    link = link_in(mailed())
    table = "thepixstock-test-claims"
    known = {(row["pk"]["S"], row["sk"]["S"]): row for row in client("dynamodb").scan(TableName=table)["Items"]}

    browse(link)

    rows = client("dynamodb").scan(TableName=table)["Items"]
    left = [row for row in rows if known.get((row["pk"]["S"], row["sk"]["S"])) != row]
    assert {re.sub(r"#CLM#(\w+)#\w+$", r"#CLM#\1", row["pk"]["S"]).split("#", 2)[2] for row in left} >= {"CLM#click"}
    for secret in (anna.principal.known_user, READER, "fol_1", "ann_1"):
        assert secret not in str(left)
        assert secret not in link


# --- what is shown ------------------------------------------------------------------------------------------


def test_staff_read_what_became_of_notices_by_kind_and_channel(anna):
    boss, today = person("boss", "admin"), clock.now().date().isoformat()
    count("event_live", "email", sent=120, delivered=117, bounced=3, complained=1, linked=100, clicked=12)
    count("event_live", "inapp", sent=100, opened=34)
    count("welcome", "email", sent=2, delivered=2)
    count("broadcast", "push", sent=7)

    assert refusal(anna.call("GET", PATH)) == (403, "forbidden")
    told = boss.get(f"{PATH}?from={today}&to={today}")

    assert (told["from"], told["to"]) == (today, today)
    figures = ("delivered", "bounced", "complained", "opened", "linked", "clicked")
    rates = ("deliveredRate", "bouncedRate", "complainedRate", "openedRate", "clickedRate")
    unknown = dict.fromkeys((*figures, *rates))
    assert told["items"] == [
        unknown | {"kind": "broadcast", "channel": "push", "sent": 7},
        unknown
        | {"kind": "event_live", "channel": "email", "sent": 120, "delivered": 117, "bounced": 3, "complained": 1}
        | {"linked": {"atLeast": 100, "below": 105}, "clicked": {"atLeast": 10, "below": 15}}
        | {"deliveredRate": 9750, "bouncedRate": 250, "complainedRate": 83, "clickedRate": 1000},
        unknown
        | {"kind": "event_live", "channel": "inapp", "sent": 100}
        | {"opened": {"atLeast": 30, "below": 35}, "openedRate": 3000},
        unknown | {"kind": "welcome", "channel": "email", "sent": 2, "delivered": 2, "bounced": 0, "complained": 0},
    ]


@pytest.mark.usefixtures("aws")
def test_a_report_is_of_its_days_alone_across_months():
    last = clock.now().date()
    days = [last - timedelta(days=back) for back in (0, 29, 30, 91)]
    for day in days:
        transact(*analytics.counting(DEFAULT, "sms", "new_device", Figure.SENT, thing=f"{day}", day=day))

    def sent(*period: Any) -> int:
        return sum(each.sent for each in analytics.report(DEFAULT, *period).figures)

    assert sent(None, None) == 2
    assert sent(days[3], None) == 4
    assert sent(days[2], days[2]) == 1
    assert sent(None, days[2]) == 1


def test_a_period_has_an_order_and_a_length(anna):
    boss = person("boss", "admin")

    assert refusal(boss.call("GET", f"{PATH}?from=2026-11-02&to=2026-11-01")) == (400, "period_ends_first")
    assert refusal(boss.call("GET", f"{PATH}?from=2026-01-01&to=2026-04-03")) == (400, "period_too_long")
    assert refusal(boss.call("GET", f"{PATH}?from=2026-13-01")) == (400, "validation_failed")
    assert boss.get(f"{PATH}?from=2026-01-01&to=2026-04-02")["items"] == []


def test_what_people_did_is_told_in_fives():
    told = {count: Fives.of(count, 100) for count in (0, 1, 4, 5, 9, 10, 12)}

    assert {*map(told.get, (0, 1, 4))} == {Fives(0, 5)}
    assert {*map(told.get, (5, 9))} == {Fives(5, 10)}
    assert {*map(told.get, (10, 12))} == {Fives(10, 15)}


@pytest.mark.parametrize("among", [CROWD, 21, 24, 103])
def test_nobody_is_told_that_all_of_them_did_it(among):
    told = {count: Fives.of(count, among) for count in range(among + 1)}

    assert all(fives.at_least <= count < fives.below for count, fives in told.items())
    assert min(Counter(told.values()).values()) >= 5
    assert told[among] == told[among - 5]


def test_of_few_nothing_is_told_that_people_did():
    few, many = {Figure.SENT: CROWD - 1, Figure.OPENED: 7}, {Figure.SENT: 100, Figure.OPENED: 12}

    assert Figures("broadcast", "inapp", [few]).opened is None
    told = Figures("broadcast", "inapp", [few, many])
    assert (told.sent, told.opened, told.opened_rate) == (119, Fives(10, 15), 1000)


def test_periods_subtracted_tell_no_more_than_their_days():
    chance = random.Random(5)
    days = [{Figure.SENT: 40, Figure.OPENED: chance.randrange(10)} for _ in range(20)]
    alone = [Figures("broadcast", "inapp", [day]).opened for day in days]

    for first, last in combinations(range(len(days) + 1), 2):
        told = Figures("broadcast", "inapp", days[first:last]).opened
        assert told == sum(alone[first + 1 : last], alone[first])
        assert told.at_least <= sum(day[Figure.OPENED] for day in days[first:last]) < told.below


def test_a_rate_is_of_enough_and_never_more_than_all():
    assert rate(99, ENOUGH - 1) is None
    assert rate(None, ENOUGH) is None
    assert rate(7, 300) == 233
    assert rate(301, 300) == 10_000


def test_a_server_of_smtp_tells_nothing_of_what_becomes_of_mails():
    told = Figures("event_live", "email", [{Figure.SENT: 200, Figure.CLICKED: 6}], fed_back=False)

    assert (told.delivered, told.bounced, told.complained, told.delivered_rate) == (None,) * 4
    assert told.clicked == Fives(5, 10)


@pytest.mark.usefixtures("aws")
def test_what_a_later_release_counts_is_passed_over():
    count("welcome", "email", sent=1)
    month = f"notices-{clock.now():%Y-%m}"
    transact(*tallies.moved(DEFAULT, month, "1", was=None, now=f"{clock.now().date()}/pigeon/welcome/eaten"))

    assert counted("welcome") == {"sent": 1}


def test_a_counter_is_found_by_its_name():
    for channel in ("email", "inapp", "line"):
        one = Counted(clock.now().date(), channel, "own_photos", Figure.SENT)
        assert Counted.named(one.name) == one
