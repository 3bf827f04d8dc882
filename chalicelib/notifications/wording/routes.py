"""Notices in an organization's own words, over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.notifications.wording import schemas, service
from chalicelib.notifications.wording.model import Place

routes = Routes("notifications")

_ONE = "/admin/notifications/templates/{kind}/{channel}/{language}"
_ONE_A_SECOND = (60, 60)


@routes.get("/admin/notifications/templates", permission="settings.manage", returns=schemas.Templates)
def list_templates(principal: Principal) -> schemas.Templates:
    """All notices that may be worded, by channel and language, and which of them are."""
    return schemas.Templates.of(service.listed(principal.organization))


@routes.get(_ONE, permission="settings.manage", returns=schemas.Template)
def read_template(principal: Principal, kind: str, channel: str, language: str) -> schemas.Template:
    """The organization's own words of a notice, and what they may name."""
    return schemas.Template.shown(service.show(principal.organization, Place.of(kind, channel, language)))


@routes.put(_ONE, permission="settings.manage", returns=schemas.Template, limit=_ONE_A_SECOND)
def word_template(
    principal: Principal, kind: str, channel: str, language: str, body: schemas.TemplateChange
) -> schemas.Template:
    """Say a notice in words of one's own, within a minute. What can not be used answers 422, an old `version` 409."""
    place = Place.of(kind, channel, language)
    return schemas.Template.shown(service.save(principal, place, body.wording(), body.version))


@routes.delete(_ONE, permission="settings.manage")
def remove_template(principal: Principal, kind: str, channel: str, language: str) -> None:
    """Go back to the product's own words. The versions stay."""
    service.remove(principal, Place.of(kind, channel, language))


@routes.get(f"{_ONE}/versions", permission="settings.manage", returns=schemas.Version, many=True)
def list_versions(
    principal: Principal, kind: str, channel: str, language: str, query: schemas.History
) -> Page[schemas.Version]:
    """What a notice was worded like, by whom and when, newest first."""
    found = service.history(principal.organization, Place.of(kind, channel, language), query.request())
    return found.map(schemas.Version.of)


@routes.post(f"{_ONE}/restore", permission="settings.manage", returns=schemas.Template, status=200, limit=_ONE_A_SECOND)
def restore_template(
    principal: Principal, kind: str, channel: str, language: str, body: schemas.Restoring
) -> schemas.Template:
    """Make an earlier version the newest."""
    place = Place.of(kind, channel, language)
    return schemas.Template.shown(service.restore(principal, place, body.number, body.version))


@routes.post(f"{_ONE}/preview", permission="settings.manage", returns=schemas.Preview, status=200, limit=_ONE_A_SECOND)
def preview_template(
    principal: Principal, kind: str, channel: str, language: str, body: schemas.Draft
) -> schemas.Preview:
    """How a draft reads with made-up values; without one, how the notice reads now."""
    place = Place.of(kind, channel, language)
    return schemas.Preview.of(service.preview(principal.organization, place, body.wording()))
