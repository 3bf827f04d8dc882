"""Orders over HTTP."""

from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Request, idempotency_key
from chalicelib.orders import model, schemas, service

routes = Routes("orders")


@routes.post(
    "/orders",
    permission=PUBLIC,
    guarded=True,
    returns=schemas.PlacedOrder,
    status=201,
    headers=("Idempotency-Key",),
)
def place_order(principal: Principal, request: Request, body: schemas.PlaceOrder) -> schemas.PlacedOrder:
    """Order what is in the cart, at today's prices.

    Needs an `Idempotency-Key` of your choice: the same key gives the same order again, however often it is sent.
    """
    order = service.place_order(
        principal,
        idempotency_key(request),
        email=body.email,
        language=body.language,
        expected_total=body.expected_total,
    )
    return schemas.PlacedOrder.of(order)


@routes.get("/orders", permission=SIGNED_IN, guarded=True, returns=schemas.Order, many=True)
def list_orders(principal: Principal, query: Paging) -> Page[model.Order]:
    """The signed-in buyer's orders, newest first."""
    return service.list_orders(principal, query.request())


@routes.get("/orders/active", permission=SIGNED_IN, guarded=True, returns=schemas.Order, many=True)
def list_active_orders(principal: Principal, query: Paging) -> Page[model.Order]:
    """The buyer's orders that wait for payment or delivery, newest first. A page may hold fewer than it could."""
    return service.list_open(principal, query.request(), is_open=True)


@routes.get("/orders/history", permission=SIGNED_IN, guarded=True, returns=schemas.Order, many=True)
def list_past_orders(principal: Principal, query: Paging) -> Page[model.Order]:
    """The buyer's orders that came to their end, newest first. A page may hold fewer than it could."""
    return service.list_open(principal, query.request(), is_open=False)


@routes.post("/orders/{id}/cancel", permission=PUBLIC, guarded=True, returns=schemas.Order)
def cancel_order(principal: Principal, id: str, body: schemas.Cancel) -> model.Order:
    """Cancel an order that nobody has paid yet. For its buyer, the holder of its token, and staff."""
    return service.cancel(principal, id, body.reason)


@routes.get("/orders/{id}", permission=PUBLIC, guarded=True, returns=schemas.Order)
def read_order(principal: Principal, id: str) -> model.Order:
    """An order, for its buyer, the holder of its token, or staff."""
    return service.open_order(principal, id)
