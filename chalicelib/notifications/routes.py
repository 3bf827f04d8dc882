"""Notification settings over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.notifications import schemas, service

routes = Routes("notifications")


@routes.get(
    "/users/notifications/settings",
    permission=SIGNED_IN,
    returns=schemas.Settings,
    aliases=("/notifications/preferences",),
)
def read_settings(principal: Principal) -> schemas.Settings:
    """Which notices the caller gets, by channel and kind."""
    return schemas.Settings.of(service.preferences_of(principal))


@routes.put(
    "/users/notifications/settings",
    permission=SIGNED_IN,
    returns=schemas.Settings,
    aliases=("/notifications/preferences",),
)
def choose(principal: Principal, body: schemas.Choice) -> schemas.Settings:
    """Want a kind of notice, or want it no more, and be left alone at night. Codes and orders' notices always come."""
    return schemas.Settings.of(service.choose(principal, body.told(), body.quiet))
