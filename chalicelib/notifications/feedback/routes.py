"""Addresses that are mailed no more, over HTTP."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.notifications.feedback import schemas, service
from chalicelib.notifications.feedback.schemas import Suppression

routes = Routes("notifications")


@routes.get("/admin/notifications/suppressions", permission="user.manage", returns=schemas.Suppression, many=True)
def list_suppressions(principal: Principal, query: schemas.Listing) -> Page[Suppression]:
    """Addresses that mails come back from, or whose people complained of one."""
    return service.listed(principal, query.request(), query.email).map(Suppression.of)


@routes.delete("/admin/notifications/suppressions/{id}", permission="user.manage")
def lift(principal: Principal, id: str) -> None:
    """Mail an address again, until it bounces again."""
    service.lift(principal, id)
