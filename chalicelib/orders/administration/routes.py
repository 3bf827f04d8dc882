"""Orders for staff, over HTTP. What one order holds in all is shown by the payments' administration."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.orders import model
from chalicelib.orders.administration import schemas, service

routes = Routes("orders for staff")


@routes.get("/admin/orders", permission="order.read_all", returns=schemas.Order, many=True)
def find_orders(principal: Principal, query: schemas.Search) -> Page[model.Order]:
    """Find orders by status, customer, event, code, e-mail address or time, newest first.

    Each filter finds its own list; where several are given the page may hold fewer than it could.
    """
    return service.find(principal, query.wanted(), query.request())


@routes.put(
    "/admin/orders/{id}", permission="order.manage", returns=schemas.Order, aliases=("/admin/orders/{id}/status",)
)
def change_order(principal: Principal, id: str, body: schemas.Change) -> model.Order:
    """Cancel an order that nobody has paid, or write a note. Any other status is made by payments, time and refunds."""
    return service.change(principal, id, status=body.status, reason=body.reason, note=body.note)


@routes.post("/admin/orders/{id}/notes", permission="order.manage", returns=schemas.Note)
def write_note(principal: Principal, id: str, body: schemas.NewNote) -> model.Note:
    """Write something down about an order. Its buyer does not see it."""
    return service.write_note(principal, id, body.text)


@routes.post("/admin/orders/{id}/resend", permission="order.manage", limit=(20, 60))
def resend_confirmation(principal: Principal, id: str) -> None:
    """Mail the link to the downloads again, to the address of the order."""
    service.resend(principal, id)
