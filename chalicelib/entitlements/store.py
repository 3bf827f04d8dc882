"""Entitlements.

| access                     | key                                          |
|----------------------------|----------------------------------------------|
| all grants of an order     | pk T#{org}#ORD#{order} / sk GRANT#...        |
| one grant                  | pk T#{org}#ORD#{order} / sk GRANT#{resource} |
| an order that was revoked  | pk T#{org}#ORD#{order} / sk REVOKED          |
| what happened, in order    | pk T#{org}#ORD#{order} / sk LOG#{number}     |
| how often it was renewed   | pk T#{org}#ORD#{order} / sk RENEWALS         |
| the order of what is owned | pk T#{org}#OWNED#{user} / sk {resource}      |
| what was sold of a subject | pk T#{org}#SOLD#{subject} / sk {shard}       |
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.core import ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Record,
    Typed,
    Write,
    check,
    create,
    delete,
    replace,
    table,
    update,
)
from chalicelib.entitlements.chain import Entry, Facts, Step
from chalicelib.entitlements.model import Grant, Renewals, Sales

_GRANT = "GRANT#"
_LOG = "LOG#"
_RENEWALS = "RENEWALS"
_REVOKED = "REVOKED"
_SHARDS = 16


class GrantRecord(Record):
    Meta = table("entitlements")
    keys = ("T#{}#ORD#{}", "GRANT#{*}")
    model = Grant

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    resource = UnicodeAttribute()
    title = UnicodeAttribute()
    key = UnicodeAttribute()
    filename = UnicodeAttribute()
    content_type = UnicodeAttribute()
    sha256 = UnicodeAttribute(null=True)
    limit = NumberAttribute()
    remaining = NumberAttribute()
    expires_at = Moment()
    created_at = Moment()
    window_until = Moment(null=True)
    revoked_at = Moment(null=True)
    subject = UnicodeAttribute(null=True)
    licence = Typed[Mapping[str, Any]](dict[str, Any], null=True)
    licensed_sha256 = UnicodeAttribute(null=True)
    received_until = Moment(null=True)
    renewals = NumberAttribute(null=True)
    renewed_at = Moment(null=True)
    price = NumberAttribute(null=True)
    returned_at = Moment(null=True)
    handed = Typed[Mapping[str, str]](dict[str, str], null=True)


class RevocationRecord(Record):
    """Stands in an order's partition from its revocation on, so that a late `grant` finds it."""

    Meta = table("entitlements")
    keys = ("T#{}#ORD#{}", "REVOKED")

    revoked_at = Moment()


class DeliveryRecord(Record):
    Meta = table("entitlements")
    keys = ("T#{}#ORD#{}", "LOG#{}")
    model = Entry

    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    number = NumberAttribute()
    step = Choice(Step)
    at = Moment()
    facts = Typed[Facts](dict[str, str | int])
    previous = UnicodeAttribute()
    digest = UnicodeAttribute()


class RenewalsRecord(Record):
    Meta = table("entitlements")
    keys = ("T#{}#ORD#{}", "RENEWALS")
    model = Renewals

    organization = UnicodeAttribute()
    order = UnicodeAttribute()
    used = NumberAttribute()
    cap = NumberAttribute()


class OwnedRecord(Record):
    Meta = table("entitlements")
    keys = ("T#{}#OWNED#{}", "{}")

    order = UnicodeAttribute()


class SalesRecord(Record):
    Meta = table("entitlements")
    keys = ("T#{}#SOLD#{}", "{}")

    orders = NumberAttribute(null=True)
    files = NumberAttribute(null=True)
    amount = NumberAttribute(null=True)
    downloads = NumberAttribute(null=True)


class EntryTaken(Conflict):
    """Something else happened to the order at the same moment."""

    def __init__(self) -> None:
        super().__init__("entry_taken", "Something else happened at the same moment.")


class NotRenewed(Conflict):
    """Somebody renewed it at the same moment."""

    def __init__(self) -> None:
        super().__init__("renewed_meanwhile", "Somebody renewed this at the same moment.")


class AlreadyReceived(Conflict):
    def __init__(self) -> None:
        super().__init__("received_already", "This was said before.")


class AlreadyGranted(Conflict):
    def __init__(self) -> None:
        super().__init__("already_granted", "This file was granted already.")


class AlreadyRevoked(Conflict):
    def __init__(self) -> None:
        super().__init__("order_revoked", "The downloads of this order were withdrawn.")


class AlreadyReturned(Conflict):
    def __init__(self) -> None:
        super().__init__("returned_meanwhile", "This was given back at the same moment.")


class NotBegun(Conflict):
    def __init__(self) -> None:
        super().__init__("download_not_begun", "No download could be begun.")


def of_order(organization: str, order: str) -> list[Grant]:
    found = GrantRecord.query(_pk(organization, order), GrantRecord.sk.startswith(_GRANT), consistent_read=True)
    return [record.value() for record in found]


def get(organization: str, order: str, resource: str) -> Grant:
    """Raises NotFound."""
    record = GrantRecord.fetch(_pk(organization, order), _GRANT + resource)
    if record is None:
        raise NotFound("download_not_found", "There is no such download.")
    grant: Grant = record.value()
    return grant


def add(grant: Grant) -> Write:
    """Holds only while the resource is not granted; else AlreadyGranted."""
    record = GrantRecord.of(grant, pk=_pk(grant.organization, grant.order), sk=_GRANT + grant.resource)
    return create(record, AlreadyGranted())


def own(grant: Grant) -> Sequence[Write]:
    """Lets its owner find the order of a resource by the resource alone: that of the last time they bought it."""
    if grant.owner is None:
        return ()
    return (Write("put", OwnedRecord(_owned_pk(grant.organization, grant.owner), grant.resource, order=grant.order)),)


def disown(grant: Grant) -> Sequence[Write]:
    if grant.owner is None:
        return ()
    return (delete(OwnedRecord(_owned_pk(grant.organization, grant.owner), grant.resource)),)


def is_listed(grant: Grant) -> bool:
    return grant.owner is None or order_of(grant.organization, grant.owner, grant.resource) is not None


def order_of(organization: str, user: str, resource: str) -> str | None:
    """The order that somebody has a resource by."""
    record = OwnedRecord.fetch(_owned_pk(organization, user), resource)
    return record.order if record else None


def not_revoked(organization: str, order: str) -> Write:
    """Holds only while the order's downloads were not revoked; else AlreadyRevoked."""
    marker = RevocationRecord(_pk(organization, order), _REVOKED)
    return check(marker, RevocationRecord.pk.does_not_exist(), AlreadyRevoked())


def mark_revoked(organization: str, order: str, at: datetime) -> Write:
    marker = RevocationRecord(_pk(organization, order), _REVOKED, revoked_at=at)
    return create(marker, AlreadyRevoked())


def revoke(grant: Grant, at: datetime) -> Write:
    return update(_key_of(grant), GrantRecord.revoked_at.set(at))


def give_back(grant: Grant, at: datetime) -> Write:
    """Withdraw it for good, because its money went back; else AlreadyReturned."""
    since = () if grant.revoked else (GrantRecord.revoked_at.set(at),)
    returned = GrantRecord.returned_at.set(at)
    return update(_key_of(grant), returned, *since, condition=_counts_as(grant), refused=AlreadyReturned())


def lower(grant: Grant, price: int) -> Write:
    """Let it count as sold for less; else AlreadyReturned."""
    lowered = GrantRecord.price.set(price)
    return update(_key_of(grant), lowered, condition=_counts_as(grant), refused=AlreadyReturned())


def _counts_as(grant: Grant) -> Condition:
    held = GrantRecord.price
    same = held.does_not_exist() if grant.price is None else held == grant.price
    condition: Condition = GrantRecord.pk.exists() & same & GrantRecord.returned_at.does_not_exist()
    return condition


def forget_owner(grant: Grant) -> Write:
    """What tells who bought: the owner, and the licence that names them."""
    gone = GrantRecord.owner.remove(), GrantRecord.licence.remove()
    return update(_key_of(grant), *gone, condition=GrantRecord.pk.exists())


def begin(grant: Grant, at: datetime, handed: Mapping[str, str]) -> Write:
    """Spend one download and open its window, in which this is handed out; else NotBegun."""
    may = (
        (GrantRecord.remaining > 0)
        & (GrantRecord.expires_at > at)
        & GrantRecord.revoked_at.does_not_exist()
        & (GrantRecord.window_until.does_not_exist() | (GrantRecord.window_until <= at))
    )
    spend = GrantRecord.remaining.set(GrantRecord.remaining - 1)
    opening = GrantRecord.window_until.set(grant.next_window(at)), GrantRecord.handed.set(handed)
    return update(_key_of(grant), spend, *opening, condition=may, refused=NotBegun())


def hand_out(grant: Grant, handed: Mapping[str, str]) -> Write:
    """Note what else is handed out while its window is open, if nobody did so meanwhile; else NotBegun."""
    held = GrantRecord.handed
    same = held.does_not_exist() if grant.handed is None else held == grant.handed
    may = same & (GrantRecord.window_until == grant.window_until)
    return update(_key_of(grant), held.set({**(grant.handed or {}), **handed}), condition=may, refused=NotBegun())


def receive(grant: Grant) -> Write:
    """Note that the download begun last has arrived, once; else AlreadyReceived."""
    assert grant.window_until is not None
    fresh = GrantRecord.received_until.does_not_exist() | (GrantRecord.received_until < grant.window_until)
    noted = GrantRecord.received_until.set(grant.window_until)
    return update(_key_of(grant), noted, condition=fresh, refused=AlreadyReceived())


def keep_licensed_digest(grant: Grant, sha256: str) -> Write:
    """What the copy with the licence in it has; the same at each time."""
    return update(_key_of(grant), GrantRecord.licensed_sha256.set(sha256), condition=GrantRecord.pk.exists())


def renew(grant: Grant, renewals: int, until: datetime, at: datetime) -> Write:
    """Grant all downloads anew; else NotRenewed."""
    held = GrantRecord.renewals
    before = held.does_not_exist() if grant.renewals is None else held == grant.renewals
    return update(
        _key_of(grant),
        GrantRecord.remaining.set(grant.limit),
        GrantRecord.expires_at.set(until),
        GrantRecord.renewed_at.set(at),
        held.set(renewals),
        condition=before & GrantRecord.revoked_at.does_not_exist(),
        refused=NotRenewed(),
    )


# --- what happened ------------------------------------------------------------------------------------------


def entries(organization: str, order: str) -> list[Entry]:
    """All that happened to an order's delivery, the first first."""
    starts = DeliveryRecord.sk.startswith(_LOG)
    return [record.value() for record in DeliveryRecord.query(_pk(organization, order), starts, consistent_read=True)]


def last_entry(organization: str, order: str) -> Entry | None:
    found = DeliveryRecord.query(
        _pk(organization, order),
        DeliveryRecord.sk.startswith(_LOG),
        consistent_read=True,
        scan_index_forward=False,
        limit=1,
    )
    return next((record.value() for record in found), None)


def append(entry: Entry) -> Write:
    """Holds only while nobody took its place: so the log has neither gaps nor forks; else EntryTaken."""
    record = DeliveryRecord.of(entry, pk=_pk(entry.organization, entry.order), sk=f"{_LOG}{entry.number:06d}")
    return create(record, EntryTaken())


# --- renewals -----------------------------------------------------------------------------------------------


def renewals_of(organization: str, order: str) -> Renewals:
    record = RenewalsRecord.fetch(_pk(organization, order), _RENEWALS)
    return record.value() if record else Renewals(organization, order)


def save_renewals(renewals: Renewals) -> Write:
    """Holds only while the stored ones are of `renewals.version`; else NotRenewed."""
    record = RenewalsRecord.of(renewals, pk=_pk(renewals.organization, renewals.order), sk=_RENEWALS)
    if renewals.version:
        return replace(record, renewals.version, NotRenewed())
    return create(record, NotRenewed())


# --- counts -------------------------------------------------------------------------------------------------


def sales_of(organization: str, subject: str) -> Sales:
    shards = SalesRecord.query(_sold_pk(organization, subject), consistent_read=True)
    rows = (Sales(*(int(n or 0) for n in (row.orders, row.files, row.amount, row.downloads))) for row in shards)
    return sum(rows, Sales())


def count(organization: str, order: str, subject: str, change: Sales) -> Write:
    """The write that adds to what was sold of a subject."""
    row = SalesRecord(_sold_pk(organization, subject), f"{ids.shard_of(order, _SHARDS):02d}")
    steps = (
        (SalesRecord.orders, change.orders),
        (SalesRecord.files, change.files),
        (SalesRecord.amount, change.amount),
        (SalesRecord.downloads, change.downloads),
    )
    return update(row, *(attribute.add(step) for attribute, step in steps if step))


def _owned_pk(organization: str, user: str) -> str:
    return f"T#{organization}#OWNED#{user}"


def _sold_pk(organization: str, subject: str) -> str:
    return f"T#{organization}#SOLD#{subject}"


def _key_of(grant: Grant) -> GrantRecord:
    return GrantRecord(_pk(grant.organization, grant.order), _GRANT + grant.resource)


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"
