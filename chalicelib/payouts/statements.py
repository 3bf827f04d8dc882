"""Statements of account: what a party was owed at the beginning of a period, each posting in it, and at its end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.core import clock, ids, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.events import service as events
from chalicelib.ledger import service as ledger
from chalicelib.ledger.service import Movement
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization
from chalicelib.payouts import pages, sheets, store
from chalicelib.payouts.model import TAKEN, Item, ItemState, Line, Period, Statement, account_of

MOST_LINES = 10_000
MOST_PRINTED = 1_000
"""Lines of a PDF: two dozen pages and more, some seconds."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """`url` works until `expires_at`."""

    url: str
    expires_at: datetime


def sheet(principal: Principal, whose: str, first: date | None, last: date | None) -> str:
    """CSV of somebody's statement, by their id or the organization's; the days as in `Period.of`.

    Raises NotFound, Invalid (see `Period.moments`), Unprocessable `statement_too_long`.
    """
    return sheets.account(_statement(principal.organization, whose, first, last, MOST_LINES))


def my_sheet(principal: Principal, first: date | None, last: date | None) -> str:
    """As `sheet`, of the caller's account."""
    return sheet(principal, principal.known_user, first, last)


def draw(principal: Principal, whose: str, first: date | None, last: date | None) -> Drawn:
    """The same as PDF, which is kept for a day. Raises as `sheet`."""
    found = _statement(principal.organization, whose, first, last, MOST_PRINTED)
    name = f"{whose}-{found.period.first}-{found.period.last}.pdf"
    key = f"statements/{principal.organization}/{name}"
    storage.upload("originals", key, pages.printed(found), content_type="application/pdf")
    return Drawn(storage.read_url("originals", key, filename=name), clock.now() + storage.LONGEST_READ)


def draw_mine(principal: Principal, first: date | None, last: date | None) -> Drawn:
    """As `draw`, of the caller's account."""
    return draw(principal, principal.known_user, first, last)


def _statement(organization: str, whose: str, first: date | None, last: date | None, most: int) -> Statement:
    home = organizations.get(organization)
    zone, now = ZoneInfo(home.timezone), clock.now()
    period = Period.of(first, last, now.astimezone(zone).date())
    start, end = period.moments(zone, now)
    name = _name(home, whose)
    party = account_of(whose)
    opening = _owed(organization, party, start)
    lines = tuple(_lines(home, party, start, end, opening, most))
    if name is None and not lines and not opening:
        raise NotFound("party_not_found", "There is no such account.")
    return Statement(home, whose, name, period, opening, lines)


def _name(home: Organization, whose: str) -> str | None:
    if whose == home.id:
        return home.name
    found = accounts.find_users(home.id, [whose]) if ids.is_id("usr", whose) else {}
    return found[whose].name if whose in found else None


def _owed(organization: str, party: str, at: datetime) -> int:
    """What a party was owed at a moment.

    Up to where an item ends, all bookings and what the items took come to nothing. So it is enough to look behind the
    last item whose entry is from before, and to leave out what was taken there for bookings that lie before it.
    """
    items = store.made_before(organization, party, at)
    behind = next((item.through for item in items if _was_taken(item, at)), "0")
    owed = 0
    for _, booked in ledger.between(organization, party, behind, at):
        if booked.kind != TAKEN or _since(organization, party, booked) >= behind:
            owed -= booked.amount
    return owed


def _was_taken(item: Item, before: datetime) -> bool:
    if item.state is ItemState.HELD:
        return False
    entry = ledger.find(item.organization, f"{TAKEN}#{item.payout}#{item.party}")
    return entry is not None and entry.at < before


def _since(organization: str, party: str, booked: Movement) -> str:
    """Behind which place the bookings lie that an entry took."""
    item = store.find_item(organization, _reference(booked), party)
    assert item is not None, "it is written with its entry"
    return item.since


def _lines(home: Organization, party: str, start: datetime, end: datetime, owed: int, most: int) -> Iterator[Line]:
    """Raises Unprocessable `statement_too_long`."""
    zone, names = ZoneInfo(home.timezone), dict[str | None, str | None]({None: None})
    first = clock.stamp(start)
    for number, (_, booked) in enumerate(ledger.between(home.id, party, first, end), start=1):
        if number > most:
            raise Unprocessable("statement_too_long", f"There are more than {most} lines. Take fewer days.")
        if booked.subject not in names:
            names[booked.subject] = _event_name(home.id, booked.subject)
        owed -= booked.amount
        yield Line(
            day=booked.at.astimezone(zone).date(),
            kind=booked.kind,
            reference=_reference(booked),
            event=booked.subject,
            event_name=names[booked.subject],
            amount=-booked.amount,
            balance=owed,
        )


def _reference(booked: Movement) -> str:
    return booked.order or booked.entry.split("#")[1]


def _event_name(organization: str, event: str | None) -> str | None:
    """None for one that was deleted."""
    try:
        return events.get(organization, event or "").name
    except NotFound:
        return None
