"""Statements of account: three days of an account with a payout that fails and one that arrives."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.core import clock, storage
from chalicelib.core.errors import Invalid, NotFound, Unprocessable
from chalicelib.events import service as events
from chalicelib.ledger import service as ledger
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Language
from chalicelib.organizations.service import DEFAULT
from chalicelib.payouts import pages, service, statements
from chalicelib.payouts.model import TAKEN, Period, State
from chalicelib.payouts.service import Told
from tests import deliver
from tests.events.people import OTHER, caller
from tests.payouts.conftest import MAKER, SECOND

MONDAY = datetime(2026, 11, 2, 5, tzinfo=UTC)
"""Noon in Bangkok."""

HEADINGS = ["day", "kind", "reference", "event", "event_name", "amount", "balance", "currency"]


@pytest.fixture
def at(monkeypatch):
    """Makes it so many days after Monday's noon."""

    def moved(days):
        monkeypatch.setattr(clock, "now", lambda: MONDAY + timedelta(days=days))

    moved(0)
    return moved


def pay(key, state, party):
    payout = service.open_payout(MAKER, clock.now() - timedelta(hours=1), key)
    deliver.all()
    service.approve(SECOND, payout.id)
    service.tell(MAKER, payout.id, Told(State.SENT, None))
    service.tell(MAKER, payout.id, Told(state, "closed", (party,) if state is State.FAILED else ()))
    deliver.all()
    return payout.id


@pytest.fixture
def told(at, anna, sell):
    """Monday two sales, Tuesday a payout that fails and a sale, Wednesday one that arrives, Thursday a sale."""
    orders = [sell(anna), sell(anna, 30_00)]
    at(1)
    failed = pay("payout-0001", State.FAILED, anna.known_user)
    orders.append(sell(anna, 10_00))
    at(2)
    arrived = pay("payout-0002", State.SETTLED, anna.known_user)
    at(3)
    orders.append(sell(anna, 2_00))
    at(9)
    return orders, failed, arrived


def days(first, last):
    """Of November 2026."""
    return date(2026, 11, first), date(2026, 11, last)


def rows(sheet):
    heading, *found = csv.reader(io.StringIO(sheet))
    assert heading == HEADINGS
    return found


def brief(sheet):
    return [(row[0][-2:], row[1], row[5], row[6]) for row in rows(sheet)]


def test_a_statement_has_each_posting_between_its_balances(told, anna, event):
    (first, second, third, fourth), failed, arrived = told

    found = rows(statements.my_sheet(anna, *days(1, 5)))

    name = events.get(DEFAULT, event.id).name
    assert [row[1:4] for row in found[1:-1]] == [["share", row[2], event.id] for row in found[1:3]] + [
        ["payout", failed, ""],
        *[row[1:4] for row in found[4:6]],
        ["payout", arrived, ""],
        ["share", fourth, event.id],
    ]
    assert {row[2] for row in found[1:3]} == {first, second}
    assert sorted(row[1:3] for row in found[4:6]) == [["payout-returned", failed], ["share", third]]
    assert {row[4] for row in found if row[3]} == {name}
    assert [row[6] for row in (found[0], found[2], found[3], found[5], found[6], found[7], found[8])] == [
        "0.00", "65.00", "0.00", "70.00", "0.00", "1.00", "1.00",
    ]  # fmt: skip
    assert {row[7] for row in found} == {"THB"}


def test_each_statement_begins_where_the_one_before_ended(told, anna):
    for day in range(2, 7):
        before = brief(statements.my_sheet(anna, *days(1, day)))
        after = brief(statements.my_sheet(anna, *days(day + 1, 8)))

        assert before[-1][3] == after[0][3]
        assert after[-1] == ("08", "closing", "", "1.00")


def test_the_opening_balance_is_the_sum_of_everything_before(told, anna):
    for day in range(1, 8):
        start, _ = Period(*days(day, day)).moments(ZoneInfo("Asia/Bangkok"), clock.now())
        every = ledger.between(DEFAULT, f"photographer:{anna.user}", "0", start)
        assert statements._owed(DEFAULT, f"photographer:{anna.user}", start) == -sum(each.amount for _, each in every)


def test_a_payout_that_was_taken_long_after_it_was_made_is_counted_when_it_was_taken(at, anna, sell):
    party = f"photographer:{anna.user}"
    sell(anna)
    at(1)
    service.open_payout(MAKER, clock.now() - timedelta(hours=1), "payout-0001")
    at(3)
    deliver.all()
    at(4)

    assert brief(statements.my_sheet(anna, *days(3, 5)))[0][3] == "50.00"
    with pytest.raises(Invalid, match="period_not_over"):
        statements.my_sheet(anna, *days(3, 6))
    assert [each.kind for _, each in ledger.between(DEFAULT, party, "0", None)] == ["share", TAKEN]


def test_what_is_held_stays_owed(at, photographers, sell):
    nok = photographers("nok")
    sell(nok)
    at(1)
    service.open_payout(MAKER, clock.now() - timedelta(hours=1), "payout-0001")
    deliver.all()
    at(5)

    assert brief(statements.my_sheet(nok, *days(4, 5))) == [
        ("04", "opening", "", "50.00"),
        ("05", "closing", "", "50.00"),
    ]


def test_days_are_those_of_the_organization(at, anna, sell):
    at(-0.3)  # Monday, 4:48 in Bangkok, and still Sunday in UTC
    sell(anna)
    at(5)

    assert brief(statements.my_sheet(anna, *days(2, 2)))[1][:2] == ("02", "share")


def test_the_organization_has_one_too(told):
    assert brief(statements.sheet(MAKER, DEFAULT, *days(1, 5)))[-1] == ("05", "closing", "", "0.40")


def test_nobodys_account_is_not_there(at, aws):
    at(9)
    for whose in ("usr_none", OTHER, "x"):
        with pytest.raises(NotFound, match="party_not_found"):
            statements.sheet(MAKER, whose, *days(1, 5))


def test_anothers_account_is_not_there_for_another_organization(told, anna):
    with pytest.raises(NotFound, match="party_not_found"):
        statements.sheet(caller("owner", organization=organizations.create("Trail").id), anna.user, *days(1, 5))


def test_without_days_it_is_last_month_and_the_month_of_the_last_day():
    today = date(2026, 12, 3)

    assert Period.of(None, None, today) == Period(date(2026, 11, 1), date(2026, 11, 30))
    assert Period.of(None, date(2026, 10, 9), today) == Period(date(2026, 10, 1), date(2026, 10, 9))
    assert Period.of(date(2026, 10, 9), None, today) == Period(date(2026, 10, 9), date(2026, 11, 30))


def test_days_that_end_first_are_refused(at, anna):
    at(9)
    with pytest.raises(Invalid, match="period_ends_first"):
        statements.my_sheet(anna, *days(5, 4))


def test_too_many_lines_are_refused(told, anna, monkeypatch):
    monkeypatch.setattr(statements, "MOST_PRINTED", 6)

    with pytest.raises(Unprocessable, match="statement_too_long"):
        statements.draw_mine(anna, *days(1, 5))
    statements.draw_mine(anna, *days(1, 4))


def test_the_same_is_drawn_as_pdf(told, anna, monkeypatch):
    language: Language = "en"
    organizations.update(DEFAULT, version=organizations.get(DEFAULT).version, language=language)
    drawn = {}
    monkeypatch.setattr(pages.media, "document", lambda *parts: drawn.update(enumerate(parts)) or b"%PDF-")

    made = statements.draw_mine(anna, *days(1, 5))

    rows, sums = [row.cells for row in drawn[3]], drawn[1]
    assert (rows[0][4], rows[-1][4]) == ("0.00", "1.00")
    assert [row[3] for row in rows[3:4]] == ["-65.00"]
    assert f"{pages._WORDS[language]['payout']}: -135.00" in sums
    assert any(f"anna ({anna.user})" in line for line in sums)
    assert storage.read("originals", f"statements/{DEFAULT}/{anna.user}-2026-11-01-2026-11-05.pdf") == b"%PDF-"
    assert "response-content-disposition=attachment" in made.url


def test_every_kind_of_booking_has_words_in_both_languages():
    assert pages._WORDS["en"].keys() == pages._WORDS["th"].keys()
