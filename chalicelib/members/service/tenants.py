"""Founding an organization for somebody else."""

from chalicelib.accounts import service as accounts
from chalicelib.audit import service as audit
from chalicelib.core.auth import Principal
from chalicelib.core.table import transact
from chalicelib.members.model import Language
from chalicelib.members.service.invitations import count_mail, new_invitation, writes_of
from chalicelib.organizations import service as organizations
from chalicelib.organizations.model import Organization


def found_tenant(
    principal: Principal,
    *,
    name: str,
    owner_email: str,
    plan: str,
    subdomain: str | None = None,
    currency: str = "THB",
    timezone: str = "Asia/Bangkok",
    language: Language = "en",
) -> Organization:
    """A new tenant, whose owner is invited by e-mail. `currency` is ISO 4217 and stays.

    Raises Invalid, Forbidden, Conflict `host_taken`, Unprocessable where there are no subdomains.
    """
    organizations.must_be_platform(principal)
    label = subdomain or organizations.label_from(name)
    founded, writes = organizations.founding(
        name, subdomain=label, plan=plan, currency=currency, timezone=timezone, language=language
    )
    address = accounts.normal_email(owner_email)
    invitation = new_invitation(principal, founded.id, address, frozenset({"owner"}), None, language)
    count_mail(founded.id, address)
    told = audit.entry(
        principal,
        action="organization.founded",
        entity="organization",
        entity_id=founded.id,
        after={"name": name, "plan": plan, "subdomain": label},
        organization=founded.id,
    )
    transact(*writes, *writes_of(principal, invitation), told)
    if founded.host:
        organizations.forget_host(founded.host)
    return founded
