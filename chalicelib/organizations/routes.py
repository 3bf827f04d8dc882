"""The organization behind the host that was called, and all of them for the platform."""

from chalicelib.core.auth import ANONYMOUS, PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.organizations import schemas, service
from chalicelib.organizations.model import Domain, Organization
from chalicelib.organizations.service import Usage

routes = Routes("organization")


@routes.get("/organization", permission=PUBLIC, returns=schemas.Home)
def home(principal: Principal) -> Organization:
    """Whose shop this is: name, language, currency, time zone."""
    return service.get(principal.organization)


@routes.get("/organization/settings", permission="organization.manage", returns=schemas.Organization)
def settings(principal: Principal) -> Organization:
    """All settings of the organization, with the version that a change must name."""
    return service.get(principal.organization)


@routes.put("/organization", permission="organization.manage", returns=schemas.Organization)
def update_organization(principal: Principal, body: schemas.OrganizationUpdate) -> Organization:
    """Change settings. A `version` that is no longer the current one answers 409."""
    return service.update(principal.organization, version=body.version, by=principal, **body.settings())


@routes.put("/organization/watermark", permission="organization.manage", returns=schemas.Organization)
def set_watermark_image(principal: Principal, body: schemas.WatermarkImage) -> Organization:
    """Take a PNG as the mark on previews instead of the text, or take it away with null.

    It marks the photos that are processed from now on.
    """
    return service.set_watermark_image(
        principal.organization, version=body.version, image_png=body.image_png, by=principal
    )


@routes.get("/organization/plan", permission="organization.manage", returns=schemas.Usage)
def read_usage(principal: Principal) -> Usage:
    """The plan, its limits and what is used of them."""
    return service.usage_of(principal.organization)


@routes.put("/organization/subdomain", permission="domain.manage", returns=schemas.Organization)
def set_subdomain(principal: Principal, body: schemas.SubdomainChange) -> Organization:
    """Move to another subdomain of the platform's domain, or give it up with null."""
    return service.set_subdomain(principal, version=body.version, subdomain=body.subdomain)


@routes.get("/organization/bank-account", permission="revenue.read", returns=schemas.OwnAccount)
def read_bank_account(principal: Principal) -> schemas.OwnAccount:
    """Where the organization's part of what was sold is paid out to; of the number its last four characters."""
    return _with_account(service.get(principal.organization))


@routes.put("/organization/bank-account", permission="revenue.manage", returns=schemas.OwnAccount, limit=(60, 60))
def set_bank_account(principal: Principal, body: schemas.BankAccountUpdate) -> schemas.OwnAccount:
    """Say where the organization's money goes, or take the account away with null. Batches that are made stay."""
    account = body.bank_account.account() if body.bank_account else None
    return _with_account(service.set_bank_account(principal, version=body.version, account=account))


def _with_account(held: Organization) -> schemas.OwnAccount:
    account = service.open_account(held.id, held.id, held.bank_account)
    shown = schemas.ShownHouseAccount.of(account) if account else None
    return schemas.OwnAccount(bank_account=shown, version=held.version)


# --- domains --------------------------------------------------------------------------------------------------


@routes.get("/organization/domains", permission="domain.manage", returns=schemas.Domain, many=True)
def list_domains(principal: Principal) -> Page[schemas.Domain]:
    """The organization's own domains, with the TXT record that proves each."""
    found = service.domains_of(principal)
    return Page([_with_record(domain) for domain in found], len(found))


@routes.post("/organization/domains", permission="domain.manage", returns=schemas.Domain)
def add_domain(principal: Principal, body: schemas.NewDomain) -> schemas.Domain:
    """Say that a domain is the organization's own. It works once the TXT record told here is found."""
    return _with_record(service.add_domain(principal, body.host))


@routes.post("/organization/domains/{host}/verify", permission="domain.manage", returns=schemas.Domain, limit=(20, 60))
def prove_domain(principal: Principal, host: str) -> schemas.Domain:
    """Look for the TXT record now. Once it is found the domain leads here."""
    return _with_record(service.prove_domain(principal, host))


@routes.delete("/organization/domains/{host}", permission="domain.manage")
def remove_domain(principal: Principal, host: str) -> None:
    """Take a domain off the organization. Requests to it do not lead here any more."""
    service.remove_domain(principal, host)


def _with_record(domain: Domain) -> schemas.Domain:
    name, value = service.record_of(domain)
    return schemas.Domain(
        host=domain.host,
        verified=domain.verified,
        verified_at=domain.verified_at,
        created_at=domain.created_at,
        record=schemas.Record(name=name, value=value),
    )


# --- by id ----------------------------------------------------------------------------------------------------


@routes.get("/organizations/by-domain", permission=ANONYMOUS, returns=schemas.HomeOf, limit=(60, 60))
def find_by_domain(query: schemas.DomainQuery) -> Organization:
    """Which organization is at home at a `domain`."""
    return service.by_domain(query.domain)


@routes.get("/organizations/{id}", permission="member.read", returns=schemas.Organization)
def read_organization(principal: Principal, id: str) -> Organization:
    """The caller's organization by its id; any other is not found."""
    return service.own(principal, id)


@routes.put("/organizations/{id}", permission="organization.manage", returns=schemas.Organization)
def update_by_id(principal: Principal, id: str, body: schemas.OrganizationUpdate) -> Organization:
    """Change settings of the caller's organization, as PUT /organization does."""
    own = service.own(principal, id)
    return service.update(own.id, version=body.version, by=principal, **body.settings())


# --- the platform ---------------------------------------------------------------------------------------------


@routes.get("/organizations", permission="platform.manage", returns=schemas.Tenant, many=True)
def list_organizations(principal: Principal, query: Paging) -> Page[Organization]:
    """All tenants, the oldest first."""
    return service.list_all(principal, query.request())


@routes.get("/organizations/{id}/tenancy", permission="platform.manage", returns=schemas.Tenant)
def read_tenant(principal: Principal, id: str) -> Organization:
    """One tenant: its plan, and whether it is suspended."""
    return service.show(principal, id)


@routes.put("/organizations/{id}/plan", permission="platform.manage", returns=schemas.Tenant)
def set_plan(principal: Principal, id: str, body: schemas.PlanChange) -> Organization:
    """Change a tenant's plan. What is over the new limits stays."""
    return service.set_plan(principal, id, body.plan)


@routes.put("/organizations/{id}/suspension", permission="platform.manage", returns=schemas.Tenant)
def suspend_organization(principal: Principal, id: str) -> Organization:
    """Suspend a tenant: within a minute everything answers 403 to its people and its programs."""
    return service.suspend(principal, id)


@routes.delete("/organizations/{id}/suspension", permission="platform.manage", returns=schemas.Tenant)
def resume_organization(principal: Principal, id: str) -> Organization:
    """Let a suspended tenant go on."""
    return service.resume(principal, id)
