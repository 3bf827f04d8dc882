"""The audit log. There is no write but the one that adds an entry, and nothing of it can be changed by this release.

| access                          | key                                                         |
|---------------------------------|-------------------------------------------------------------|
| an organization's entries       | pk T#{org}#AUDIT / sk {time}#{id}                           |
| the entries of one entity       | by_entity  T#{org}#ENTITY#{entity}#{entity id} / {time}#{id} |
| the entries of one actor        | by_actor   T#{org}#ACTOR#{user} / {time}#{id}               |
"""

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.audit.model import KEPT_FOR, Entry
from chalicelib.core import clock
from chalicelib.core.table import Moment, Record, Typed, Write, create, index, table


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


def add(entry: Entry) -> Write:
    """Kept for `KEPT_FOR`, then DynamoDB lets it go."""
    order = f"{clock.stamp(entry.at)}#{entry.id}"
    keys = {"entity_pk": f"T#{entry.organization}#ENTITY#{entry.entity}#{entry.entity_id}", "entity_sk": order}
    if entry.actor:
        keys |= {"actor_pk": f"T#{entry.organization}#ACTOR#{entry.actor}", "actor_sk": order}
    ttl = clock.epoch(entry.at + KEPT_FOR)
    return create(AuditRecord.of(entry, pk=f"T#{entry.organization}#AUDIT", sk=order, ttl=ttl, **keys))
