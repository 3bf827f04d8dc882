"""Who works for an organization."""

from collections.abc import Iterable

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import User
from chalicelib.audit import service as audit
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.members import store
from chalicelib.members.model import MemberOf
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Member

_KEEPERS = frozenset({"owner", "admin"})


def list_members(principal: Principal, request: PageRequest) -> Page[MemberOf]:
    """Whoever has a role beside customer, the longest known first."""
    found = organizations.members_of(principal.organization, request)
    users = accounts.find_users(principal.organization, [member.user for member in found.items])
    known = [MemberOf(users[member.user], member.department) for member in found.items if member.user in users]
    return Page(known, found.size, found.cursor, number=found.number)


def keepers(organization: str) -> list[User]:
    """Who looks after an organization: owners and admins among its first hundred members."""
    found = organizations.members_of(organization, PageRequest(size=100))
    users = accounts.find_users(organization, [member.user for member in found.items])
    return [user for user in users.values() if user.roles & _KEEPERS and not user.blocked]


def change_member(
    principal: Principal,
    user_id: str,
    *,
    roles: Iterable[str] | None = None,
    department: str | None = None,
    moves: bool = False,
) -> MemberOf:
    """Give a member other roles, or with `moves` another department or none. Raises as `accounts.set_roles` does."""
    member = _get(principal, user_id)
    if moves and department != member.department:
        member = _move(principal, member, department)
    user = accounts.get_user(principal.organization, user_id)
    if roles is not None:
        user = accounts.set_roles(principal, user_id, roles)
    return MemberOf(user, member.department)


def remove_member(principal: Principal, user_id: str) -> None:
    """Take all roles away: what their tokens opened is closed to them at once. They stay as a customer."""
    member = _get(principal, user_id)
    accounts.set_roles(principal, member.user, {"customer"})


def _move(principal: Principal, member: Member, department: str | None) -> Member:
    if not organizations.may_give(principal.roles, accounts.get_user(member.organization, member.user).roles):
        raise Forbidden("role_beyond_own", "This member may do more than you.")
    if department is not None:
        store.departments_of(principal.organization).must_have(department)
    moved = Member(member.organization, member.user, department)
    told = audit.entry(
        principal,
        action="member.moved",
        entity="member",
        entity_id=member.user,
        before={"department": member.department},
        after={"department": department},
    )
    transact(organizations.moving(moved), told)
    return moved


def _get(principal: Principal, user_id: str) -> Member:
    """Raises NotFound, for a customer and for somebody of another organization too."""
    member = organizations.find_member(principal.organization, user_id)
    if member is None:
        raise NotFound("member_not_found", "There is no such member.")
    return member
