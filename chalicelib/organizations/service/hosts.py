"""Which organization a host speaks for, and how one proves that a host is its own."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Invalid, NotFound, Unprocessable
from chalicelib.core.settings import settings
from chalicelib.core.table import Write, transact
from chalicelib.organizations import dns, store
from chalicelib.organizations.model import Domain, Organization, host_of, label_of
from chalicelib.organizations.plans import Resource
from chalicelib.organizations.service.held import Held
from chalicelib.organizations.service.settings import DEFAULT, get, save
from chalicelib.organizations.service.usage import use

LOOKED_EVERY = timedelta(days=1)
"""A proven domain is looked for again each day."""


def tenant_of(host: str) -> str:
    """The organization behind `host` (of the request context, never of a header), else the default."""
    try:
        return _tenants(host_of(host))
    except Invalid:
        return DEFAULT


def by_domain(domain: str) -> Organization:
    """Who is at home at `domain`. Raises NotFound, for one that is suspended too."""
    try:
        organization = store.organization_of_host(host_of(domain))
    except Invalid:
        organization = None
    found = get(organization) if organization else None
    if found is None or found.suspended:
        raise NotFound("organization_not_found", "There is no such organization.")
    return found


def map_host(host: str, organization: str) -> None:
    """Let requests to `host` speak for an organization. The first host is where the links of its mails lead.

    For operators: nobody is asked for a proof. Raises Conflict while another one has the host.
    """
    name = host_of(host)
    current = get(organization)
    writes = [store.map_host(name, current.id)]
    if current.host is None:
        writes.append(store.save(current.changed(current.version, {"host": name}), was=current))
    transact(*writes)
    forget_host(name)


def url_of(organization: str) -> str:
    """The public base URL of an organization, without a slash at the end."""
    host = get(organization).host
    return f"https://{host}" if host else settings().api_url


# --- subdomains -----------------------------------------------------------------------------------------------


def shared_host(label: str) -> str:
    """The host of a subdomain. Raises Unprocessable where this deployment has no domain to share, Invalid."""
    domain = settings().tenants_domain
    if domain is None:
        raise Unprocessable("subdomains_not_offered", "There are no subdomains here.", field="subdomain")
    return f"{label_of(label)}.{domain}"


def set_subdomain(principal: Principal, *, version: int, subdomain: str | None) -> Organization:
    """Move to another subdomain, or to none; the old one is free at once.

    Raises Conflict `host_taken`, Invalid, Unprocessable.
    """
    current = get(principal.organization)
    new = shared_host(subdomain) if subdomain else None
    old = shared_host(current.subdomain) if current.subdomain else None
    home = (new or _proven(current.id)) if current.host == old else current.host
    changed = current.changed(version, {"subdomain": label_of(subdomain) if subdomain else None, "host": home})
    if new == old:
        return current
    writes = [store.map_host(new, current.id)] if new else []
    writes += [store.unmap_host(old, current.id)] if old else []
    save(current, changed, principal, "organization.subdomain_changed", *writes)
    for host in filter(None, (new, old)):
        forget_host(host)
    return changed


# --- domains --------------------------------------------------------------------------------------------------


def domains_of(principal: Principal) -> list[Domain]:
    return store.domains_of(principal.organization)


def add_domain(principal: Principal, host: str) -> Domain:
    """Say that a host is one's own. It works once that is proven, see `record_of`.

    Raises Invalid, Conflict `domain_exists`, Forbidden `plan_limit`.
    """
    name = _own_host(host)
    domain = Domain(principal.organization, name, ids.token(), clock.now())
    transact(
        store.add_domain(domain), use(principal.organization, Resource.DOMAINS), _noted(principal, domain, "added")
    )
    return domain


def record_of(domain: Domain) -> tuple[str, str]:
    """Name and value of the TXT record that proves a domain."""
    return f"_{settings().app}.{domain.host}", f"{settings().app}-domain={domain.token}"


def prove_domain(principal: Principal, host: str) -> Domain:
    """Look for the record, and let the host speak for the organization.

    Raises NotFound, Unprocessable `domain_not_proven`, Conflict `host_taken`, Unavailable where DNS does not answer.
    """
    domain = store.get_domain(principal.organization, host.lower())
    if domain.verified:
        return domain
    name, value = record_of(domain)
    if value not in dns.txt(name):
        raise Unprocessable("domain_not_proven", f"There is no TXT record {name} with the value we told.", field="host")
    now = clock.now()
    proven = replace(domain, verified_at=now, check_at=now + LOOKED_EVERY, missed=None)
    current = get(domain.organization)
    writes = [store.prove_domain(proven), store.map_host(domain.host, domain.organization), store.plan(proven)]
    if current.host is None or current.host == _shared(current):
        writes.append(store.save(current.changed(current.version, {"host": domain.host}), was=current))
    transact(*writes, _noted(principal, proven, "proven"))
    forget_host(domain.host)
    return proven


def remove_domain(principal: Principal, host: str) -> None:
    """Raises NotFound, or Conflict where somebody else changes it at this moment."""
    domain = store.get_domain(principal.organization, host.lower())
    writes = [store.remove_domain(domain), use(domain.organization, Resource.DOMAINS, -1), *store.unschedule(domain)]
    if domain.verified:
        writes += homes_without(domain)
    transact(*writes, _noted(principal, domain, "removed"))
    forget_host(domain.host)


def homes_without(domain: Domain) -> list[Write]:
    """A proven domain leads nowhere any more; mails that led there lead to another home."""
    writes = [store.unmap_host(domain.host, domain.organization)]
    current = get(domain.organization)
    if current.host == domain.host:
        home = _shared(current) or _proven(current.id, but=domain.host)
        writes.append(store.save(current.changed(current.version, {"host": home}), was=current))
    return writes


def _own_host(text: str) -> str:
    host = host_of(text)
    ours = [settings().tenants_domain, host_of(settings().api_url.partition("://")[2].partition("/")[0])]
    if "." not in host or host.rpartition(".")[2].isdigit():
        raise Invalid("invalid_host", "Name a host like photos.example.com.", field="host")
    if any(own and (host == own or host.endswith(f".{own}")) for own in ours):
        raise Invalid("invalid_host", "This host belongs to the platform.", field="host")
    return host


def _shared(organization: Organization) -> str | None:
    return shared_host(organization.subdomain) if organization.subdomain else None


def _proven(organization: str, *, but: str | None = None) -> str | None:
    """A proven domain that its mails may lead to."""
    return next((each.host for each in store.domains_of(organization) if each.verified and each.host != but), None)


def _noted(principal: Principal, domain: Domain, what: str) -> Write:
    return audit.entry(
        principal,
        action=f"domain.{what}",
        entity="domain",
        entity_id=domain.host,
        after={"host": domain.host, "verified": domain.verified},
    )


def forget_host(host: str | None = None) -> None:
    _tenants.forget(host)


_tenants = Held(lambda host: store.organization_of_host(host) or DEFAULT)
