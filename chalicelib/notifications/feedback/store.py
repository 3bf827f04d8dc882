"""Suppressions.

| access                                 | key                                       |
|----------------------------------------|-------------------------------------------|
| what is known of an address            | pk T#{org}#SUPPRESSED / sk {digest}       |
| all of them, in no order that tells    | pk T#{org}#SUPPRESSED / sk                |

What failed for a while only goes by TTL, and so does what lost its address; the rest stays until it is lifted.
"""

from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Choice, Moment, Page, PageRequest, Record, Write, page, replace, table
from chalicelib.notifications.feedback.model import Reason, Suppression

_COUNTED = timedelta(days=30)


class SuppressionRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#SUPPRESSED", "{}")
    model = Suppression

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    address = UnicodeAttribute()
    since = Moment()
    at = Moment()
    reason = Choice(Reason, null=True)
    detail = UnicodeAttribute(null=True)
    transient = NumberAttribute()


def find(organization: str, id: str, now: datetime) -> Suppression | None:
    record = SuppressionRecord.fetch(_pk(organization), id)
    if record is None or (record.ttl is not None and record.ttl <= clock.epoch(now)):
        return None
    found: Suppression = record.value()
    return found


def get(organization: str, id: str, now: datetime) -> Suppression:
    """Raises NotFound."""
    found = find(organization, id, now)
    if found is None:
        raise missing()
    return found


def listed(organization: str, request: PageRequest) -> Page[Suppression]:
    source = SuppressionRecord
    return page(source, source, _pk(organization), request).map(lambda record: record.value())


def save(suppression: Suppression) -> Write:
    """A write that holds only while the stored version is `suppression.version`; 0 stands for nothing stored."""
    ttl = None if suppression.reason and suppression.address else clock.epoch(suppression.at + _COUNTED)
    pk = _pk(suppression.organization)
    record = SuppressionRecord.of(suppression, pk=pk, sk=suppression.id, ttl=ttl)
    if suppression.version:
        return replace(record, suppression.version)
    record.version = 1
    gone = SuppressionRecord.pk.does_not_exist() | (SuppressionRecord.ttl <= clock.epoch(clock.now()))
    return Write("put", record, gone)


def drop(suppression: Suppression) -> Write:
    """A write that holds only while it is as it was read."""
    record = SuppressionRecord(_pk(suppression.organization), suppression.id)
    return Write("delete", record, SuppressionRecord.version == suppression.version)


def missing() -> NotFound:
    return NotFound("suppression_not_found", "Nothing is known of such an address.")


def _pk(organization: str) -> str:
    return f"T#{organization}#SUPPRESSED"
