"""Somebody is told something, reads it, and has it deleted."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from chalicelib.core import clock, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.core.once import Taken, claim
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.notifications.analytics.model import Figure
from chalicelib.notifications.analytics.service import counting, opening
from chalicelib.notifications.inbox import store
from chalicelib.notifications.inbox.messages import InboxCleared, NotificationCreated
from chalicelib.notifications.inbox.model import KEPT_DAYS, Entry, Inbox
from chalicelib.notifications.model import Kind

_TRIES = 8
_REMEMBERED = timedelta(days=KEPT_DAYS)


def receive(
    organization: str,
    user: str,
    *,
    occasion: str,
    kind: Kind,
    topic: str,
    title: str,
    text: str,
    page: str | None = None,
    broadcast: str | None = None,
) -> bool:
    """Put something into somebody's inbox; False where it was told for this occasion before."""

    def received(held: Inbox) -> list[Write]:
        id = held.next_id(clock.now())
        entry = Entry(id, organization, user, kind, topic, title, text, page, broadcast=broadcast)
        return [
            claim(organization, "inapp", f"{user}#{occasion}", result=entry.id, keep=_REMEMBERED),
            store.save(held.received(entry, _today())),
            store.add(entry),
            outbox.publish(NotificationCreated(organization=organization, user=user, entry=entry.id)),
            *_counted(entry, Figure.SENT),
        ]

    try:
        return _change(organization, user, received)
    except Taken:
        return False


def listed(principal: Principal, request: PageRequest, *, unread: bool) -> tuple[Inbox, Page[Entry]]:
    """A page of somebody's inbox, the newest first. Of those `unread` alone it may hold fewer than asked for."""
    held = store.inbox_of(principal.organization, principal.known_user)
    floor = held.floor(_today())
    found = store.entries(held.organization, held.user, max(floor, held.read_to) if unread else floor, request)
    if not unread:
        return held, found
    return held, Page([entry for entry in found.items if not held.has_read(entry)], found.size, found.cursor)


def find(organization: str, user: str, id: str) -> tuple[Inbox, Entry] | None:
    """An entry that is shown, and the inbox it is in."""
    held = store.inbox_of(organization, user)
    entry = store.find(organization, user, id)
    return None if entry is None or entry.id <= held.floor(_today()) else (held, entry)


def unread_count(organization: str, user: str) -> int:
    return store.inbox_of(organization, user).unread_on(_today())


def mark_read(principal: Principal, id: str) -> None:
    """Twice is once, and counts as opened. Raises NotFound."""

    def read(held: Inbox) -> list[Write]:
        entry = _shown(held, id)
        if held.has_read(entry):
            return []
        read_now = [store.mark(entry, clock.now()), store.save(held.without(entry, _today()))]
        return [*read_now, *_counted(entry, Figure.OPENED), *_opening(entry)]

    _change(principal.organization, principal.known_user, read)


def mark_all_read(principal: Principal) -> None:
    """Whatever is there now: one write, however much that is. None of it counts as opened."""

    def read(held: Inbox) -> list[Write]:
        return [store.save(held.all_read())] if held.read_to != held.newest else []

    _change(principal.organization, principal.known_user, read)


def remove(principal: Principal, id: str) -> None:
    """Raises NotFound."""

    def removed(held: Inbox) -> list[Write]:
        entry = _shown(held, id)
        return [store.drop(entry), store.save(held.without(entry, _today()))]

    _change(principal.organization, principal.known_user, removed)


def clear(principal: Principal) -> None:
    """Nothing of what is there now is shown any more; it is deleted soon after."""

    def cleared(held: Inbox) -> list[Write]:
        if held.cleared_to == held.newest:
            return []
        told = InboxCleared(organization=held.organization, user=held.user, newest=held.newest)
        return [store.save(held.cleared()), outbox.publish(told)]

    _change(principal.organization, principal.known_user, cleared)


def delete_cleared(organization: str, user: str, newest: str) -> bool:
    """False where that was done."""
    return store.drop_all(organization, user, newest)


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    held = store.inbox_of(organization, user)
    return [
        {"at": entry.at, "title": entry.title, "text": entry.text, "read": held.has_read(entry)}
        for entry in store.all_entries(organization, user)
        if entry.id > held.floor(_today())
    ]


def erase_person(organization: str, user: str) -> None:
    """May run again where it was cut off."""
    store.drop_all(organization, user)
    transact(store.forget(organization, user))


def _shown(held: Inbox, id: str) -> Entry:
    entry = store.find(held.organization, held.user, id)
    if entry is None or entry.id <= held.floor(_today()):
        raise store.missing()
    return entry


def _counted(entry: Entry, figure: Figure) -> list[Write]:
    return counting(entry.organization, "inapp", entry.topic, figure, thing=entry.id, day=entry.at.date())


def _opening(entry: Entry) -> list[Write]:
    return opening(entry.organization, entry.broadcast, thing=entry.id) if entry.broadcast else []


def _change(organization: str, user: str, decide: Callable[[Inbox], list[Write]]) -> bool:
    """Decide on the newest state and commit; False where there is nothing to do. Raises Unavailable, Taken."""
    for _ in range(_TRIES):
        writes = decide(store.inbox_of(organization, user))
        if not writes:
            return False
        try:
            transact(*writes)
            return True
        except Taken:
            raise
        except Conflict:
            continue
    raise Unavailable("busy", "Too much happens at once. Try again.", retry_after=1)


def _today() -> date:
    return clock.now().date()
