"""Events.

| access                                   | key                                                           |
|------------------------------------------|---------------------------------------------------------------|
| one event                                | pk T#{org}#EVT#{id} / sk -                                    |
| the event at a slug                      | pk T#{org}#SLUG#{slug} / sk -                                 |
| the events of a list, newest date first  | by_list  T#{org}#EVENTS#{list} / {date}#{id}                  |

The lists are `all`, `public` (live and closed, not private), `status-{status}` and `by-{photographer}`. An event has a
listing, a row of its own (pk T#{org}#EVT#{id} / sk list#{list}), for each list it is on: a page costs the
same whatever the other lists hold.
"""

import datetime
from collections.abc import Iterator

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    check,
    create,
    delete,
    index,
    page,
    replace,
    table,
)
from chalicelib.events.model import Access, Event, EventStatus, Location


class EventRecord(Record):
    Meta = table("events")
    keys = ("T#{}#EVT#{}", "-")
    model = Event

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    slug = UnicodeAttribute()
    name = UnicodeAttribute()
    date = Typed[datetime.date](datetime.date)
    description = UnicodeAttribute()
    timezone = UnicodeAttribute()
    venue = UnicodeAttribute()
    location = Typed[Location](Location, null=True)
    auto_approve = BooleanAttribute()
    sale_opens_at = Moment(null=True)
    sale_closes_at = Moment(null=True)
    download_limit = NumberAttribute(null=True)
    download_hours = NumberAttribute(null=True)
    created_at = Moment()
    updated_at = Moment()
    status = Choice(EventStatus)
    photographers = Typed[tuple[str, ...]](tuple[str, ...])
    primary = UnicodeAttribute(null=True)
    sold_at = Moment(null=True)
    live_at = Moment(null=True)
    access = Choice(Access, null=True)
    entry_code = UnicodeAttribute(null=True)
    deleted_at = Moment(null=True)


class SlugRecord(Record):
    Meta = table("events")
    keys = ("T#{}#SLUG#{}", "-")

    event = UnicodeAttribute(null=True)


class ListingRecord(Record):
    Meta = table("events")
    keys = ("T#{}#EVT#{}", "list#{}")

    event = UnicodeAttribute(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_list = index("by_list")


def get(organization: str, event_id: str, *, deleted: bool = False) -> Event:
    """Raises NotFound for a missing and a foreign event, and for a deleted one unless that is asked for."""
    record = EventRecord.fetch(_pk(organization, event_id), "-")
    event: Event | None = record.value() if record else None
    if event is None or (event.deleted_at and not deleted):
        raise NotFound("event_not_found", "There is no such event.")
    return event


def get_by_slug(organization: str, slug: str) -> Event:
    """Raises NotFound."""
    pointer = SlugRecord.fetch(_slug_pk(organization, slug), "-")
    return get(organization, pointer.event if pointer else "")


def listed(organization: str, name: str, request: PageRequest) -> Page[Event]:
    """A page of one list, newest date first. An event deleted while it is read is left out."""
    pk = _list_pk(organization, name)
    found = page(ListingRecord, ListingRecord.by_list, pk, request, newest_first=True)
    keys = [(_pk(organization, listing.event), "-") for listing in found.items]
    held = {record.id: record.value() for record in EventRecord.batch_get(keys, consistent_read=True)}
    events = [held[listing.event] for listing in found.items if listing.event in held]
    kept = [event for event in events if not event.deleted_at]
    return Page(kept, found.size, found.cursor, number=found.number)


def of_photographer(organization: str, user: str) -> Iterator[Event]:
    """All events that a photographer is assigned to, deleted ones left out."""
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = listed(organization, f"by-{user}", request)
        yield from found.items
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None


def add(event: Event) -> list[Write]:
    """Raises Conflict `slug_taken`."""
    return [create(_record(event)), _take_slug(event), *_listing_changes(None, event)]


def save(event: Event, was: Event) -> list[Write]:
    """Writes that hold while the stored version is `was.version`, and the slug free."""
    writes = [replace(_record(event), was.version), *_listing_changes(was, event)]
    if event.deleted_at or event.slug != was.slug:
        writes.append(delete(SlugRecord(_slug_pk(was.organization, was.slug), "-")))
    if event.slug != was.slug:
        writes.append(_take_slug(event))
    return writes


def unchanged(event: Event) -> Write:
    """Holds while the stored version is that of `event`."""
    refused = Conflict("version_conflict", "Somebody changed this first. Load it again.", field="version")
    return check(EventRecord(_pk(event.organization, event.id), "-"), EventRecord.version == event.version, refused)


def _record(event: Event) -> EventRecord:
    return EventRecord.of(event, pk=_pk(event.organization, event.id), sk="-")


def _take_slug(event: Event) -> Write:
    taken = Conflict("slug_taken", "Another event has this address.", field="slug")
    return create(SlugRecord(_slug_pk(event.organization, event.slug), "-", event=event.id), taken)


def _listing_changes(was: Event | None, event: Event) -> list[Write]:
    before, after = _listings(was), _listings(event)
    gone = [delete(before[name]) for name in before.keys() - after.keys()]
    new = [row for name, row in after.items() if name not in before or before[name].list_sk != row.list_sk]
    return gone + [Write("put", row) for row in new]


def _listings(event: Event | None) -> dict[str, ListingRecord]:
    if event is None or event.deleted_at:
        return {}
    names = ["all", f"status-{event.status}", *(f"by-{user}" for user in event.photographers)]
    if event.is_public and event.access is not Access.PRIVATE:
        names.append("public")
    return {
        name: ListingRecord(
            _pk(event.organization, event.id),
            f"list#{name}",
            event=event.id,
            list_pk=_list_pk(event.organization, name),
            list_sk=f"{event.date.isoformat()}#{event.id}",
        )
        for name in names
    }


def _pk(organization: str, event_id: str) -> str:
    return f"T#{organization}#EVT#{event_id}"


def _slug_pk(organization: str, slug: str) -> str:
    return f"T#{organization}#SLUG#{slug}"


def _list_pk(organization: str, name: str) -> str:
    return f"T#{organization}#EVENTS#{name}"
