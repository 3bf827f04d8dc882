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


@routes.put("/organization/watermark", permission="organization.manage", returns=schemas.Organization)
def set_watermark_image(principal: Principal, body: schemas.WatermarkImage) -> Organization:
    """Take a PNG as the mark on previews instead of the text, or take it away with null.

    It marks the photos that are processed from now on.
    """
    return service.set_watermark_image(principal.organization, version=body.version, image_png=body.image_png)
