"""Inboxes.

| access                       | key                                          |
|------------------------------|----------------------------------------------|
| the state of an inbox        | pk T#{org}#INBOX#{user} / sk -               |
| its entries, oldest first    | pk T#{org}#INBOX#{user} / sk {entry}         |

Whatever changes an inbox replaces its state in the same transaction: two changes never cross. Entries go by TTL.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import NotFound
from chalicelib.core.table import (
    MOST_WRITES,
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Typed,
    Write,
    create,
    delete,
    page,
    replace,
    table,
    transact,
    update,
)
from chalicelib.notifications.inbox.model import Entry, Inbox, gone_at
from chalicelib.notifications.model import Kind


class InboxRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#INBOX#{}", "-")
    model = Inbox

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    newest = UnicodeAttribute()
    read_to = UnicodeAttribute()
    cleared_to = UnicodeAttribute()
    unread = Typed[Mapping[date, int]](dict[date, int])


class InboxEntryRecord(Record):
    Meta = table("notifications")
    keys = ("T#{}#INBOX#{}", "ntf_{}")
    model = Entry

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    kind = Choice(Kind)
    topic = UnicodeAttribute()
    title = UnicodeAttribute()
    text = UnicodeAttribute()
    page = UnicodeAttribute(null=True)
    read_at = Moment(null=True)
    broadcast = UnicodeAttribute(null=True)


def inbox_of(organization: str, user: str) -> Inbox:
    record = InboxRecord.fetch(_pk(organization, user), "-")
    return record.value() if record else Inbox(organization, user)


def save(inbox: Inbox) -> Write:
    """A write that holds only while the stored version is `inbox.version`."""
    record = InboxRecord.of(inbox, pk=_pk(inbox.organization, inbox.user), sk="-")
    return replace(record, inbox.version) if inbox.version else create(record)


def add(entry: Entry) -> Write:
    pk, ttl = _pk(entry.organization, entry.user), clock.epoch(gone_at(entry))
    return create(InboxEntryRecord.of(entry, pk=pk, sk=entry.id, ttl=ttl))


def find(organization: str, user: str, entry: str) -> Entry | None:
    record = InboxEntryRecord.fetch(_pk(organization, user), entry) if entry.startswith("ntf_") else None
    return record.value() if record else None


def mark(entry: Entry, at: datetime) -> Write:
    there = InboxEntryRecord.pk.exists()  # it may go by TTL at this moment
    return update(_key(entry), InboxEntryRecord.read_at.set(at), condition=there, refused=missing())


def drop(entry: Entry) -> Write:
    return Write("delete", _key(entry), InboxEntryRecord.pk.exists(), refused=missing())


def entries(organization: str, user: str, after: str, request: PageRequest) -> Page[Entry]:
    """Those that came after the entry `after`, the newest first."""
    beyond = InboxEntryRecord.sk.between(f"{after}!", "ntf_~")  # ! comes before, and ~ after whatever an id has
    pk, source = _pk(organization, user), InboxEntryRecord
    found = page(source, source, pk, request, newest_first=True, range_condition=beyond)
    return found.map(lambda record: record.value())


def all_entries(organization: str, user: str, newest: str = "ntf_~") -> Iterator[Entry]:
    """Those up to the entry `newest`, oldest first."""
    up_to = InboxEntryRecord.sk.between("ntf_", newest)
    return (record.value() for record in InboxEntryRecord.query(_pk(organization, user), up_to, consistent_read=True))


def drop_all(organization: str, user: str, newest: str = "ntf_~") -> bool:
    """Delete the entries up to `newest`; False where there are none. May run again where it was cut off."""
    gone = [delete(_key(entry)) for entry in all_entries(organization, user, newest)]
    for start in range(0, len(gone), MOST_WRITES):
        transact(*gone[start : start + MOST_WRITES])
    return bool(gone)


def forget(organization: str, user: str) -> Write:
    return delete(InboxRecord(_pk(organization, user), "-"))


def missing() -> NotFound:
    return NotFound("notification_not_found", "There is no such notification.")


def _key(entry: Entry) -> InboxEntryRecord:
    return InboxEntryRecord(_pk(entry.organization, entry.user), entry.id)


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#INBOX#{user}"
