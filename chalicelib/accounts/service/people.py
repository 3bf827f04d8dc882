"""Who somebody is, and which roles they have."""

from collections.abc import Iterable

from chalicelib.accounts import store
from chalicelib.accounts.addresses import normal_address
from chalicelib.accounts.model import User
from chalicelib.accounts.service.sessions import require_living
from chalicelib.audit import service as audit
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations


def me(principal: Principal) -> User:
    """The caller. Raises Unauthorized once the session has ended, though the token has not expired."""
    return require_living(principal)


def find_by_email(organization: str, email: str) -> User | None:
    """Raises Invalid for what is no address."""
    return find_by_address(organization, email=email)


def find_by_address(organization: str, *, email: str | None = None, phone: str | None = None) -> User | None:
    """The user who logs in with this. Raises Invalid for what is no address."""
    return store.find_by_address(organization, normal_address(email, phone))


def find_user(organization: str, user_id: str) -> User | None:
    return store.find(organization, user_id)


def get_user(organization: str, user_id: str) -> User:
    """Raises NotFound, for a foreign user too."""
    return store.get(organization, user_id)


def set_roles(principal: Principal, user_id: str, roles: Iterable[str]) -> User:
    """Give a user these roles and no others. Raises NotFound, Invalid or Conflict.

    Nobody changes their own: so the last one who manages users can not lock everybody out.
    """
    wanted = known_roles(roles)
    user = store.get(principal.organization, user_id)
    if user.id == principal.user:
        raise Conflict("own_roles", "Ask somebody else to change your roles.")
    if user.roles == wanted:
        return user
    changed = user.with_roles(wanted)
    told = audit.entry(
        principal,
        action="user.roles_changed",
        entity="user",
        entity_id=user.id,
        before={"roles": user.roles},
        after={"roles": wanted},
    )
    transact(store.save(changed, was=user), told)
    return changed


def known_roles(roles: Iterable[str]) -> frozenset[str]:
    wanted, known = frozenset(roles), organizations.role_names()
    if not wanted <= known:
        raise Invalid("unknown_role", f"Roles are {', '.join(sorted(known))}.", field="roles")
    return wanted
