"""Devices over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.notifications.devices import schemas, service

routes = Routes("notifications")


@routes.post("/users/notifications/devices", permission=SIGNED_IN, guarded=True, aliases=("/notifications/push-token",))
def register(principal: Principal, body: schemas.PushToken) -> None:
    """Have this device rung when something new is in the caller's inbox.

    Up to ten devices; another one drops the oldest. A device rings for who registered it last.
    """
    platform, token = body.known_by()
    service.register(principal, platform, token)


@routes.get(
    "/users/notifications/devices",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Devices,
    aliases=("/notifications/push-token",),
)
def list_devices(principal: Principal) -> schemas.Devices:
    """What rings for the caller, and the key with which a browser subscribes."""
    return schemas.Devices.of(service.devices_of(principal), service.web_push_key())


@routes.delete(
    "/users/notifications/devices", permission=SIGNED_IN, guarded=True, aliases=("/notifications/push-token",)
)
def unregister(principal: Principal, body: schemas.OldToken) -> None:
    """Have it rung no more. Twice is once."""
    service.unregister(principal, body.token)
