"""Whom staff has assigned to an event, and the events that somebody photographs."""

from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.core.auth import Principal
from chalicelib.core.table import Page, PageRequest, Write
from chalicelib.events import service as events
from chalicelib.events.assignments import store
from chalicelib.events.assignments.model import Assignment
from chalicelib.events.model import MOST_PHOTOGRAPHERS, Event


def list_assigned(actor: Principal, id_or_slug: str) -> Page[dict[str, Any]]:
    """All photographers of an event, with their names. Raises NotFound."""
    event = events.get(actor.organization, id_or_slug)
    held = store.find(event.organization, [(event.id, user) for user in event.photographers])
    known = accounts.find_users(event.organization, event.photographers)
    names = {user: person.name for user, person in known.items()}
    return Page([_shown(each) | {"user": each.user, "name": names.get(each.user)} for each in held], MOST_PHOTOGRAPHERS)


def my_assignments(principal: Principal, request: PageRequest) -> Page[dict[str, Any]]:
    """The events that the caller is assigned to, newest date first, and on which terms."""
    user = principal.known_user
    found = events.list_events(principal, request, mine=True)
    held = store.find(principal.organization, [(event.id, user) for event in found.items])
    terms = {each.event: _shown(each) for each in held}
    return found.map(lambda event: terms[event.id] | {"event": event})


def of(event: Event, user: str) -> Assignment:
    """As it stands now; on the usual terms for somebody of the staff who is not assigned."""
    return store.get(event.organization, event.id, user)


def offset_of(organization: str, event: str, user: str) -> int:
    """Seconds that somebody's camera is behind true time at an event."""
    return store.get(organization, event, user).clock_offset


def take(held: Assignment, photos: int) -> Write:
    """The write that counts photos which are offered; refused with Conflict `version_conflict`: look again."""
    return store.take(held, photos)


def give_back(organization: str, event: str, user: str, photos: int = 1) -> Write:
    return store.give_back(organization, event, user, photos)


def forget(organization: str, event: str, user: str) -> Write:
    """What is kept of somebody at an event whose photos are gone."""
    return store.forget(organization, event, user)


def _shown(held: Assignment) -> dict[str, Any]:
    return held.terms | {"used": held.used, "left": held.left}
