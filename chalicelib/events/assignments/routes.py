"""Assignments over HTTP. `{id}` is an event's id or its slug."""

from typing import Any

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.events import schemas as event_schemas
from chalicelib.events import service as events
from chalicelib.events.assignments import schemas, service
from chalicelib.events.model import Event

routes = Routes("events")


@routes.get("/events/{id}/photographers", permission="event.assign", returns=schemas.Assignment, many=True)
def list_assigned(principal: Principal, id: str) -> Page[dict[str, Any]]:
    """All photographers of an event: role, quota, what is used of it, the offset of their camera's clock."""
    return service.list_assigned(principal, id)


@routes.put("/events/{id}/photographers/{user}", permission="event.assign", returns=event_schemas.Event)
def assign_photographer(principal: Principal, id: str, user: str, body: schemas.Terms) -> Event:
    """Assign a photographer to an event, or change on which terms. What is left out stays as it is.

    A new `clockOffset` moves the photos that are there to their true time; they follow within moments.
    """
    return events.assign(principal, id, user, body.told())


@routes.delete("/events/{id}/photographers/{user}", permission="event.assign", returns=event_schemas.Event)
def unassign_photographer(principal: Principal, id: str, user: str) -> Event:
    """Take a photographer off an event. Photos already uploaded stay."""
    return events.unassign(principal, id, user)


@routes.get("/users/me/assignments", permission="photo.upload", returns=schemas.OwnAssignment, many=True)
def my_assignments(principal: Principal, query: Paging) -> Page[dict[str, Any]]:
    """The events that the caller photographs, newest date first: role, quota and what is used of it."""
    return service.my_assignments(principal, query.request())
