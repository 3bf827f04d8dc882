"""Inviting somebody by e-mail, and what they do with the link. Its token is stored nowhere."""

from collections.abc import Iterable

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import User
from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, limits, outbox, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.table import Page, PageRequest, Write, transact
from chalicelib.members import store
from chalicelib.members.messages import MemberInvited
from chalicelib.members.model import INVITED_FOR, Invitation, Language
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource

_INVITED_AN_HOUR = 100
_MAILED_A_DAY = 10
_OWNER = frozenset({"owner"})


def invite(
    principal: Principal,
    *,
    email: str,
    roles: Iterable[str],
    department: str | None = None,
    language: Language | None = None,
) -> Invitation:
    """Mail somebody a link by which they join.

    Raises Invalid, Conflict `email_taken` or `already_invited`, Forbidden, Limited.

    Who has an account here is given roles instead. Nobody invites to a role that may do more than they.
    """
    wanted = accounts.known_roles(principal.organization, roles)
    if wanted & _OWNER or not organizations.may_give(principal.roles, wanted):
        raise Forbidden("role_beyond_own", "This role may do more than you.", field="roles")
    address = accounts.normal_email(email)
    if accounts.find_by_email(principal.organization, address) is not None:
        raise Conflict("email_taken", "This address has an account: change its roles.", field="email")
    if department is not None:
        store.departments_of(principal.organization).must_have(department)
    if organizations.needs_desk(wanted):
        organizations.must_have_room(principal.organization, Resource.STAFF)
    spoken = language or organizations.get(principal.organization).language
    invitation = new_invitation(principal, principal.organization, address, wanted, department, spoken)
    count_mail(principal.organization, address)
    transact(*writes_of(principal, invitation))
    return invitation


def new_invitation(
    principal: Principal,
    organization: str,
    address: str,
    roles: frozenset[str],
    department: str | None,
    language: Language,
) -> Invitation:
    now = clock.now()
    return Invitation(
        id=id_of(organization, address),
        organization=organization,
        email=address,
        roles=roles,
        department=department,
        language=language,
        invited_by=principal.known_user,
        nonce=ids.token(),
        created_at=now,
        expires_at=now + INVITED_FOR,
        version=1,
    )


def id_of(organization: str, address: str) -> str:
    """There is one invitation for each address."""
    return ids.derived("inv", organization, address)


def writes_of(principal: Principal, invitation: Invitation) -> list[Write]:
    """The writes that invite, mail and log."""
    return [store.add_invitation(invitation), _mail(invitation), _noted(principal, invitation, "created")]


def list_invitations(principal: Principal, request: PageRequest) -> Page[Invitation]:
    """Those that nobody took up yet, newest first."""
    now = clock.now()
    found = store.invitations_of(principal.organization, request)
    return Page([each for each in found.items if each.is_open(now)], found.size, found.cursor, number=found.number)


def read_invitation(principal: Principal, invitation_id: str) -> Invitation:
    """Raises NotFound, for one that has expired too."""
    invitation = store.get_invitation(principal.organization, invitation_id)
    if not invitation.is_open(clock.now()):
        raise _gone()
    return invitation


def invite_again(principal: Principal, invitation_id: str) -> Invitation:
    """Mail a new link, good for a week from now; the one before stops working. Raises NotFound, Limited."""
    invitation = store.get_invitation(principal.organization, invitation_id)
    _must_reach(principal, invitation)
    count_mail(invitation.organization, invitation.email)
    again = invitation.sent_again(ids.token(), clock.now())
    noted = _noted(principal, again, "sent_again")
    transact(store.save_invitation(again, was=invitation), _mail(again), noted)
    return again


def revoke(principal: Principal, invitation_id: str) -> None:
    """Raises NotFound."""
    invitation = store.get_invitation(principal.organization, invitation_id)
    _must_reach(principal, invitation)
    transact(store.remove_invitation(invitation), _noted(principal, invitation, "revoked"))


def open_invitation(organization: str, invitation_id: str, token: str) -> Invitation:
    """The invitation behind a link. Raises NotFound for any that does not work, whatever the reason."""
    invitation = store.find_invitation(organization, invitation_id)
    if invitation is None or not invitation.is_open(clock.now()) or not _is_token(token, invitation):
        raise _gone()
    return invitation


def join(principal: Principal, invitation_id: str, *, token: str, name: str, password: str) -> User:
    """Join with a name and a password. The link proves the address.

    Raises NotFound for a link that does not work, Invalid for name or password, Conflict `email_taken`, Forbidden
    `plan_limit`. Who lost the answer finds the link used, and logs in.
    """
    invitation = open_invitation(principal.organization, invitation_id, token)
    return accounts.create_user(
        invitation.organization,
        email=invitation.email,
        password=password,
        name=name,
        roles=invitation.roles,
        language=invitation.language,
        department=invitation.department,
        more=[store.use_up(invitation, _gone()), _noted(principal, invitation, "accepted")],
    )


def to_mail(organization: str, invitation_id: str, nonce: str) -> Invitation | None:
    """The invitation that waits for a mail; None once it is used, revoked or mailed anew."""
    found = store.find_invitation(organization, invitation_id)
    return found if found and found.nonce == nonce and found.is_open(clock.now()) else None


def token_of(invitation: Invitation) -> str:
    """The secret part of the mailed link."""
    return secrets.sign(*_known_of(invitation))


def count_mail(organization: str, address: str) -> None:
    """Raises Limited: nobody is mailed often, and an organization does not mail the world."""
    limits.take(organization, "invitation", address, limit=_MAILED_A_DAY, seconds=86_400)
    limits.take(organization, "invitations", "", limit=_INVITED_AN_HOUR, seconds=3600)


def _must_reach(principal: Principal, invitation: Invitation) -> None:
    if not organizations.may_give(principal.roles, invitation.roles):
        raise Forbidden("role_beyond_own", "This role may do more than you.")


def _is_token(token: str, invitation: Invitation) -> bool:
    return secrets.is_signature(token, *_known_of(invitation))


def _known_of(invitation: Invitation) -> tuple[str, ...]:
    return "invitation", invitation.organization, invitation.id, invitation.nonce


def _mail(invitation: Invitation) -> Write:
    told = MemberInvited(organization=invitation.organization, invitation=invitation.id, nonce=invitation.nonce)
    return outbox.publish(told)


def _gone() -> NotFound:
    return NotFound("invitation_not_found", "This link does not work any more. Ask for another invitation.")


def _noted(principal: Principal, invitation: Invitation, what: str) -> Write:
    return audit.entry(
        principal,
        action=f"invitation.{what}",
        entity="invitation",
        entity_id=invitation.id,
        after={"roles": invitation.roles, "department": invitation.department},
        organization=invitation.organization,
    )
