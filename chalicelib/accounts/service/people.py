"""Who somebody is, and which roles they have."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.accounts import store
from chalicelib.accounts.addresses import normal_address
from chalicelib.accounts.model import Language, User, plain_name
from chalicelib.accounts.service.sessions import require_living
from chalicelib.audit import service as audit
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid
from chalicelib.core.table import Write, transact
from chalicelib.organizations import service as organizations

if TYPE_CHECKING:
    from chalicelib.notifications.service import Reason

OWNER = "owner"


def me(principal: Principal) -> User:
    """The caller. Raises Unauthorized once the session has ended, though the token has not expired."""
    return require_living(principal)


def email_of(principal: Principal) -> "tuple[str | None, Reason | None]":
    """The caller's address, and why it is mailed no more."""
    from chalicelib.notifications import service as notifications  # what a log-in need not load

    user = me(principal)
    problem = notifications.problem_with(user.organization, user.email) if user.email else None
    return user.email, problem


def proven_address(user: User, channel: str) -> str | None:
    """Where a channel reaches somebody who has proven that it is them."""
    if channel == "sms":
        return user.phone
    return user.email if channel == "email" and user.email_verified else None


def find_by_email(organization: str, email: str) -> User | None:
    """Raises Invalid for what is no address."""
    return find_by_address(organization, email=email)


def find_by_address(organization: str, *, email: str | None = None, phone: str | None = None) -> User | None:
    """The user who logs in with this. Raises Invalid for what is no address."""
    return store.find_by_address(organization, normal_address(email, phone))


def find_user(organization: str, user_id: str) -> User | None:
    return store.find(organization, user_id)


def find_users(organization: str, user_ids: Iterable[str]) -> dict[str, User]:
    """Users by their ids; a page of them at most. Who is not there is left out."""
    return store.find_all(organization, user_ids)


def get_user(organization: str, user_id: str) -> User:
    """Raises NotFound, for a foreign user too."""
    return store.get(organization, user_id)


def rename(user: User, *, name: str | None, language: Language | None) -> tuple[User, tuple[Write, ...]]:
    """The user by another name or in another language, and the writes of it: none where nothing changes.

    Raises Invalid. The writes are refused with Conflict where somebody else changed the user.
    """
    renamed = user.renamed(plain_name(name) if name is not None else user.name, language or user.language)
    return (renamed, (store.save(renamed, was=user),)) if renamed != user else (user, ())


def set_roles(principal: Principal, user_id: str, roles: Iterable[str]) -> User:
    """Give a user these roles and no others. Raises NotFound, Invalid, Conflict or Forbidden.

    Nobody changes their own: so the last one who manages users can not lock everybody out. Nobody gives or takes a role
    that may do more than they. The owner changes by `transfer_ownership` alone.
    """
    wanted = known_roles(principal.organization, roles)
    user = store.get(principal.organization, user_id)
    if user.id == principal.user:
        raise Conflict("own_roles", "Ask somebody else to change your roles.")
    if user.roles == wanted:
        return user
    changing = user.roles ^ wanted
    if OWNER in changing:
        raise Conflict("owner_stays", "The owner hands the organization over; nobody else changes that.", field="roles")
    if not organizations.may_give(principal.roles, changing):
        raise Forbidden("role_beyond_own", "This role may do more than you.", field="roles")
    changed = user.with_roles(wanted)
    told = audit.entry(
        principal,
        action="user.roles_changed",
        entity="user",
        entity_id=user.id,
        before={"roles": user.roles},
        after={"roles": wanted},
    )
    staffing = organizations.staffing(user.organization, user.id, was=user.roles, now=wanted)
    transact(store.save(changed, was=user), told, *staffing)
    return changed


def transfer_ownership(principal: Principal, user_id: str) -> User:
    """Make a member the owner; who was it stays as admin. Raises NotFound, Conflict `not_a_member`.

    Given again by whoever lost the answer it is refused: they are no owner any more.
    """
    user, owner = store.get(principal.organization, user_id), me(principal)
    if user.id == owner.id or organizations.find_member(user.organization, user.id) is None:
        raise Conflict("not_a_member", "Choose somebody else who works for the organization.", field="user")
    changes = ((user, user.roles | {OWNER}), (owner, owner.roles - {OWNER} | {"admin"}))
    writes: list[Write] = []
    for was, roles in changes:
        writes.append(store.save(was.with_roles(roles), was=was))
        writes += organizations.staffing(was.organization, was.id, was=was.roles, now=roles)
    told = audit.entry(
        principal,
        action="organization.transferred",
        entity="organization",
        entity_id=principal.organization,
        before={"owner": owner.id},
        after={"owner": user.id},
    )
    transact(*writes, told)
    return user.with_roles(user.roles | {OWNER})


def must_reach(principal: Principal, roles: frozenset[str]) -> None:
    """Nobody manages people who may do more than they. Raises Forbidden."""
    if not organizations.may_give(principal.roles, roles):
        raise Forbidden("beyond_your_rights", "This person may do more than you. Ask somebody who may, too.")


def known_roles(organization: str, roles: Iterable[str]) -> frozenset[str]:
    wanted, known = frozenset(roles), organizations.role_names(organization)
    if not wanted <= known:
        raise Invalid("unknown_role", f"Roles are {', '.join(sorted(known))}.", field="roles")
    return wanted
