"""Entitlements.

| access                    | key                                          |
|---------------------------|----------------------------------------------|
| all grants of an order    | pk T#{org}#ORD#{order} / sk GRANT#...        |
| one grant                 | pk T#{org}#ORD#{order} / sk GRANT#{resource} |
| an order that was revoked | pk T#{org}#ORD#{order} / sk REVOKED          |
"""

from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import Moment, Record, Write, check, create, table, update
from chalicelib.entitlements.model import Grant

_GRANT = "GRANT#"
_REVOKED = "REVOKED"


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


class RevocationRecord(Record):
    """Stands in an order's partition from its revocation on, so that a late `grant` finds it."""

    Meta = table("entitlements")
    keys = ("T#{}#ORD#{}", "REVOKED")

    revoked_at = Moment()


class AlreadyGranted(Conflict):
    def __init__(self) -> None:
        super().__init__("already_granted", "This file was granted already.")


class AlreadyRevoked(Conflict):
    def __init__(self) -> None:
        super().__init__("order_revoked", "The downloads of this order were withdrawn.")


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


def not_revoked(organization: str, order: str) -> Write:
    """Holds only while the order's downloads were not revoked; else AlreadyRevoked."""
    marker = RevocationRecord(_pk(organization, order), _REVOKED)
    return check(marker, RevocationRecord.pk.does_not_exist(), AlreadyRevoked())


def mark_revoked(organization: str, order: str, at: datetime) -> Write:
    marker = RevocationRecord(_pk(organization, order), _REVOKED, revoked_at=at)
    return create(marker, AlreadyRevoked())


def revoke(grant: Grant, at: datetime) -> Write:
    return update(_key_of(grant), GrantRecord.revoked_at.set(at))


def forget_owner(grant: Grant) -> Write:
    return update(_key_of(grant), GrantRecord.owner.remove(), condition=GrantRecord.pk.exists())


def begin(grant: Grant, at: datetime) -> Write:
    """Spend one download and open its window; else NotBegun."""
    may = (
        (GrantRecord.remaining > 0)
        & (GrantRecord.expires_at > at)
        & GrantRecord.revoked_at.does_not_exist()
        & (GrantRecord.window_until.does_not_exist() | (GrantRecord.window_until <= at))
    )
    spend = GrantRecord.remaining.set(GrantRecord.remaining - 1)
    opening = GrantRecord.window_until.set(grant.next_window(at))
    return update(_key_of(grant), spend, opening, condition=may, refused=NotBegun())


def _key_of(grant: Grant) -> GrantRecord:
    return GrantRecord(_pk(grant.organization, grant.order), _GRANT + grant.resource)


def _pk(organization: str, order: str) -> str:
    return f"T#{organization}#ORD#{order}"
