"""Archives over HTTP."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.entitlements.archives import schemas, service
from chalicelib.entitlements.archives.model import Progress

routes = Routes("downloads")


@routes.post("/orders/{id}/zip", permission=PUBLIC, guarded=True, returns=schemas.Archive, status=202)
def begin_archive(principal: Principal, id: str, body: schemas.Wanted) -> Progress:
    """Have all photos of an order packed into one ZIP file, with their licences. Takes one download of each."""
    return service.begin(principal, id, body.size)


@routes.get("/orders/{id}/zip", permission=PUBLIC, guarded=True, returns=schemas.Archive)
def show_archive(principal: Principal, id: str) -> Progress:
    """How far the ZIP file is, and where it can be fetched once it is ready."""
    return service.show(principal, id)
