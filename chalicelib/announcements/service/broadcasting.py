"""What staff say to all who have an account, to some of them, or to those who hear of an event: now, or at a time."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from chalicelib.announcements import store
from chalicelib.announcements.messages import NoticeDue
from chalicelib.announcements.model import BROADCAST_A_DAY, FURTHEST, Audience, Kind, Notice, Text
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, limits, log, once, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound, Unavailable
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.events import service as events
from chalicelib.notifications import service as notifications
from chalicelib.notifications.analytics.model import Fives

_DAY = timedelta(days=1)
_SCOPE = "broadcast"
_AT_ONCE = 50
_TRIES = 5


def broadcast(
    actor: Principal,
    texts: Mapping[str, Text],
    audience: Audience,
    *,
    event: str | None,
    page: str | None,
    at: datetime | None,
) -> Notice:
    """Tell all of an audience, now or `at` a time. The same within a day is what was said: told once.

    Raises NotFound for the event, Invalid for a time that is past or too far, Limited after ten a day.
    """
    organization, now = actor.organization, clock.now()
    if at is not None and not now < at <= now + FURTHEST:
        raise Invalid("invalid_time", f"Plan it within the next {FURTHEST.days} days.", field="at")
    heard = events.get(organization, event).id if event else ""
    told = {name: asdict(text) for name, text in texts.items()}
    key = once.fingerprint({"audience": audience, "event": heard, "page": page, "at": at, "texts": told})
    earlier = _earlier(organization, key)
    if earlier is not None:
        return earlier
    limits.take(organization, _SCOPE, "-", limit=BROADCAST_A_DAY, seconds=int(_DAY.total_seconds()))
    id = ids.new("ann")
    notice = Notice(id, organization, heard, Kind.BROADCAST, audience, at or now, texts, page=page)
    claimed = once.claim(organization, _SCOPE, key, result=id, keep=_DAY)
    begun = store.plan(notice) if at else outbox.publish(_due(notice))
    try:
        transact(claimed, store.add_notice(notice), _noted(actor, "broadcast.created", notice), begun)
    except once.Taken:
        return _earlier(organization, key) or notice
    return notice


def listed(actor: Principal, request: PageRequest) -> Page[Notice]:
    """The newest first, with how many they reached."""
    return store.broadcasts(actor.organization, request)


def get_broadcast(actor: Principal, id: str) -> Notice:
    """Raises NotFound."""
    found = store.find_notice(actor.organization, "", id)
    if found is None:
        raise NotFound("broadcast_not_found", "There is no such broadcast.")
    return found


def figures_of(actor: Principal, id: str) -> tuple[Notice, Fives | None]:
    """A broadcast, and how many opened it where it is in their inbox. Raises NotFound."""
    found = get_broadcast(actor, id)
    return found, None if found.event else notifications.opened(found.organization, found.id, found.sent)


def cancel(actor: Principal, id: str) -> Notice:
    """Nobody is told any more after the page of people that is being told right now. Twice is once.

    Raises NotFound, Conflict `broadcast_over` for one that all were told.
    """
    for _ in range(_TRIES):
        notice = get_broadcast(actor, id)
        if notice.cancelled_at is not None:
            return notice
        if notice.done_at is not None:
            raise Conflict("broadcast_over", "Everybody has been told.")
        cancelled = replace(notice, cancelled_at=clock.now())
        try:
            noted = _noted(actor, "broadcast.cancelled", cancelled)
            transact(store.save_notice(cancelled), store.unplan(notice), noted)
            return cancelled
        except Conflict:
            continue
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=1)


def begin_due() -> int:
    """Begin the broadcasts whose time has come; returns how many."""
    return sum(_begin(organization, id) for organization, id in list(store.planned(clock.now(), _AT_ONCE)))


def _begin(organization: str, id: str) -> bool:
    notice = store.find_notice(organization, "", id)
    if notice is None:
        return False
    try:
        transact(store.begin(notice), outbox.publish(_due(notice)))
    except Conflict:
        log.info("broadcast begun already, or cancelled", organization=organization)
        return False
    return True


def _due(notice: Notice) -> NoticeDue:
    return NoticeDue(organization=notice.organization, event="", notice=notice.id)


def _noted(actor: Principal, action: str, notice: Notice) -> Write:
    after = {"audience": notice.audience, "event": notice.event or None, "at": clock.stamp(notice.at)}
    return audit.entry(actor, action=action, entity="broadcast", entity_id=notice.id, after=after)


def _earlier(organization: str, key: str) -> Notice | None:
    id = once.recall(organization, _SCOPE, key)
    return store.find_notice(organization, "", id) if id else None
