"""Rules of the split, the shares of what is sold, and what everybody earned."""

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events
from chalicelib.ledger import service as ledger
from chalicelib.lines.contract import QuoteLine
from chalicelib.organizations import service as organizations
from chalicelib.revenue import store
from chalicelib.revenue.model import Earned, Portion, Rule, Share, Split, Statement, Takings, scopes, shared
from chalicelib.revenue.model import taken_back as taken_back

MOST_AT_ONCE = 80
"""Things a booking adds to the sums of, so that a transaction has room for the rest of it."""


# --- rules --------------------------------------------------------------------------------------------------


def set_rule(actor: Principal, *, event: str | None, photographer: str | None, split: Split, version: int) -> Rule:
    """Split what is sold from now on by this. Orders that are placed keep the rule they were placed under.

    Raises NotFound (event, photographer), Conflict `version_conflict`, Forbidden `platform_part`.
    """
    organization = actor.organization
    if event is not None:
        event = events.get(organization, event).id
    if photographer is not None:
        photographer = accounts.get_user(organization, photographer).id
    rule = Rule(organization, event, photographer, split, clock.now(), actor.user, version)
    was = store.find_rule(organization, rule.scope)
    if split.platform < _platform_part(rule) and not _speaks_for_platform(actor):
        raise Forbidden("platform_part", "Only the platform gives away of its part.")
    told = audit.entry(
        actor,
        action="split_rule.set",
        entity="split_rule",
        entity_id=rule.scope,
        before={"split": was.split} if was else None,
        after={"split": split},
    )
    transact(store.save_rule(rule), told)
    return Rule(organization, event, photographer, split, rule.changed_at, rule.changed_by, version + 1)


def list_rules(organization: str, request: PageRequest) -> Page[Rule]:
    return store.list_rules(organization, request)


def _platform_part(rule: Rule) -> int:
    """What the platform gets of such sales today, in basis points."""
    wanted = scopes(rule.event or "", rule.photographer)
    found = store.rules_for(rule.organization, [(rule.event or "", rule.photographer)])
    return next((found[scope].split for scope in wanted if scope in found), Split()).platform


def _speaks_for_platform(actor: Principal) -> bool:
    """In the deployment's own organization everybody does, in a tenant who came in from there."""
    if actor.organization == organizations.DEFAULT:
        return True
    session = accounts.find_session(actor.organization, actor.session) if actor.session else None
    return session is not None and session.home is not None


# --- shares -------------------------------------------------------------------------------------------------


def shares_of(organization: str, lines: Sequence[QuoteLine]) -> list[tuple[Share, ...]]:
    """The shares of each line, less its tax, by the rules of now; none of what is prepaid."""
    sales = [(line.subject, maker) for line in lines for maker in line.makers or (None,)]
    rules = store.rules_for(organization, sales)
    return [
        () if line.prepaid else shared(line.net, line.refs, line.makers, line.subject, rules, line.weights)
        for line in lines
    ]


def book(organization: str, *, order: str, line: str, subject: str, shares: Sequence[Share], currency: str) -> bool:
    """Credit everybody with their part of a paid line, once. Goes on where it was cut off; False: nothing was left."""
    booked = False
    for number, share in enumerate(shares, start=1):
        if share.photographer is not None:
            store.list_earner(organization, subject, share.photographer)
        sale = Portion(share.photographer, tuple(share.by_ref()))
        booked |= _book(organization, f"{order}#{line}#{number}", "share", order, subject, sale, currency)
    return booked


def take_back(
    organization: str, *, refund: str, order: str, line: str, number: int, subject: str, portion: Portion, currency: str
) -> bool:
    """Debit everybody with what a refund takes back of the share `number` (from 1) of a line. As `book`."""
    minus = Portion(portion.photographer, tuple((ref, -takings) for ref, takings in portion.things))
    return _book(organization, f"{refund}#{line}#{number}", "unshare", order, subject, minus, currency)


def _book(organization: str, part: str, kind: str, order: str, subject: str, portion: Portion, currency: str) -> bool:
    """In pieces that one transaction can book; False: nothing was left to do."""
    booked = False
    for piece, start in enumerate(range(0, len(portion.things), MOST_AT_ONCE), start=1):
        some = Portion(portion.photographer, portion.things[start : start + MOST_AT_ONCE])
        takings = some.takings
        entry = ledger.distribution(
            f"{part}-{piece}",
            organization=organization,
            order=order,
            subject=subject,
            photographer=some.photographer,
            platform_part=takings.platform,
            photographer_part=takings.photographer,
            organizer_part=takings.organizer,
            currency=currency,
            at=clock.now(),
            kind=kind,
        )
        try:
            transact(*ledger.book(entry), *store.count(organization, order, subject, some))
        except ledger.Booked:
            continue
        booked = True
    return booked


# --- what was earned ----------------------------------------------------------------------------------------


def summary(organization: str) -> Takings:
    """What the organization's sales brought, to whom."""
    return store.takings(organization, store.ALL)


def of_event(principal: Principal, id_or_slug: str, request: PageRequest) -> Statement:
    """What an event brought, and a page of its photographers. Raises NotFound."""
    event = events.get(principal.organization, id_or_slug)
    found = store.earners(event.organization, event.id, request)
    sums = store.takings_of(event.organization, [f"{event.id}#{user}" for user in found.items])
    named = _named(event.organization, found.items, sums)
    return Statement(store.takings(event.organization, event.id), tuple(named), found.cursor)


def photos_of_event(principal: Principal, id_or_slug: str, request: PageRequest) -> Page[Earned]:
    """What each photo of an event brought. Raises NotFound."""
    event = events.get(principal.organization, id_or_slug)
    found = store.photos_of(event.organization, event.id, None, request)
    return found.map(lambda sold: Earned(sold[0], None, sold[1]))


def photographers(organization: str, request: PageRequest) -> Page[Earned]:
    """A page of everybody who earned, with what their photos brought."""
    found = store.earners(organization, store.ALL, request)
    named = _named(organization, found.items, store.takings_of(organization, found.items))
    return Page(named, found.size, found.cursor, number=found.number)


def earners(organization: str) -> Iterator[str]:
    """The ids of all who earned."""
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = store.earners(organization, store.ALL, request)
        yield from found.items
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None


def my_earnings(principal: Principal, request: PageRequest) -> Statement:
    """What the caller's photos brought, and a page of the events where they did."""
    organization, user = principal.organization, principal.known_user
    found = store.events_of(organization, user, request)
    sums = store.takings_of(organization, [f"{event}#{user}" for event in found.items])
    items = tuple(Earned(event, None, takings) for event, takings in zip(found.items, sums, strict=True))
    return Statement(store.takings(organization, user), items, found.cursor)


def my_photos(principal: Principal, event: str, request: PageRequest) -> Page[Earned]:
    """What each of the caller's photos of an event brought; the event by its id. Raises NotFound."""
    if not ids.is_id("evt", event):
        raise NotFound("event_not_found", "There is no such event.")
    found = store.photos_of(principal.organization, event, principal.known_user, request)
    return found.map(lambda sold: Earned(sold[0], None, sold[1]))


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    """What somebody earned, by event; all of it, a hundred events at a time."""
    earned, request = [], PageRequest(size=100)
    while True:
        found = store.events_of(organization, user, request)
        sums = store.takings_of(organization, [f"{event}#{user}" for event in found.items])
        for event, takings in zip(found.items, sums, strict=True):
            earned.append({"event": event, "photos": takings.sold, "earned": takings.photographer})
        if found.cursor is None:
            return earned
        request = PageRequest(size=100, cursor=found.cursor)


def _named(organization: str, users: Sequence[str], sums: Sequence[Takings]) -> list[Earned]:
    known = accounts.find_users(organization, users)
    return [
        Earned(user, known[user].name if user in known else None, takings)
        for user, takings in zip(users, sums, strict=True)
    ]
