"""Tickets over HTTP. They are bought through the cart, like anything else. The `{id}` of an event is its id or slug."""

from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply, Request, idempotency_key
from chalicelib.lines.tickets import page, schemas, service
from chalicelib.lines.tickets.model import Ticket

routes = Routes("tickets")


# --- what is on sale ----------------------------------------------------------------------------------------


@routes.get("/events/{id}/ticket-types", permission=PUBLIC, returns=schemas.TicketTypes)
def list_types(principal: Principal, id: str) -> schemas.TicketTypes:
    """The types of tickets that are on sale for an event, the oldest first.

    Before an event is shown it is found by its id alone.
    """
    return schemas.TicketTypes.of([each for each in service.list_types(principal, id) if each.on_sale])


@routes.get("/admin/events/{id}/ticket-types", permission="event.manage", returns=schemas.OfferedTicketTypes)
def list_all_types(principal: Principal, id: str) -> schemas.OfferedTicketTypes:
    """All types of tickets to an event, and how many of each are left."""
    return schemas.OfferedTicketTypes.of(service.list_types(principal, id))


@routes.post(
    "/admin/events/{id}/ticket-types",
    permission="event.manage",
    returns=schemas.OfferedTicketType,
    headers=("Idempotency-Key",),
    status=200,
)
def add_type(principal: Principal, request: Request, id: str, body: schemas.NewTicketType) -> schemas.OfferedTicketType:
    """Sell a further type of ticket to an event, once for each `Idempotency-Key`."""
    return schemas.OfferedTicketType.of(service.add_type(principal, id, body.terms(), idempotency_key(request)))


@routes.put("/admin/events/{id}/ticket-types/{type}", permission="event.manage", returns=schemas.OfferedTicketType)
def change_type(principal: Principal, id: str, type: str, body: schemas.ChangedTicketType) -> schemas.OfferedTicketType:
    """Change a type of ticket. Carts have the new price, orders keep theirs; what is held or sold stays."""
    return schemas.OfferedTicketType.of(service.change_type(principal, id, type, body.terms(), body.version))


@routes.delete("/admin/events/{id}/ticket-types/{type}", permission="event.manage")
def withdraw_type(principal: Principal, id: str, type: str) -> None:
    """Sell a type of ticket no more. Who bought or ordered keeps theirs."""
    service.withdraw_type(principal, id, type)


# --- what was bought ----------------------------------------------------------------------------------------


@routes.get("/users/tickets", permission=SIGNED_IN, guarded=True, returns=schemas.BoughtTicket, many=True)
def list_mine(principal: Principal, query: Paging) -> Page[schemas.BoughtTicket]:
    """The caller's tickets, to whatever event, the newest first."""
    return service.list_mine(principal, query.request()).map(schemas.BoughtTicket.of)


@routes.get("/orders/{id}/tickets", permission=PUBLIC, guarded=True, returns=schemas.Tickets)
def list_of_order(principal: Principal, id: str) -> schemas.Tickets:
    """The tickets of an order: for its owner, with the order's token in `X-Order-Token`, and for staff."""
    return schemas.Tickets.of(service.of_order(principal, id))


@routes.get("/admin/events/{id}/tickets", permission="order.read_all", returns=schemas.IssuedTicket, many=True)
def list_to_event(principal: Principal, id: str, query: Paging) -> Page[Ticket]:
    """The tickets to an event that were issued, the newest first."""
    return service.list_to_event(principal, id, query.request())


@routes.get("/t/{id}/{token}", permission=PUBLIC, raw="text/html", hidden=True)
def show_tickets(principal: Principal, request: Request, id: str, token: str) -> Reply:
    """The page behind the link of a mail, which alone opens it."""
    return page.show(Principal(principal.organization, tokens={"order": token}), request, id)
