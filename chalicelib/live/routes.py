"""The ticket that opens a websocket. What travels over it is in `sockets`."""

from chalicelib.core import clock
from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.live import schemas, service

routes = Routes("live")


@routes.post("/live/tickets", permission=SIGNED_IN, returns=schemas.Ticket, guarded=True)
def open_ticket(principal: Principal) -> schemas.Ticket:
    """A ticket for one websocket, good for half a minute."""
    opened = service.open_ticket(principal)
    groups = [schemas.Position(group=group, cursor=clock.stamp(cursor)) for group, cursor in opened.groups.items()]
    return schemas.Ticket(ticket=opened.ticket, url=opened.url, expires_at=opened.expires_at, groups=groups)
