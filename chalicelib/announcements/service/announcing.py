"""What organizers say to those who hear of an event."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from chalicelib.announcements import store
from chalicelib.announcements.messages import NoticeDue
from chalicelib.announcements.model import ANNOUNCED_A_DAY, Audience, Kind, Notice, Text
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, limits, once, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events

_DAY = timedelta(days=1)
_SCOPE = "announcement"


@dataclass(frozen=True, slots=True)
class Said:
    """An announcement as an event's page shows it."""

    id: str
    at: datetime
    texts: Mapping[str, Text]


def announce(actor: Principal, id_or_slug: str, texts: Mapping[str, Text], audience: Audience) -> Notice:
    """Tell all of an audience. The same words within a day are those that were said: told once.

    Raises NotFound, Limited after three a day.
    """
    event = events.get(actor.organization, id_or_slug)
    said = {"event": event.id, "audience": audience, "texts": {name: asdict(text) for name, text in texts.items()}}
    key = once.fingerprint(said)
    earlier = _earlier(event.organization, event.id, key)
    if earlier is not None:
        return earlier
    seconds = int(_DAY.total_seconds())
    limits.take(event.organization, _SCOPE, event.id, limit=ANNOUNCED_A_DAY, seconds=seconds)
    notice = Notice(
        id=ids.new("ann"),
        organization=event.organization,
        event=event.id,
        kind=Kind.ANNOUNCEMENT,
        audience=audience,
        at=clock.now(),
        texts=texts,
    )
    noted = audit.entry(
        actor,
        action="event.announced",
        entity="event",
        entity_id=event.id,
        after={"announcement": notice.id, "audience": audience},
    )
    try:
        claimed = once.claim(event.organization, _SCOPE, key, result=notice.id, keep=_DAY)
        due = NoticeDue(organization=event.organization, event=event.id, notice=notice.id)
        transact(claimed, store.add_notice(notice), noted, outbox.publish(due))
    except once.Taken:
        return _earlier(event.organization, event.id, key) or notice
    return notice


def announced(actor: Principal, id_or_slug: str, request: PageRequest) -> Page[Notice]:
    """What those who hear of an event were told, the newest first, with how many it reached. Raises NotFound."""
    event = events.get(actor.organization, id_or_slug)
    return store.notices(event.organization, event.id, request)


def public(principal: Principal, id_or_slug: str, request: PageRequest) -> Page[Said]:
    """What was announced, for who may see the event. A page may hold fewer than asked for. Raises as `visible`."""
    event = events.visible(principal, id_or_slug)
    found = store.notices(event.organization, event.id, request)
    said = [Said(each.id, each.at, each.texts) for each in found.items if each.kind is Kind.ANNOUNCEMENT]
    return Page(said, found.size, found.cursor, number=found.number)


def _earlier(organization: str, event: str, key: str) -> Notice | None:
    id = once.recall(organization, _SCOPE, key)
    return store.find_notice(organization, event, id) if id else None
