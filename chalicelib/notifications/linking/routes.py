"""Linking LINE over HTTP."""

from chalicelib.core.auth import ANONYMOUS, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Reply, Request
from chalicelib.notifications.linking import schemas, service
from chalicelib.notifications.linking.service import Invitation

routes = Routes("notifications")


@routes.post(
    "/users/notifications/line",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Invitation,
    status=202,
    limit=(10, 60),
)
def begin(principal: Principal) -> Invitation:
    """A code that links the LINE account which sends it to the organization's: it hears what lands in the inbox."""
    return service.begin(principal)


@routes.delete("/users/notifications/line", permission=SIGNED_IN, guarded=True)
def end(principal: Principal) -> None:
    """Hear nothing on LINE any more. Twice is once."""
    service.end(principal)


@routes.post("/notices/line", permission=ANONYMOUS, raw="application/json")
def take(principal: Principal, request: Request) -> Reply:
    """What LINE tells of the account of the organization whose address this is. 401 for what it did not sign."""
    service.take(principal.organization, request.body, request.headers.get("x-line-signature", ""))
    return Reply("{}")
