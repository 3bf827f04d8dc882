"""One's inbox over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.notifications.inbox import schemas, service

routes = Routes("notifications")


@routes.get(
    "/users/notifications",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Notifications,
    aliases=("/notifications",),
)
def list_notifications(principal: Principal, query: schemas.Listing) -> schemas.Notifications:
    """What the caller was told in the last 90 days, the newest first, and how much of it is unread."""
    return schemas.Notifications.of(*service.listed(principal, query.request(), unread=query.unread))


@routes.put("/users/notifications", permission=SIGNED_IN, guarded=True, aliases=("/notifications/read-all",))
def mark_all_read(principal: Principal) -> None:
    """Whatever came up to now is read."""
    service.mark_all_read(principal)


@routes.delete("/users/notifications", permission=SIGNED_IN, guarded=True, aliases=("/notifications",))
def clear(principal: Principal) -> None:
    """Delete all that came up to now."""
    service.clear(principal)


@routes.put("/users/notifications/{id}", permission=SIGNED_IN, guarded=True, aliases=("/notifications/{id}/read",))
def mark_read(principal: Principal, id: str) -> None:
    """Twice is once."""
    service.mark_read(principal, id)


@routes.delete("/users/notifications/{id}", permission=SIGNED_IN, guarded=True, aliases=("/notifications/{id}",))
def remove(principal: Principal, id: str) -> None:
    """Delete a notification."""
    service.remove(principal, id)
