"""Announcements.

| access                                | key                                              |
|---------------------------------------|--------------------------------------------------|
| who hears of an event                 | pk T#{org}#EVT#{event} / sk WHO#{follower}       |
| messages to them, the newest last     | pk T#{org}#EVT#{event} / sk SENT#{notice}        |
| broadcasts, the newest last           | pk T#{org}#BROADCASTS / sk SENT#{notice}         |
| broadcasts that are planned, by time  | pk G#DUE#broadcasts / sk {at}#{notice}           |
| whom an account, address or watch is  | pk T#{org}#OWN#{owner} / sk {event}#{follower}   |

Addresses are sealed, and ids of followers and of addresses are digests. Followers go by TTL; who left stays as a digest
until then. Messages stay with their event.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.announcements.model import Audience, Channel, Follower, Kind, Notice, Text
from chalicelib.core import clock
from chalicelib.core.errors import Conflict
from chalicelib.core.table import (
    MOST_WRITES,
    Choice,
    Moment,
    Page,
    PageRequest,
    Record,
    Several,
    Typed,
    Write,
    create,
    delete,
    page,
    replace,
    table,
    transact,
)


class FollowerRecord(Record):
    Meta = table("announcements")
    keys = ("T#{}#EVT#{}", "WHO#{}")
    model = Follower

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    channel = Choice(Channel)
    language = UnicodeAttribute()
    expires_at = Moment()
    address = UnicodeAttribute(null=True)
    owners = Several(str)
    user = UnicodeAttribute(null=True)
    asked_at = Moment(null=True)
    bought_at = Moment(null=True)
    left_at = Moment(null=True)
    watch = UnicodeAttribute(null=True)


class OwnRecord(Record):
    Meta = table("announcements")
    keys = ("T#{}#OWN#{}", "{}#{}")

    event = UnicodeAttribute(null=True)
    follower = UnicodeAttribute(null=True)


class NoticeRecord(Record):
    Meta = table("announcements")
    keys = ("T#{}#EVT#{}", "SENT#{}")
    model = Notice

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    event = UnicodeAttribute()
    kind = Choice(Kind)
    audience = Choice(Audience)
    at = Moment()
    texts = Typed[Mapping[str, Text]](dict[str, Text])
    cursor = UnicodeAttribute()
    sent = NumberAttribute()
    failed = NumberAttribute()
    done_at = Moment(null=True)
    page = UnicodeAttribute(null=True)
    cancelled_at = Moment(null=True)


class BroadcastRecord(NoticeRecord):
    """A notice that is kept with the organization's broadcasts, whomever it is to reach."""

    Meta = table("announcements")
    keys = ("T#{}#BROADCASTS", "SENT#{}")
    model = Notice


class PlannedRecord(Record):
    Meta = table("announcements")
    keys = ("G#DUE#broadcasts", "{}#{}")

    organization = UnicodeAttribute()
    notice = UnicodeAttribute()


# --- people -------------------------------------------------------------------------------------------------


def find_follower(organization: str, event: str, follower: str) -> Follower | None:
    record = FollowerRecord.fetch(_event_pk(organization, event), f"WHO#{follower}")
    return record.value() if record else None


def save_follower(follower: Follower, *, was: Follower | None) -> list[Write]:
    """Writes that hold while the stored one is what `was` was read as; None stands for nobody."""
    taken = Conflict("changed_meanwhile", "Somebody asked at the same moment.")
    pk, ttl = _event_pk(follower.organization, follower.event), clock.epoch(follower.expires_at)
    record = FollowerRecord.of(follower, pk=pk, sk=f"WHO#{follower.id}", ttl=ttl)
    saved = replace(record, was.version, taken) if was else create(record, taken)
    gone = [owner for owner in (was.owners if was else ()) if owner not in follower.owners]
    return [
        saved,
        *(Write("put", _own(follower, owner, ttl)) for owner in follower.owners),
        *(delete(_own(follower, owner)) for owner in gone),
    ]


def forget_follower(follower: Follower) -> list[Write]:
    record = FollowerRecord(_event_pk(follower.organization, follower.event), f"WHO#{follower.id}")
    return [delete(record), *(delete(_own(follower, owner)) for owner in follower.owners)]


def followers(organization: str, event: str, after: str, at_most: int) -> list[Follower]:
    """The next of them after the follower `after`, in a fixed order."""
    found = FollowerRecord.query(
        _event_pk(organization, event),
        FollowerRecord.sk.between(f"WHO#{after}!", "WHO#~"),  # ! comes before, and ~ after whatever an id has
        limit=at_most,
        consistent_read=True,
    )
    return [record.value() for record in found]


def owned(organization: str, owner: str) -> Iterator[Follower]:
    """Whom an account, an address or a watch is, in all events."""
    for record in list(OwnRecord.query(f"T#{organization}#OWN#{owner}", consistent_read=True)):
        found = find_follower(organization, record.event, record.follower)
        if found is not None:
            yield found


def _own(follower: Follower, owner: str, ttl: int | None = None) -> OwnRecord:
    pk, sk = f"T#{follower.organization}#OWN#{owner}", f"{follower.event}#{follower.id}"
    return OwnRecord(pk, sk, event=follower.event, follower=follower.id, ttl=ttl)


# --- messages to them ---------------------------------------------------------------------------------------


def find_notice(organization: str, event: str, notice: str) -> Notice | None:
    """One of an event, or, without an event, a broadcast."""
    pk = _event_pk(organization, event) if event else _broadcasts_pk(organization)
    record = NoticeRecord.fetch(pk, f"SENT#{notice}")
    return record.value() if record else None


def add_notice(notice: Notice) -> Write:
    return create(_notice_record(notice))


def save_notice(notice: Notice) -> Write:
    """A write that holds only while the stored version is `notice.version`."""
    return replace(_notice_record(notice), notice.version)


def notices(organization: str, event: str, request: PageRequest) -> Page[Notice]:
    """The newest first."""
    condition = NoticeRecord.sk.startswith("SENT#")
    pk = _event_pk(organization, event)
    found = page(NoticeRecord, NoticeRecord, pk, request, newest_first=True, range_condition=condition)
    return found.map(lambda record: record.value())


def broadcasts(organization: str, request: PageRequest) -> Page[Notice]:
    """The newest first."""
    found = page(BroadcastRecord, BroadcastRecord, _broadcasts_pk(organization), request, newest_first=True)
    return found.map(lambda record: record.value())


def plan(notice: Notice) -> Write:
    """Have it found by `planned` when its time has come."""
    return create(_planned(notice))


def begin(notice: Notice) -> Write:
    """A write that holds for the first who begins it, and for nobody once it was cancelled."""
    return Write("delete", _planned(notice), PlannedRecord.pk.exists())


def unplan(notice: Notice) -> Write:
    return delete(_planned(notice))


def planned(until: datetime, at_most: int) -> Iterator[tuple[str, str]]:
    """Organization and id of the broadcasts whose time has come."""
    found = PlannedRecord.query("G#DUE#broadcasts", PlannedRecord.sk < clock.stamp(until), limit=at_most)
    return ((record.organization, record.notice) for record in found)


def forget_notices(organization: str, event: str) -> None:
    """May run again where it was cut off."""
    pk = _event_pk(organization, event)
    found = NoticeRecord.query(pk, NoticeRecord.sk.startswith("SENT#"), consistent_read=True)
    gone = [delete(NoticeRecord(record.pk, record.sk)) for record in found]
    for start in range(0, len(gone), MOST_WRITES):
        transact(*gone[start : start + MOST_WRITES])


def _notice_record(notice: Notice) -> NoticeRecord:
    if notice.kind is Kind.BROADCAST:
        return BroadcastRecord.of(notice, pk=_broadcasts_pk(notice.organization), sk=f"SENT#{notice.id}")
    return NoticeRecord.of(notice, pk=_event_pk(notice.organization, notice.event), sk=f"SENT#{notice.id}")


def _planned(notice: Notice) -> PlannedRecord:
    sk = f"{clock.stamp(notice.at)}#{notice.id}"
    return PlannedRecord("G#DUE#broadcasts", sk, organization=notice.organization, notice=notice.id)


def _broadcasts_pk(organization: str) -> str:
    return f"T#{organization}#BROADCASTS"


def _event_pk(organization: str, event: str) -> str:
    return f"T#{organization}#EVT#{event}"
