"""Settings and features over HTTP."""

from chalicelib.configuration import schemas, service
from chalicelib.configuration.model import Stored
from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page

routes = Routes("settings")


@routes.get("/admin/settings", permission="settings.manage", returns=schemas.Sections)
def list_settings(principal: Principal) -> schemas.Sections:
    """All settings of the organization, with the versions that a change must name."""
    return schemas.Sections.of(service.list_sections(principal.organization))


@routes.put("/admin/settings", permission="settings.manage", returns=schemas.Settings)
def change_settings(principal: Principal, body: schemas.SettingsChange) -> Stored:
    """Change settings of one section, from the next request on. An old `version` answers 409."""
    return service.change(principal, body.section, body.version, body.values)


@routes.get("/admin/settings/{section}/history", permission="settings.manage", returns=schemas.Settings, many=True)
def settings_history(principal: Principal, section: str, query: schemas.SettingsHistory) -> Page[Stored]:
    """What a section was set to, by whom and when, newest first."""
    return service.history(principal.organization, section, query.request())


@routes.get("/settings/public", permission=PUBLIC, returns=schemas.PublicSettings, cache=60)
def public_settings(principal: Principal) -> schemas.PublicSettings:
    """The settings that anybody may know."""
    return schemas.PublicSettings(settings=service.public_settings(principal.organization))


@routes.get("/features", permission=PUBLIC, returns=schemas.FeatureList)
def features(principal: Principal) -> schemas.FeatureList:
    """What is on for the caller, who gets the same answer until somebody changes a feature."""
    return schemas.FeatureList(features=service.features(principal))
