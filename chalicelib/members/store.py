"""Members. Their items stand in the table of organizations, beside its list of members.

| access                          | key                                        |
|---------------------------------|--------------------------------------------|
| open invitations, one of them   | pk T#{org}#INVITATIONS / sk {id}           |
| the tree of departments         | pk T#{org}#DEPARTMENTS / sk -              |
"""

from collections.abc import Iterator

from pynamodb.attributes import UnicodeAttribute

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
)
from chalicelib.members.model import Department, Departments, Invitation, Language


class InvitationRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#INVITATIONS", "{}")
    model = Invitation

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    email = UnicodeAttribute()
    roles = Typed[frozenset[str]](frozenset[str])
    department = UnicodeAttribute(null=True)
    language = Typed[Language](Language)
    invited_by = UnicodeAttribute()
    nonce = UnicodeAttribute()
    created_at = Moment()
    expires_at = Moment()


class DepartmentsRecord(Record):
    Meta = table("organizations")
    keys = ("T#{}#DEPARTMENTS", "-")
    model = Departments

    organization = UnicodeAttribute()
    items = Typed[tuple[Department, ...]](tuple[Department, ...])


def find_invitation(organization: str, invitation: str) -> Invitation | None:
    record = InvitationRecord.fetch(_invitations_pk(organization), invitation)
    found: Invitation | None = record.value() if record else None
    return found


def get_invitation(organization: str, invitation: str) -> Invitation:
    """Raises NotFound, for another organization's too."""
    found = find_invitation(organization, invitation)
    if found is None:
        raise NotFound("invitation_not_found", "There is no such invitation.")
    return found


def invitations_of(organization: str, request: PageRequest) -> Page[Invitation]:
    """Newest first."""
    pk = _invitations_pk(organization)
    return page(InvitationRecord, InvitationRecord, pk, request, newest_first=True).map(InvitationRecord.value)


def add_invitation(invitation: Invitation) -> Write:
    """Refused with Conflict `already_invited` while another one for the address is open."""
    known = Conflict("already_invited", "This address is invited: send the mail again.", field="email")
    free = InvitationRecord.pk.does_not_exist() | (InvitationRecord.expires_at <= invitation.created_at)
    return Write("put", _invitation(invitation), free, refused=known)


def save_invitation(invitation: Invitation, *, was: Invitation) -> Write:
    return replace(_invitation(invitation), was.version)


def use_up(invitation: Invitation, refused: AppError) -> Write:
    """Take the invitation away, for the first who brings the link of its newest mail."""
    return Write("delete", _invitation(invitation), InvitationRecord.nonce == invitation.nonce, refused=refused)


def remove_invitation(invitation: Invitation) -> Write:
    return delete(_invitation(invitation))


def sent_by(organization: str, user: str) -> Iterator[Invitation]:
    """Reads all open invitations of the organization."""
    found = InvitationRecord.query(_invitations_pk(organization), consistent_read=True)
    return (record.value() for record in found if record.invited_by == user)


def departments_of(organization: str) -> Departments:
    record = DepartmentsRecord.fetch(_departments_pk(organization), "-")
    return record.value() if record else Departments(organization, (), 0)


def save_departments(tree: Departments, *, was: Departments) -> Write:
    record = DepartmentsRecord.of(tree, pk=_departments_pk(tree.organization), sk="-")
    return create(record) if was.version == 0 else replace(record, was.version)


def _invitation(invitation: Invitation) -> InvitationRecord:
    pk = _invitations_pk(invitation.organization)
    return InvitationRecord.of(invitation, pk=pk, sk=invitation.id, ttl=clock.epoch(invitation.expires_at))


def _invitations_pk(organization: str) -> str:
    return f"T#{organization}#INVITATIONS"


def _departments_pk(organization: str) -> str:
    return f"T#{organization}#DEPARTMENTS"
