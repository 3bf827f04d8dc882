"""Albums over HTTP. A location is an album of a place."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.lines.photos.albums import schemas, service
from chalicelib.lines.photos.albums.model import Album, Moved

routes = Routes("photos")


@routes.get("/events/{id}/albums", permission=PUBLIC, returns=schemas.Album, many=True, cache=60)
def list_albums(principal: Principal, id: str, query: schemas.AlbumPage) -> Page[Album]:
    """The albums and locations of an event, the oldest of each kind first."""
    return service.list_albums(principal, id, query.kind, query.request())


@routes.post("/events/{id}/albums", permission="photo.upload", returns=schemas.Album)
def add_album(principal: Principal, id: str, body: schemas.NewAlbum) -> Album:
    """Make an album or a location of an event that one photographs."""
    return service.add_album(principal, id, body.kind, body.name)


@routes.put("/events/{id}/albums/{album}", permission="event.manage", returns=schemas.Album)
def rename_album(principal: Principal, id: str, album: str, body: schemas.ChangedAlbum) -> Album:
    """Give an album another name. An old `version` answers 409."""
    return service.rename_album(principal, id, album, body.name, body.version)


@routes.delete("/events/{id}/albums/{album}", permission="event.manage")
def remove_album(principal: Principal, id: str, album: str) -> None:
    """Give up an album. Its photos stay."""
    service.remove_album(principal, id, album)


@routes.post(
    "/events/{id}/albums/{album}",
    permission="photo.upload",
    returns=schemas.AllMoved,
    status=200,
    aliases=("/events/{id}/albums/{album}/photos",),
)
def move_photos(principal: Principal, id: str, album: str, body: schemas.Moves) -> dict[str, list[Moved]]:
    """Put up to 100 photos into an album or take them out: staff any, a photographer their own. Each for itself."""
    return {"items": service.move_photos(principal, id, album, body.add, body.remove)}
