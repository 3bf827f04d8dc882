"""Events: planned by staff, filled by photographers, seen by visitors once they are live."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.events import store
from chalicelib.events.access import service as entries
from chalicelib.events.assignments import store as assignments
from chalicelib.events.assignments.model import Assignment
from chalicelib.events.messages import ClockSet, EventDeleted, EventWentLive
from chalicelib.events.model import PUBLIC_STATUSES, Access, Details, Event, EventStatus, slug_of
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource

Change = Callable[[Event, datetime], Event]
By = tuple[Principal, str]
"""Who changes an event, and what the audit log calls it."""
Beside = Callable[[Event], Sequence[Write]]
"""What else is committed with a change, from the state that it is decided on."""

_TRIES = 5
_UNSAID = {"id", "organization", "version", "created_at", "updated_at", "live_at", "entry_code"}
PHOTOGRAPHER = "photographer"


def plan_event(actor: Principal, details: Details, slug: str | None = None) -> Event:
    """A new event. Raises Conflict `slug_taken` for a slug asked for; without one, a free one is made.

    Raises Forbidden `plan_limit` where the organization has as many as its plan allows.
    """
    now = clock.now()
    suffix = ids.code(6).lower()
    event = Event(
        id=ids.new("evt"),
        organization=actor.organization,
        slug=slug or slug_of(details.name, suffix),
        created_at=now,
        updated_at=now,
        **details.fields(),
    )
    counted = organizations.use(event.organization, Resource.EVENTS)
    try:
        transact(*store.add(event), counted, _told(actor, "event.planned", None, event))
    except Conflict as refused:
        if slug is not None or refused.code != "slug_taken":
            raise
        event = event.edited(details, f"{event.slug[:73]}-{suffix}", now)
        transact(*store.add(event), counted, _told(actor, "event.planned", None, event))
    return event


def edit_event(actor: Principal, id_or_slug: str, details: Details, slug: str | None, version: int) -> Event:
    """Raises Conflict `version_conflict` unless `version` is the stored one."""
    event = get(actor.organization, id_or_slug)
    return _change_at(version, event, lambda event, at: event.edited(details, slug, at), (actor, "event.edited"))


def move_event(actor: Principal, id_or_slug: str, to: EventStatus, version: int) -> Event:
    """Raises Conflict `status_not_allowed`, `version_conflict`."""
    event = get(actor.organization, id_or_slug)
    return _change_at(version, event, lambda event, at: event.moved(to, at), (actor, "event.moved"))


def assign(actor: Principal, id_or_slug: str, user: str, told: Mapping[str, Any] | None = None) -> Event:
    """Assign a photographer to the event, on the terms that are `told`; the others stay as they are.

    Raises NotFound, Unprocessable `not_a_photographer`, Conflict `primary_taken`, `too_many_photographers`.
    """
    if PHOTOGRAPHER not in accounts.get_user(actor.organization, user).roles:
        raise Unprocessable("not_a_photographer", "This person is not a photographer.", field="user")
    terms = told or {}

    def beside(event: Event) -> Sequence[Write]:
        was = assignments.get(event.organization, event.id, user)
        return _terms_changed(actor, was, was.changed(terms)) if was.changed(terms) != was else ()

    by = (actor, "event.photographer_assigned")
    role = terms.get("role")
    return _change(actor.organization, id_or_slug, lambda event, at: event.assigned(user, at, role), by, beside)


def unassign(actor: Principal, id_or_slug: str, user: str) -> Event:
    by = (actor, "event.photographer_unassigned")
    return _unassign(actor.organization, id_or_slug, user, by)


def _unassign(organization: str, id_or_slug: str, user: str, by: By | None = None) -> Event:
    def beside(event: Event) -> Sequence[Write]:
        if user not in event.photographers:
            return ()
        return [assignments.end(assignments.get(event.organization, event.id, user))]

    return _change(organization, id_or_slug, lambda event, at: event.unassigned(user, at), by, beside)


def _terms_changed(actor: Principal, was: Assignment, changed: Assignment) -> list[Write]:
    told = audit.entry(
        actor,
        action="event.assignment_changed",
        entity="event",
        entity_id=was.event,
        before=was.terms | {"photographer": None},
        after=changed.terms | {"photographer": was.user},
    )
    writes = [assignments.save_terms(changed, was), told]
    if changed.clock_offset != was.clock_offset:
        fact = ClockSet(organization=was.organization, event=was.event, photographer=was.user)
        writes.append(outbox.publish(fact))
    return writes


def of_photographer(organization: str, user: str) -> list[Event]:
    """The events that somebody is assigned to, for the house itself."""
    return list(store.of_photographer(organization, user))


def was_sold(organization: str, event_id: str) -> bool:
    """Whether a photo of the event was sold, for a deleted one too. Raises NotFound."""
    return store.get(organization, event_id, deleted=True).sold_at is not None


def personal_data(organization: str, user: str) -> list[dict[str, str]]:
    return [{"id": event.id, "name": event.name} for event in of_photographer(organization, user)]


def erase_person(organization: str, user: str) -> None:
    """Assign somebody to no event any more. May run again where it was cut off."""
    for event in of_photographer(organization, user):
        with suppress(NotFound):
            _unassign(organization, event.id, user)


def delete_event(actor: Principal, id_or_slug: str) -> None:
    """Hide the event for good. Raises Conflict `event_sold` once a photo of it was sold."""
    _change(actor.organization, id_or_slug, lambda event, at: event.deleted(at), (actor, "event.deleted"))


def mark_sold(organization: str, event_id: str) -> Event:
    """The event, which from now on can not be deleted. Twice is once.

    One that was deleted before comes back as it is: whoever paid gets what was bought.
    """
    try:
        return _change(organization, event_id, lambda event, at: event.sold(at))
    except NotFound:
        return store.get(organization, event_id, deleted=True)


def get(organization: str, id_or_slug: str) -> Event:
    """Raises NotFound for a missing, a deleted and a foreign event alike."""
    if ids.is_id("evt", id_or_slug):
        return store.get(organization, id_or_slug)
    return store.get_by_slug(organization, id_or_slug)


def visible(principal: Principal, id_or_slug: str) -> Event:
    """The event, if the caller may see what is in it: anybody once it is live, before that its staff alone.

    Where it has a code, of the others only who brings a token for it. Raises NotFound, Forbidden
    `access_code_required`.
    """
    event = _knowable(principal, id_or_slug)
    if event.access is Access.CODE and not _is_inside(principal, event):
        raise Forbidden("access_code_required", "Enter the code of this event first.")
    return event


def awaited(principal: Principal, id_or_slug: str) -> Event:
    """An event that somebody waits for: one that they may see, or by its id one that is not shown yet.

    An id is guessed by nobody: who has it was given it, on a poster or a ticket. Raises NotFound, Forbidden.
    """
    if ids.is_id("evt", id_or_slug):
        event = get(principal.organization, id_or_slug)
        if not event.is_public:
            return event
    return visible(principal, id_or_slug)


def show_event(principal: Principal, id_or_slug: str) -> Event:
    """An event that the caller may know of, without what only staff may see."""
    event = _knowable(principal, id_or_slug)
    return event if _is_staff(principal) else event.for_visitors()


def restrict(actor: Principal, id_or_slug: str, access: Access, code: str | None, version: int) -> Event:
    """Say who gets in, and with which code. Raises Conflict `version_conflict`, Invalid `code_missing`."""
    event = get(actor.organization, id_or_slug)
    if version != event.version:
        raise Conflict("version_conflict", "Somebody changed this first. Load it again.", field="version")
    return entries.restrict(actor, event, access, code)


def _knowable(principal: Principal, id_or_slug: str) -> Event:
    event = get(principal.organization, id_or_slug)
    hidden = not event.is_public or event.access is Access.PRIVATE
    if hidden and not _is_inside(principal, event):
        raise NotFound("event_not_found", "There is no such event.")
    return event


def _is_inside(principal: Principal, event: Event) -> bool:
    if _is_staff(principal) or (principal.user is not None and principal.user in event.photographers):
        return True
    return event.is_public and entries.has_entered(principal, event)


def list_events(
    principal: Principal, request: PageRequest, status: EventStatus | None = None, mine: bool = False
) -> Page[Event]:
    """Newest date first: live and closed ones, for staff all, with `mine` those the caller is assigned to."""
    if mine:
        name = f"by-{principal.known_user}"
    elif status is not None:
        name = f"status-{status}" if status in PUBLIC_STATUSES or _is_staff(principal) else "none"
    else:
        name = "all" if _is_staff(principal) else "public"
    found = store.listed(principal.organization, name, request)
    if _is_staff(principal):
        return found
    shown = [event for event in found.items if mine or event.access is not Access.PRIVATE]
    return replace(found, items=shown).map(Event.for_visitors)


def for_upload(principal: Principal, id_or_slug: str) -> Event:
    """The event a photographer is about to fill. Raises Forbidden `not_assigned`, Conflict `event_closed`."""
    event = visible(principal, id_or_slug)
    if principal.user not in event.photographers and not _is_staff(principal):
        raise Forbidden("not_assigned", "You are not assigned to this event.")
    event.must_take_uploads()
    return event


def on_sale(organization: str, event_id: str, at: datetime) -> Event:
    """The event, if it sells photos at `at`. Raises Conflict `sale_closed`, NotFound."""
    event = get(organization, event_id)
    event.must_sell(at)
    return event


def _is_staff(principal: Principal) -> bool:
    return principal.may("event.manage") or principal.may("photo.review")


def _change(
    organization: str, id_or_slug: str, change: Change, by: By | None = None, beside: Beside = lambda event: ()
) -> Event:
    """Decide on the newest state and commit; decide again when somebody else was faster."""
    for attempt in range(1, _TRIES + 1):
        event = get(organization, id_or_slug)
        try:
            return _change_at(event.version, event, change, by, beside(event))
        except Conflict as refused:
            if refused.code != "version_conflict" or attempt == _TRIES:
                raise
    raise AssertionError("the last try returns or raises")


def _change_at(version: int, event: Event, change: Change, by: By | None = None, beside: Sequence[Write] = ()) -> Event:
    """Commit a change to the state that `version` names, and what goes `beside` it.

    What a person did is audited, what a sale did is not.
    """
    if version != event.version:
        raise Conflict("version_conflict", "Somebody changed this first. Load it again.", field="version")
    changed = change(event, clock.now())
    if changed is event:
        if beside:
            transact(store.unchanged(event), *beside)
        return event
    follows = _ended(changed) if changed.deleted_at else []
    if changed.live_at != event.live_at:
        follows = [outbox.publish(EventWentLive(organization=event.organization, event=event.id))]
    told = [_told(*by, event, changed)] if by else []
    transact(*store.save(changed, was=event), *follows, *told, *beside)
    return replace(changed, version=version + 1)


def _ended(event: Event) -> list[Write]:
    """What follows the deletion of an event."""
    told = EventDeleted(organization=event.organization, event=event.id)
    assigned = assignments.find(event.organization, [(event.id, user) for user in event.photographers])
    ended = [assignments.end(held) for held in assigned if not held.used]
    return [organizations.use(event.organization, Resource.EVENTS, -1), outbox.publish(told), *ended]


def _told(actor: Principal, action: str, before: Event | None, after: Event) -> Write:
    """What differs goes into the audit log."""
    was, became = (_audited(event) if event else None for event in (before, after))
    return audit.entry(actor, action=action, entity="event", entity_id=after.id, before=was, after=became)


def _audited(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__ if name not in _UNSAID}
