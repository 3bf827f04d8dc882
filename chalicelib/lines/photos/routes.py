"""Photos over HTTP. The `{id}` of an event is its id or its slug."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.http import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.lines.photos import schemas, service
from chalicelib.lines.photos.model import Counts, PriceList, Shown
from chalicelib.lines.photos.service import UploadProgress

routes = Routes("photos")

SHOWN_FOR = 60
"""Seconds an answer with addresses of images may be kept. With the half of them that may be added it is older than
the answer by 90 seconds at most, and the addresses in it work for three minutes at least (see gallery.py)."""


# --- what visitors see --------------------------------------------------------------------------------------


@routes.get(
    "/events/{id}/photos",
    permission=PUBLIC,
    returns=schemas.Photo,
    many=True,
    cache=SHOWN_FOR,
    aliases=("/event/{id}/photos",),
)
def list_event_photos(principal: Principal, id: str, query: schemas.WantedPhotos) -> Page[Shown]:
    """An event's photos on sale, by the time they were taken.

    `bib`, `photographer`, `takenFrom` and `takenUntil` choose among them; a page may then hold fewer than asked for.
    """
    return service.event_photos(principal, id, query.wanted(), query.request())


@routes.get("/photos/{id}", permission=PUBLIC, returns=schemas.Photo, cache=SHOWN_FOR)
def read_photo(principal: Principal, id: str) -> Shown:
    """A photo on sale."""
    return service.show_photo(principal, id)


@routes.get(
    "/events/{id}/packages",
    permission=PUBLIC,
    returns=schemas.PriceList,
    cache=60,
    aliases=("/event/{id}/packages",),
)
def read_packages(principal: Principal, id: str) -> PriceList:
    """What an event's photos cost."""
    return service.price_list(principal, id)


@routes.put("/events/{id}/packages", permission="event.manage", returns=schemas.PriceList)
def set_packages(principal: Principal, id: str, body: schemas.NewPriceList) -> PriceList:
    """Give an event packages of its own. One must be for a single photo."""
    return service.set_packages(principal, id, body.packages(), body.version)


# --- uploading ----------------------------------------------------------------------------------------------


@routes.post(
    "/events/{id}/uploads", permission="photo.upload", returns=schemas.Upload, status=201, location="../../uploads"
)
def begin_upload(principal: Principal, id: str, body: schemas.NewUpload) -> UploadProgress:
    """Offer up to 100 files.

    Each that is new gets a form to post it with, straight to storage, within ten minutes. A file that is here
    already is a `duplicate`; one that failed or never arrived may be offered again.
    """
    return service.begin_upload(principal, id, body.offers())


@routes.get("/events/{id}/uploads", permission="photo.upload", returns=schemas.ManagedPhoto, many=True)
def list_my_photos(principal: Principal, id: str, query: Paging) -> Page[Shown]:
    """The photos that the caller offered to an event, newest first, in whatever state."""
    return service.my_photos(principal, id, query.request())


@routes.get("/uploads/{id}", permission="photo.upload", returns=schemas.Upload)
def read_upload(principal: Principal, id: str) -> UploadProgress:
    """How far each file of an upload is."""
    return service.read_upload(principal, id)


@routes.post("/uploads/{id}/resume", permission="photo.upload", returns=schemas.Upload)
def resume_upload(principal: Principal, id: str) -> UploadProgress:
    """Fresh forms for the files of an upload that did not arrive."""
    return service.resume_upload(principal, id)


@routes.post("/photos/{id}/retry", permission="photo.upload", returns=schemas.ManagedPhoto)
def retry_photo(principal: Principal, id: str) -> Shown:
    """Process a failed photo again, as it is stored."""
    return service.retry_photo(principal, id)


# --- reviewing ----------------------------------------------------------------------------------------------


@routes.get("/events/{id}/review", permission="photo.review", returns=schemas.ManagedPhoto, many=True)
def list_review(principal: Principal, id: str, query: schemas.ShelfPage) -> Page[Shown]:
    """The photos on one shelf of an event, earliest first."""
    return service.review_shelf(principal, id, query.shelf, query.request())


@routes.get("/events/{id}/counts", permission="photo.review", returns=schemas.Counts)
def read_counts(principal: Principal, id: str) -> Counts:
    """How many processed photos an event has, by approval."""
    return service.counts_of(principal, id)


@routes.put(
    "/photos/{id}/approve",
    permission="photo.review",
    returns=schemas.ManagedPhoto,
    aliases=("POST /photos/{id}/approve",),
)
def approve_photo(principal: Principal, id: str) -> Shown:
    """Put a ready photo on sale."""
    return service.approve_photo(principal, id)


@routes.put(
    "/photos/{id}/reject",
    permission="photo.review",
    returns=schemas.ManagedPhoto,
    aliases=("POST /photos/{id}/reject",),
)
def reject_photo(principal: Principal, id: str, body: schemas.Rejection) -> Shown:
    """Keep a photo off sale, or take it off. Buyers keep what they bought."""
    return service.reject_photo(principal, id, body.reason)
