"""Signing up with an organization of one's own, and entering somebody else's for the platform."""

from datetime import timedelta

from chalicelib.accounts import store
from chalicelib.accounts.addresses import normal_email
from chalicelib.accounts.model import Entry, Language, Purpose, Session
from chalicelib.accounts.service import codes
from chalicelib.accounts.service.people import OWNER, me
from chalicelib.accounts.service.registering import add_user, new_user
from chalicelib.audit import service as audit
from chalicelib.core import auth, clock, ids, limits
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Unprocessable
from chalicelib.core.table import transact
from chalicelib.organizations import service as organizations

_FOUNDED_A_DAY = 5
"""By one address of origin: every one of them takes a subdomain."""

ENTERED_FOR = timedelta(hours=1)
ENTERED_AS = frozenset({"admin"})


def found_organization(
    principal: Principal,
    *,
    organization: str,
    subdomain: str | None,
    email: str,
    password: str,
    name: str,
    language: Language | None = None,
    currency: str | None = None,
) -> str:
    """Found an organization of that name with its owner, who proves the address there; returns its host.

    `currency` is ISO 4217 and stays; without one it is baht.

    Raises Conflict `host_taken`, Invalid, Limited, Unprocessable where nobody founds anything.
    """
    if principal.organization != organizations.DEFAULT:
        raise Unprocessable("organizations_not_offered", "Sign up at the platform itself.", field="organization")
    label = subdomain or organizations.label_from(organization)
    wanted = {"language": language, "currency": currency}
    chosen = {name: value for name, value in wanted.items() if value}
    founded, writes = organizations.founding(organization, subdomain=label, plan=organizations.FIRST_PLAN, **chosen)
    address = normal_email(email)
    owner = new_user(founded.id, address, password, name, founded.language, {OWNER})
    limits.take(principal.organization, "found", principal.source, limit=_FOUNDED_A_DAY, seconds=86_400)
    transact(*writes, *add_user(owner), *codes.begin(owner, Purpose.SIGN_UP, address))
    assert founded.host is not None  # it has a subdomain
    organizations.forget_host(founded.host)
    return founded.host


def enter(principal: Principal, organization: str) -> Entry:
    """An access token for a tenant, with what its admins may do. It ends with the caller's own rights, and by itself.

    Both logs say so. Raises NotFound, Forbidden.
    """
    tenant = organizations.show(principal, organization)
    user, now = me(principal), clock.now()
    session = Session(
        id=ids.new("ses"),
        organization=tenant.id,
        user=user.id,
        refresh_digest=ids.digest(ids.token()),  # of a token that nobody gets
        device="Platform",
        created_at=now,
        rotated_at=now,
        expires_at=now + ENTERED_FOR,
        home=principal.organization,
    )
    told = [
        audit.entry(
            principal,
            action="organization.entered",
            entity="organization",
            entity_id=tenant.id,
            after={"session": session.id},
            organization=whose,
        )
        for whose in (tenant.id, principal.organization)
    ]
    transact(store.add_visit(session), *told)
    token = auth.issue(
        organization=tenant.id, user=user.id, roles=ENTERED_AS, session=session.id, version=user.session_version
    )
    return Entry(token, int(auth.ACCESS_LASTS.total_seconds()), organizations.url_of(tenant.id))
