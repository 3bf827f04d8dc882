"""Organizations.

| access                          | key                                        |
|---------------------------------|--------------------------------------------|
| one organization                | pk T#{org}#ORG / sk -                      |
| its domains                     | pk T#{org}#ORG / sk DOM#{host}             |
| how much it uses of something   | pk T#{org}#ORG / sk USE#{resource}         |
| its members, one of them        | pk T#{org}#MEMBERS / sk {user}             |
| the organization of a host      | pk G#host#{host} / sk -                    |
| proven domains to look at again | pk G#DOMAINS / sk {check_at}#{host}        |
| all organizations, oldest first | pk G#ORGANIZATIONS / sk {created_at}#{org} |
"""

from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import clock
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import (
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
    update,
)
from chalicelib.organizations.model import (
    Branding,
    Domain,
    Language,
    Member,
    Organization,
    TaxProfile,
    VersionConflict,
    WatermarkStyle,
)
from chalicelib.organizations.plans import Resource

_ALL = "G#ORGANIZATIONS"
_DOMAINS = "G#DOMAINS"


class OrganizationRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#ORG", "-")
    model = Organization

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    language = Typed[Language](Language)
    currency = UnicodeAttribute()
    timezone = UnicodeAttribute()
    watermark_text = UnicodeAttribute(null=True)
    watermark_image = UnicodeAttribute(null=True)
    watermark_style = Typed[WatermarkStyle](WatermarkStyle)
    watermark_opacity = Typed[float](float)
    strip_gps = BooleanAttribute()
    download_limit = NumberAttribute()
    download_hours = NumberAttribute()
    origins = Typed[tuple[str, ...]](tuple[str, ...])
    mail_name = UnicodeAttribute()
    host = UnicodeAttribute(null=True)
    created_at = Moment()
    subdomain = UnicodeAttribute(null=True)
    locale = UnicodeAttribute(null=True)
    branding = Typed[Branding](Branding, null=True)
    tax = Typed[TaxProfile](TaxProfile, null=True)
    plan = UnicodeAttribute(null=True)
    suspended_at = Moment(null=True)
    bank_account = UnicodeAttribute(null=True)


class HostRecord(Record):
    Meta = table("organizations")
    keys = ("G#host#{}", "-")

    organization = UnicodeAttribute()


class ListedRecord(Record):
    Meta = table("organizations")
    keys = (_ALL, "{}#{}")

    organization = UnicodeAttribute()


class DomainRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#ORG", "DOM#{}")
    model = Domain

    organization = UnicodeAttribute()
    host = UnicodeAttribute()
    token = UnicodeAttribute()
    created_at = Moment()
    verified_at = Moment(null=True)
    check_at = Moment(null=True)
    looked_at = Moment(null=True)
    missed = NumberAttribute(null=True)


class DomainDueRecord(Record):
    Meta = table("organizations")
    keys = (_DOMAINS, "{}#{}")

    organization = UnicodeAttribute()
    host = UnicodeAttribute()


class UseRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#ORG", "USE#{}")

    n = NumberAttribute(null=True)


class MemberRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#MEMBERS", "{}")
    model = Member

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    department = UnicodeAttribute(null=True)


def find(organization: str) -> Organization | None:
    record = OrganizationRecord.fetch(_pk(organization), "-")
    found: Organization | None = record.value() if record else None
    return found


def save(organization: Organization, *, was: Organization) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    record = OrganizationRecord.of(organization, pk=_pk(organization.id), sk="-")
    if was.version == 0:
        return create(record, VersionConflict())
    return replace(record, was.version, VersionConflict())


def listed(organization: Organization) -> Write:
    """Puts it into the list of all; again is the same."""
    entry = ListedRecord(
        _ALL, f"{clock.stamp(organization.created_at)}#{organization.id}", organization=organization.id
    )
    return Write("put", entry)


def is_listed(organization: Organization) -> bool:
    return ListedRecord.fetch(_ALL, f"{clock.stamp(organization.created_at)}#{organization.id}") is not None


def all_of_them(request: PageRequest) -> Page[Organization]:
    """Oldest first."""
    found = page(ListedRecord, ListedRecord, _ALL, request)
    keys = [(_pk(entry.organization), "-") for entry in found.items]
    held = {record.id: record.value() for record in OrganizationRecord.batch_get(keys, consistent_read=True)}
    kept = [held[entry.organization] for entry in found.items if entry.organization in held]
    return Page(kept, found.size, found.cursor, number=found.number)


# --- hosts --------------------------------------------------------------------------------------------------


def organization_of_host(host: str) -> str | None:
    record = HostRecord.fetch(_host_pk(host), "-")
    return record.organization if record else None


def map_host(host: str, organization: str) -> Write:
    """Point a host at an organization. Raises Conflict while another one has it."""
    record = HostRecord(_host_pk(host), "-", organization=organization)
    free = HostRecord.pk.does_not_exist() | (HostRecord.organization == organization)
    taken = Conflict("host_taken", "Another organization has this host.", field="host")
    return Write("put", record, free, refused=taken, replaces=True)


def unmap_host(host: str, organization: str) -> Write:
    """Refused with Conflict where the host is not this organization's."""
    return delete(HostRecord(_host_pk(host), "-"), HostRecord.organization == organization)


def domains_of(organization: str) -> list[Domain]:
    """By their names. A plan has few."""
    found = DomainRecord.query(_pk(organization), DomainRecord.sk.startswith("DOM#"), consistent_read=True)
    return [record.value() for record in found]


def get_domain(organization: str, host: str) -> Domain:
    """Raises NotFound, for another organization's too."""
    record = DomainRecord.fetch(_pk(organization), f"DOM#{host}")
    if record is None:
        raise NotFound("domain_not_found", "There is no such domain.")
    found: Domain = record.value()
    return found


def add_domain(domain: Domain) -> Write:
    known = Conflict("domain_exists", "This domain is in the list already.", field="host")
    return create(_domain(domain), known)


def prove_domain(domain: Domain) -> Write:
    """Holds while the domain is in the list, not proven, and has the token that was looked for."""
    record = _domain(domain)
    pending = (DomainRecord.token == domain.token) & DomainRecord.verified_at.does_not_exist()
    return Write("put", record, pending, replaces=True)


def remove_domain(domain: Domain) -> Write:
    """Holds while it is as it was read: what is proven meanwhile has a host that must go, too."""
    proven = DomainRecord.verified_at.exists() if domain.verified else DomainRecord.verified_at.does_not_exist()
    return delete(_domain(domain), (DomainRecord.token == domain.token) & proven)


def find_domain(organization: str, host: str) -> Domain | None:
    record = DomainRecord.fetch(_pk(organization), f"DOM#{host}")
    found: Domain | None = record.value() if record else None
    return found


def domains_due(at: datetime, at_most: int) -> list[DomainDueRecord]:
    """Rows of the list whose time has come; that a domain is as its row says is for the reader to see."""
    return list(DomainDueRecord.query(_DOMAINS, DomainDueRecord.sk < clock.stamp(at), limit=at_most))


def drop_due(row: DomainDueRecord) -> Write:
    return delete(DomainDueRecord(row.pk, row.sk))


def unschedule(domain: Domain) -> list[Write]:
    return [delete(_due(domain, domain.check_at))] if domain.check_at else []


def plan(domain: Domain) -> Write:
    """Put a domain that has just been proven among those to look at again."""
    assert domain.check_at is not None
    return Write("put", _due(domain, domain.check_at))


def schedule(domain: Domain, check_at: datetime) -> list[Write]:
    """Look at a proven domain again then, and not when it was planned before. Refused where somebody planned anew."""
    planned = DomainRecord.check_at
    as_read = planned == domain.check_at if domain.check_at else planned.does_not_exist()
    row = DomainRecord(_pk(domain.organization), f"DOM#{domain.host}")
    moved = update(row, planned.set(check_at), condition=DomainRecord.verified_at.exists() & as_read)
    return [moved, Write("put", _due(domain, check_at)), *unschedule(domain)]


def looked(domain: Domain, at: datetime, missed: int) -> Write:
    """Note what was seen. Refused with Conflict where another one noted it, or the domain is not proven any more."""
    seen = DomainRecord.looked_at
    as_read = seen == domain.looked_at if domain.looked_at else seen.does_not_exist()
    row = DomainRecord(_pk(domain.organization), f"DOM#{domain.host}")
    proven = (DomainRecord.token == domain.token) & DomainRecord.verified_at.exists()
    return update(row, seen.set(at), DomainRecord.missed.set(missed), condition=proven & as_read)


def lose_domain(domain: Domain) -> list[Write]:
    """Not proven any more. Refused with Conflict where it changed meanwhile."""
    row = DomainRecord(_pk(domain.organization), f"DOM#{domain.host}")
    proven = (DomainRecord.token == domain.token) & DomainRecord.verified_at.exists()
    cut = (DomainRecord.verified_at.remove(), DomainRecord.check_at.remove(), DomainRecord.missed.remove())
    return [update(row, *cut, condition=proven), *unschedule(domain)]


def _due(domain: Domain, at: datetime) -> DomainDueRecord:
    return DomainDueRecord(
        _DOMAINS, f"{clock.stamp(at)}#{domain.host}", organization=domain.organization, host=domain.host
    )


def _domain(domain: Domain) -> DomainRecord:
    return DomainRecord.of(domain, pk=_pk(domain.organization), sk=f"DOM#{domain.host}")


# --- members ------------------------------------------------------------------------------------------------


def members_of(organization: str, request: PageRequest) -> Page[Member]:
    """In the order of their ids: the oldest accounts first."""
    return page(MemberRecord, MemberRecord, _members_pk(organization), request).map(MemberRecord.value)


def find_member(organization: str, user: str) -> Member | None:
    record = MemberRecord.fetch(_members_pk(organization), user)
    found: Member | None = record.value() if record else None
    return found


def move_member(member: Member) -> Write:
    """Refused with Conflict for somebody who is no member, or is one no more."""
    record = MemberRecord.of(member, pk=_members_pk(member.organization), sk=member.user)
    return Write("put", record, MemberRecord.pk.exists(), replaces=True)


def add_member(member: Member) -> Write:
    record = MemberRecord.of(member, pk=_members_pk(member.organization), sk=member.user)
    return Write("put", record)


def enlist_member(member: Member) -> Write:
    """Refused with Conflict for somebody who is in the list."""
    return create(MemberRecord.of(member, pk=_members_pk(member.organization), sk=member.user))


def remove_member(organization: str, user: str) -> Write:
    return delete(MemberRecord(_members_pk(organization), user))


# --- what it uses -------------------------------------------------------------------------------------------


def count_use(organization: str, resource: Resource, by: int, limit: int | None, refused: AppError) -> Write:
    """Adds `by`, which may be negative; above `limit` it is refused."""
    condition = None
    if limit is not None and by > 0:
        room = UseRecord.n <= limit - by
        condition = (UseRecord.n.does_not_exist() | room) if by <= limit else UseRecord.n < 0
    return update(
        UseRecord(_pk(organization), f"USE#{resource}"), UseRecord.n.add(by), condition=condition, refused=refused
    )


def uses(organization: str) -> dict[Resource, int]:
    """What was counted so far; 0 for what never was."""
    keys = [(_pk(organization), f"USE#{resource}") for resource in Resource]
    found = UseRecord.batch_get(keys, consistent_read=True)
    counted = {record.sk.removeprefix("USE#"): int(record.n or 0) for record in found}
    return {resource: counted.get(resource, 0) for resource in Resource}


# --- keys ---------------------------------------------------------------------------------------------------


def _pk(organization: str) -> str:
    return f"T#{organization}#ORG"


def _members_pk(organization: str) -> str:
    return f"T#{organization}#MEMBERS"


def _host_pk(host: str) -> str:
    return f"G#host#{host}"
