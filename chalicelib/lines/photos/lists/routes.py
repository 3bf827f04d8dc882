"""Shared lists over HTTP."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.lines.photos.lists import schemas, service
from chalicelib.lines.photos.lists.model import Opened, Shared

routes = Routes("photos")


@routes.post("/lists", permission=PUBLIC, returns=schemas.Shared, limit=(20, 60))
def share_list(principal: Principal, body: schemas.NewList) -> Shared:
    """Put up to 100 photos of an event into a list to share, for ninety days. It does not say whose it is."""
    return service.share(principal, body.photos)


@routes.get("/lists/{slug}", permission=PUBLIC, returns=schemas.PhotoList)
def open_list(principal: Principal, slug: str) -> Opened:
    """The photos of a list that are on sale."""
    return service.open_list(principal, slug)
