from dataclasses import replace
from typing import Any

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Reply, Request
from chalicelib.entitlements import page, schemas, service
from chalicelib.entitlements.model import Download, Downloads, Renewals

routes = Routes("downloads")


@routes.get(
    "/downloads/{id}",
    permission=PUBLIC,
    guarded=True,
    returns=schemas.Downloads,
    aliases=("/orders/{id}/download",),
)
def list_downloads(principal: Principal, id: str) -> Downloads:
    """List the files of a paid order and what is left of each.

    For the order's owner, or with the order's token in `X-Order-Token`.
    """
    return service.downloads(principal, id)


@routes.post("/downloads/{id}/photos/{photo}", permission=PUBLIC, guarded=True, returns=schemas.Download)
def download_photo(principal: Principal, id: str, photo: str, body: schemas.Fetch) -> Download:
    """Take one download of a photo: a signed URL for five minutes at most.

    Asking again within those minutes hands out the same download, in another size too, and takes no other. A size that
    is not there yet answers 409 `size_in_preparation` and takes none: ask again in a moment.
    """
    return service.download(principal, id, photo, size=body.size, licensed=body.licensed)


@routes.get("/photos/{id}/original", permission=PUBLIC, guarded=True, returns=schemas.Download)
def download_original(principal: Principal, id: str, query: schemas.Bought) -> Download:
    """Take one download of a photo that the caller bought, as by its order.

    With the order's token in `X-Order-Token` the `order` has to be named.
    """
    return service.original(principal, id, query.order, size=query.size)


@routes.post("/downloads/{id}/photos/{photo}/received", permission=PUBLIC, guarded=True)
def note_received(principal: Principal, id: str, photo: str, body: schemas.Receiving) -> None:
    """Say that a photo has arrived, by the SHA-256 of its bytes. It goes into the order's delivery receipt."""
    service.received(principal, id, photo, body.sha256)


@routes.get("/orders/{id}/receipt", permission=PUBLIC, guarded=True, returns=schemas.Receipt)
def read_receipt(principal: Principal, id: str) -> dict[str, Any]:
    """The delivery receipt of an order: what happened from its payment on, as a signed chain.

    For the order's owner, with the order's token, and for staff.
    """
    service.open_grants(principal, id)
    return {"receipt": service.receipt(principal.organization, id)}


@routes.post("/orders/{id}/redownload", permission=PUBLIC, guarded=True, returns=schemas.Downloads)
def renew_downloads(principal: Principal, id: str) -> Downloads:
    """Grant the downloads of an order anew, those that are used up or over. What can still be had stays as it is."""
    return service.renew(principal, id)


@routes.put("/orders/{id}/redownload", permission="download.manage", returns=schemas.Renewals)
def allow_renewals(principal: Principal, id: str, body: schemas.NewCap) -> Renewals:
    """Say how often the downloads of an order may be granted anew."""
    return service.allow(principal, id, body.cap)


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
