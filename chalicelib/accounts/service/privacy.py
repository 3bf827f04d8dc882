"""What accounts keep of somebody, told and forgotten."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from chalicelib.accounts import store
from chalicelib.core import clock
from chalicelib.core.table import MOST_WRITES, transact
from chalicelib.organizations import service as organizations

CUSTOMER = frozenset({"customer"})


def personal_data(organization: str, user_id: str) -> Mapping[str, Any]:
    """The account and where it is logged in, without what proves that it is its owner."""
    user = store.find(organization, user_id)
    if user is None:
        return {}
    return {
        "id": user.id,
        "email": user.email,
        "phones": user.phones,
        "name": user.name,
        "roles": user.roles,
        "language": user.language,
        "verified_at": user.verified_at,
        "created_at": user.created_at,
        "sessions": [
            {"device": session.device, "created_at": session.created_at, "ended_at": session.ended_at}
            for session in store.sessions_of(organization, user_id)
        ],
    }


def shut(organization: str, user_id: str) -> None:
    """Let nobody in any more: what is erased step by step is not to be filled again meanwhile. May run again."""
    user = store.find(organization, user_id)
    if user is not None and not user.blocked:
        transact(store.save(user.block("", clock.now()), was=user))


def leave_staff(organization: str, user_id: str) -> None:
    """Give a person's desk and place in the list of members back. May run again where it was cut off."""
    user = store.find(organization, user_id)
    if user is None or user.roles == CUSTOMER:
        return
    leaving = organizations.staffing(organization, user_id, was=user.roles, now=CUSTOMER)
    transact(store.save(user.with_roles(CUSTOMER), was=user), *leaving)


def membership(organization: str, user_id: str) -> dict[str, Any]:
    """For the export: the department a person works in."""
    member = organizations.find_member(organization, user_id)
    return {"department": member.department if member else None}


def erase_person(organization: str, user_id: str) -> None:
    """Forget the account: nobody can log in to it any more. May run again where it was cut off."""
    user = store.find(organization, user_id)
    if user is None:
        return
    writes = store.forget(user)
    while some := tuple(islice(writes, MOST_WRITES - 1)):
        transact(*some)
