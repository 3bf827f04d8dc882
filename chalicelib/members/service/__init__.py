"""Members: invited, listed, moved between departments, and let go; and tenants founded for somebody else."""

from chalicelib.members.service.departments import departments_of, set_departments
from chalicelib.members.service.invitations import (
    invite,
    invite_again,
    join,
    list_invitations,
    open_invitation,
    read_invitation,
    revoke,
    to_mail,
    token_of,
)
from chalicelib.members.service.members import change_member, keepers, list_members, remove_member
from chalicelib.members.service.privacy import erase_person, personal_data
from chalicelib.members.service.tenants import found_tenant

__all__ = [
    "change_member",
    "departments_of",
    "erase_person",
    "found_tenant",
    "invite",
    "invite_again",
    "join",
    "keepers",
    "list_invitations",
    "list_members",
    "open_invitation",
    "personal_data",
    "read_invitation",
    "remove_member",
    "revoke",
    "set_departments",
    "to_mail",
    "token_of",
]
