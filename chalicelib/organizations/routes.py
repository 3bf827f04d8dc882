"""The organization behind the host that was called."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.http import Routes
from chalicelib.organizations import schemas, service
from chalicelib.organizations.model import Organization

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
    return service.update(principal.organization, version=body.version, **body.settings())
