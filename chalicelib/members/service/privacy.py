"""Invitations to somebody, and those that they sent, told and forgotten."""

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.core.table import transact
from chalicelib.members import store
from chalicelib.members.model import Invitation
from chalicelib.members.service.invitations import id_of


def personal_data(organization: str, user: str) -> Mapping[str, Any]:
    """The invitation that waits for somebody, and the addresses that they invited."""
    known = _to(organization, user)
    return {
        "invitation": {"email": known.email, "roles": known.roles, "created_at": known.created_at} if known else None,
        "invited": [
            {"email": sent.email, "roles": sent.roles, "created_at": sent.created_at}
            for sent in store.sent_by(organization, user)
        ],
    }


def erase_person(organization: str, user: str) -> None:
    """Take back the invitation of somebody, and their name off those they sent. May run again where it was cut off."""
    if known := _to(organization, user):
        transact(store.remove_invitation(known))
    for sent in store.sent_by(organization, user):
        transact(store.save_invitation(sent.without_inviter(), was=sent))


def _to(organization: str, user: str) -> Invitation | None:
    """Who was invited may have registered by another way, and the invitation is still open."""
    found = accounts.find_user(organization, user)
    if found is None or found.email is None:
        return None
    return store.find_invitation(organization, id_of(organization, found.email))
