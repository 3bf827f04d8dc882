"""Favourites over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.favorites import schemas, service
from chalicelib.favorites.service import Shown

routes = Routes("favorites")


@routes.get("/favorites", permission=SIGNED_IN, returns=schemas.Favorite, many=True)
def list_favorites(principal: Principal, query: Paging) -> Page[Shown]:
    """What the caller likes, the newest things first."""
    return service.list_favorites(principal, query.request())


@routes.post("/favorites/{id}", permission=SIGNED_IN, returns=schemas.Favorite, limit=(120, 60))
def add_favorite(principal: Principal, id: str, body: schemas.NewFavorite) -> Shown:
    """Like something that is on sale."""
    return service.add_favorite(principal, body.kind, id)


@routes.delete("/favorites/{id}", permission=SIGNED_IN)
def remove_favorite(principal: Principal, id: str) -> None:
    """Like it no more; what was not liked is no error."""
    service.remove_favorite(principal, id)


@routes.get("/favorites/check/{id}", permission=SIGNED_IN, returns=schemas.Check)
def check_favorite(principal: Principal, id: str) -> schemas.Check:
    """Whether the caller likes it."""
    return schemas.Check(is_favorite=service.is_favorite(principal, id))
