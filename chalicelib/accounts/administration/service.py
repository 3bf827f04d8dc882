"""Finding people, changing what staff may change of them, and letting nobody reach above themselves."""

from chalicelib.accounts import store as accounts
from chalicelib.accounts.administration import store
from chalicelib.accounts.messages import SampleAsked
from chalicelib.accounts.model import Language, User, plain_name
from chalicelib.accounts.service import find_by_address, proven_address, set_roles
from chalicelib.accounts.service.people import must_reach
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, limits, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.organizations.service import STAFF

CUSTOMER = "customer"
_SAMPLES_AN_HOUR = 20


def find_people(
    organization: str, request: PageRequest, *, name: str | None, email: str | None, phone: str | None
) -> Page[User]:
    """People whose name, address or number begins like what is given; without any of them all, by name.

    Raises Invalid for more than one: each is a list of its own.
    """
    given = {by: text for by, text in (("name", name), ("email", email), ("phone", phone)) if text}
    if len(given) > 1:
        raise Invalid("one_list_at_a_time", "Search by name, by e-mail or by phone.", field=list(given)[-1])
    by, beginning = next(iter(given.items()), ("name", ""))
    return store.people(organization, request, by=by, beginning=beginning)


def get_person(organization: str, user_id: str) -> User:
    """Raises NotFound, for a foreign user too."""
    return accounts.get(organization, user_id)


def ask_for_sample(principal: Principal, kind: str, channel: str, language: str) -> None:
    """Have a notice sent to the caller as it reads now, with made-up values.

    Raises NotFound, Conflict `address_not_proven` for who has no address on the channel, Limited after twenty an hour.
    """
    from chalicelib.notifications.service import Place  # what a list of people need not load

    place = Place.of(kind, channel, language)
    user = accounts.get(principal.organization, principal.known_user)
    if proven_address(user, place.channel) is None:
        raise Conflict("address_not_proven", "You have proven no address that this channel reaches.")
    limits.take(user.organization, "notice-sample", user.id, limit=_SAMPLES_AN_HOUR, seconds=3600)
    asked = {"kind": kind, "channel": channel, "language": language}
    transact(outbox.publish(SampleAsked(organization=user.organization, user=user.id, nonce=ids.token(), **asked)))


def change_person(principal: Principal, user_id: str, *, name: str | None, language: Language | None) -> User:
    """Correct a name or a language; None leaves it. Raises NotFound, Invalid, Forbidden or Conflict."""
    user = accounts.get(principal.organization, user_id)
    must_reach(principal, user.roles)
    changed = user.renamed(plain_name(name) if name is not None else user.name, language or user.language)
    if (changed.name, changed.language) == (user.name, user.language):
        return user
    told = audit.entry(
        principal,
        action="user.changed",
        entity="user",
        entity_id=user.id,
        before={"name": user.name, "language": user.language},
        after={"name": changed.name, "language": changed.language},
    )
    transact(accounts.save(changed, was=user), told)
    return changed


def block(principal: Principal, user_id: str, *, blocked: bool, reason: str) -> User:
    """Lock somebody out from the next request on, or let them in again. Their sessions do not come back.

    Raises NotFound, Forbidden for who may do more than the caller, Conflict for oneself.
    """
    user = accounts.get(principal.organization, user_id)
    if user.id == principal.user:
        raise Conflict("own_account", "Nobody blocks themselves.")
    must_reach(principal, user.roles)
    changed = user.block(reason, clock.now()) if blocked else user.unblock()
    if changed is not user:
        told = audit.entry(
            principal,
            action="user.blocked" if blocked else "user.unblocked",
            entity="user",
            entity_id=user.id,
            before={"blocked": user.blocked, "reason": user.block_reason},
            after={"blocked": changed.blocked, "reason": changed.block_reason},
        )
        transact(accounts.save(changed, was=user), told)
    return changed


def list_staff(organization: str, request: PageRequest) -> Page[User]:
    """Everybody with a role that works at a desk."""
    return store.staff(organization, request)


def appoint(principal: Principal, email: str, role: str) -> User:
    """Give somebody who has an account a role of staff. Raises NotFound, Invalid, Forbidden or Conflict.

    Who has none yet registers first, so that the password is theirs alone.
    """
    if role not in STAFF:
        raise Invalid("no_staff_role", f"Roles of staff are {', '.join(sorted(STAFF))}.", field="role")
    user = find_by_address(principal.organization, email=email)
    if user is None or not user.email_verified:
        raise NotFound("user_not_found", "Nobody has proven this address. Let them register first.")
    return set_roles(principal, user.id, {*user.roles, role})


def dismiss(principal: Principal, user_id: str) -> None:
    """Take all roles of staff. Raises NotFound for who has none, Forbidden or Conflict."""
    user = accounts.get(principal.organization, user_id)
    if user.roles.isdisjoint(STAFF):
        raise NotFound("user_not_found", "There is no such user among the staff.")
    set_roles(principal, user.id, (user.roles - STAFF) or {CUSTOMER})
