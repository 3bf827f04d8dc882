from dataclasses import replace

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.http import Routes
from chalicelib.core.wire import Reply, Request
from chalicelib.entitlements import page, schemas, service
from chalicelib.entitlements.model import Download, Downloads

routes = Routes("downloads")


@routes.get("/downloads/{id}", permission=PUBLIC, guarded=True, returns=schemas.Downloads)
def list_downloads(principal: Principal, id: str) -> Downloads:
    """List the files of a paid order and what is left of each.

    For the order's owner, or with the order's token in `X-Order-Token`.
    """
    return Downloads(id, service.list_grants(principal, id))


@routes.post("/downloads/{id}/photos/{photo}", permission=PUBLIC, guarded=True, returns=schemas.Download)
def download_photo(principal: Principal, id: str, photo: str) -> Download:
    """Take one download of a photo: a signed URL for five minutes at most.

    Asking again within those minutes hands out the same download and takes no other.
    """
    return service.download(principal, id, photo)


@routes.get("/d/{id}/{token}", permission=PUBLIC, raw="text/html", hidden=True)
def show_downloads(principal: Principal, request: Request, id: str, token: str) -> Reply:
    """The page behind the link of a mail. It takes no download: programs that scan mail follow links."""
    guest = _holding(principal, token)
    return page.answer(guest, request, lambda: page.listing(guest, request, service.list_grants(guest, id)))


@routes.post("/d/{id}/{token}/photos/{photo}", permission=PUBLIC, raw="text/html", status=303, hidden=True)
def fetch_photo(principal: Principal, request: Request, id: str, token: str, photo: str) -> Reply:
    """Take one download and send the browser to it."""
    guest = _holding(principal, token)
    return page.answer(guest, request, lambda: page.redirect(service.download(guest, id, photo).url))


def _holding(principal: Principal, token: str) -> Principal:
    return replace(principal, tokens={**principal.tokens, "order": token})
