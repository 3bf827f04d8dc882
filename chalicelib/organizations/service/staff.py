"""Who works for an organization: a list beside the accounts, and the plan's count of desks."""

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Page, PageRequest, Write
from chalicelib.organizations import store
from chalicelib.organizations.model import Member
from chalicelib.organizations.plans import Resource
from chalicelib.organizations.roles import STAFF, permissions_of
from chalicelib.organizations.service.usage import use

_NO_MEMBERS = frozenset({"customer"})


def staffing(
    organization: str, user: str, *, was: frozenset[str], now: frozenset[str], department: str | None = None
) -> list[Write]:
    """What goes with a change of somebody's roles: a place in the list of members, and a desk of the plan.

    Refused with Forbidden `plan_limit`.
    """
    writes = []
    desks = needs_desk(now) - needs_desk(was)
    if desks:
        writes.append(use(organization, Resource.STAFF, desks))
    if now - _NO_MEMBERS and (department is not None or not was - _NO_MEMBERS):
        writes.append(store.add_member(Member(organization, user, department)))
    elif was - _NO_MEMBERS and not now - _NO_MEMBERS:
        writes.append(store.remove_member(organization, user))
    return writes


def enlisting(organization: str, user: str, roles: frozenset[str]) -> list[Write]:
    """What is missing for somebody from before there was a list of members: their place in it, and their desk.

    A desk that is taken is counted, whatever the plan allows today.
    """
    if not roles - _NO_MEMBERS or store.find_member(organization, user) is not None:
        return []
    busy = Conflict("changed_meanwhile", "Somebody changed this at the same moment.")
    taken = [store.count_use(organization, Resource.STAFF, 1, None, busy)] if needs_desk(roles) else []
    return [store.enlist_member(Member(organization, user)), *taken]


def members_of(organization: str, request: PageRequest) -> Page[Member]:
    """Whoever has a role beside customer, the longest known first."""
    return store.members_of(organization, request)


def moving(member: Member) -> Write:
    """Puts somebody who is a member into another department."""
    return store.move_member(member)


def find_member(organization: str, user: str) -> Member | None:
    return store.find_member(organization, user)


def needs_desk(roles: frozenset[str]) -> bool:
    """Whether somebody with these roles counts as staff of the plan."""
    return bool(roles & STAFF)


def may_give(giver: frozenset[str], roles: frozenset[str]) -> bool:
    """Whether somebody with the roles `giver` may give, or take away, these: nobody more than they may do."""
    return permissions_of(roles) <= permissions_of(giver)
