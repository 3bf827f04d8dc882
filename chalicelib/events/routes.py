"""Events over HTTP. `{id}` is an event's id or its slug."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.events import schemas, service
from chalicelib.events.access import schemas as access_schemas
from chalicelib.events.access import service as entries
from chalicelib.events.access.service import Entry
from chalicelib.events.model import Event

routes = Routes("events")


@routes.get("/events", permission=PUBLIC, returns=schemas.Event, many=True, cache=60, aliases=("/event",))
def list_events(principal: Principal, query: schemas.EventList) -> Page[Event]:
    """Events, newest date first.

    Visitors see live and closed events; staff sees all, or those of one `status`.
    """
    return service.list_events(principal, query.request(), query.status, query.mine)


@routes.get("/events/{id}", permission=PUBLIC, returns=schemas.Event, cache=60, aliases=("/event/{id}",))
def read_event(principal: Principal, id: str) -> Event:
    """One event, by id or slug."""
    return service.show_event(principal, id)


@routes.post("/events", permission="event.manage", returns=schemas.Event, status=201, aliases=("/event",))
def plan_event(principal: Principal, body: schemas.NewEvent) -> Event:
    """Plan an event."""
    return service.plan_event(principal, body.details(), body.slug)


@routes.put("/events/{id}", permission="event.manage", returns=schemas.Event, aliases=("/event/{id}",))
def edit_event(principal: Principal, id: str, body: schemas.ChangedEvent) -> Event:
    """Change an event. What is left out goes back to its default, but the slug."""
    return service.edit_event(principal, id, body.details(), body.slug, body.version)


@routes.delete("/events/{id}", permission="event.manage", aliases=("/event/{id}",))
def delete_event(principal: Principal, id: str) -> None:
    """Delete an event. Refused once a photo of it was sold."""
    service.delete_event(principal, id)


@routes.put("/events/{id}/status", permission="event.manage", returns=schemas.Event)
def move_event(principal: Principal, id: str, body: schemas.NewStatus) -> Event:
    """Move an event to its next status."""
    return service.move_event(principal, id, body.status, body.version)


@routes.put("/events/{id}/access", permission="event.manage", returns=schemas.Event)
def restrict_event(principal: Principal, id: str, body: access_schemas.NewAccess) -> Event:
    """Show an event to everybody, or to who knows its code."""
    return service.restrict(principal, id, body.access, body.code, body.version)


@routes.post("/events/{id}/access", permission=PUBLIC, returns=access_schemas.Entry, limit=(10, 60))
def enter_event(principal: Principal, id: str, body: access_schemas.Attempt) -> Entry:
    """Enter the code of an event: a token that shows its photos for twelve hours."""
    return entries.enter(principal, id, body.code)
