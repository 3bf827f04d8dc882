"""The audit log. There is no write but the one that adds an entry, and nothing of it can be changed by this release.

| access                          | key                                                         |
|---------------------------------|-------------------------------------------------------------|
| an organization's entries       | pk T#{org}#AUDIT / sk {time}#{id}                           |
| the entries of one entity       | by_entity  T#{org}#ENTITY#{entity}#{entity id} / {time}#{id} |
| the entries of one actor        | by_actor   T#{org}#ACTOR#{user} / {time}#{id}               |
"""

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.audit.model import KEPT_FOR, Entry, Search
from chalicelib.core import clock
from chalicelib.core.table import Moment, Page, PageRequest, Record, Typed, Write, create, index, page, table


class AuditRecord(Record):
    Meta = table("audit")
    keys = ("T#{}#AUDIT", "{}#{}")
    model = Entry

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    actor = UnicodeAttribute(null=True)
    session = UnicodeAttribute(null=True)
    source = UnicodeAttribute()
    correlation = UnicodeAttribute()
    action = UnicodeAttribute()
    entity = UnicodeAttribute()
    entity_id = UnicodeAttribute()
    before = Typed[dict[str, Any]](dict[str, Any], null=True)
    after = Typed[dict[str, Any]](dict[str, Any], null=True)
    at = Moment()
    entity_pk = UnicodeAttribute()
    entity_sk = UnicodeAttribute()
    actor_pk = UnicodeAttribute(null=True)
    actor_sk = UnicodeAttribute(null=True)
    by_entity = index("by_entity")
    by_actor = index("by_actor")


def find(organization: str, search: Search, request: PageRequest) -> Page[Entry]:
    """A page of an organization's entries, newest first. Raises Invalid for a cursor of another list."""
    source: Any
    if search.entity:
        kind, id = search.entity
        source, pk, order = AuditRecord.by_entity, f"T#{organization}#ENTITY#{kind}#{id}", AuditRecord.entity_sk
    elif search.actor:
        source, pk, order = AuditRecord.by_actor, f"T#{organization}#ACTOR#{search.actor}", AuditRecord.actor_sk
    else:
        source, pk, order = AuditRecord, f"T#{organization}#AUDIT", AuditRecord.sk
    first = clock.stamp(search.since) if search.since else "0"
    last = clock.stamp(search.until) if search.until else "9"  # an entry's key goes on behind its time
    within = order.between(first, last) if search.since or search.until else None
    found = page(AuditRecord, source, pk, request, newest_first=True, range_condition=within)
    return found.map(lambda record: record.value())


def add(entry: Entry) -> Write:
    """Kept for `KEPT_FOR`, then DynamoDB lets it go."""
    order = f"{clock.stamp(entry.at)}#{entry.id}"
    keys = {"entity_pk": f"T#{entry.organization}#ENTITY#{entry.entity}#{entry.entity_id}", "entity_sk": order}
    if entry.actor:
        keys |= {"actor_pk": f"T#{entry.organization}#ACTOR#{entry.actor}", "actor_sk": order}
    ttl = clock.epoch(entry.at + KEPT_FOR)
    return create(AuditRecord.of(entry, pk=f"T#{entry.organization}#AUDIT", sk=order, ttl=ttl, **keys))
