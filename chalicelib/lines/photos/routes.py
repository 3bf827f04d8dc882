"""Photos over HTTP. The `{id}` of an event is its id or its slug."""

from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Reply, Request
from chalicelib.lines.photos import page, schemas, service
from chalicelib.lines.photos.model import Counts, Decided, Lookalikes, Shown
from chalicelib.lines.photos.pricing import PriceList
from chalicelib.lines.photos.service import Metadata, Poster, UploadProgress
from chalicelib.organizations import service as organizations

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
def list_event_photos(principal: Principal, id: str, query: schemas.GalleryPage) -> Page[Shown]:
    """An event's photos on sale, by the time they were taken; or some of them. A page of these may be short."""
    return service.event_photos(principal, id, query.request(), query.wanted())


@routes.get("/photos/{id}", permission=PUBLIC, returns=schemas.Photo, cache=SHOWN_FOR)
def read_photo(principal: Principal, id: str) -> Shown:
    """A photo on sale."""
    return service.show_photo(principal, id)


@routes.get("/photos/{id}/related", permission=PUBLIC, returns=schemas.Photo, many=True, cache=SHOWN_FOR)
def read_related(principal: Principal, id: str, query: Paging) -> Page[Shown]:
    """The other photos on sale of the same burst: by the same photographer, within ten seconds. A page may be short."""
    return service.related_photos(principal, id, query.request())


@routes.get("/photos/{id}/share", permission=PUBLIC, raw="text/html", hidden=True)
def share_photo(principal: Principal, request: Request, id: str) -> Reply:
    """The page of a photo on sale, for people and for sites that show what a link leads to."""
    return page.share(principal, request, service.show_photo(principal, id))


@routes.get(
    "/photos/{id}/metadata",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Metadata,
    aliases=("/photos/{id}/timeline",),
)
def read_metadata(principal: Principal, id: str) -> Metadata:
    """All of a photo and when it came how far, for its photographer and for staff."""
    return service.metadata(principal, id)


@routes.post("/events/{id}/poster", permission="event.manage", returns=schemas.Poster)
def draw_poster(principal: Principal, id: str) -> Poster:
    """A PDF to print, with a QR code that leads to the event."""
    return service.poster(principal, id)


@routes.get("/events/{id}/statistics", permission="event.manage", returns=schemas.Statistics)
def read_statistics(principal: Principal, id: str) -> schemas.Statistics:
    """An event in figures: photos, sales, downloads, and how long photos took from upload to sale."""
    return schemas.Statistics.of(service.statistics(principal, id), organizations.currency_of(principal.organization))


@routes.get(
    "/events/{id}/packages",
    permission=PUBLIC,
    returns=schemas.PriceList,
    cache=60,
    aliases=("/event/{id}/packages",),
)
def read_packages(principal: Principal, id: str) -> schemas.PriceList:
    """What an event's photos cost."""
    return _priced(service.price_list(principal, id))


@routes.put(
    "/events/{id}/packages",
    permission="event.manage",
    returns=schemas.PriceList,
    aliases=("POST /events/{id}/packages",),
)
def set_packages(principal: Principal, id: str, body: schemas.NewPriceList) -> schemas.PriceList:
    """Give an event packages of its own. One must be for a single photo."""
    return _priced(service.set_packages(principal, id, body.packages(), body.version))


@routes.get("/packages", permission=PUBLIC, returns=schemas.PriceList, cache=60)
def list_packages(principal: Principal) -> schemas.PriceList:
    """The organization's packages, at which events without packages of their own sell."""
    return _priced(service.list_packages(principal.organization))


@routes.post("/packages", permission="event.manage", returns=schemas.PriceList, status=200)
def add_package(principal: Principal, body: schemas.NewPackage) -> schemas.PriceList:
    """Sell a further package. Answers all of them."""
    return _priced(service.add_package(principal, body.package()))


@routes.put("/packages/{id}", permission="event.manage", returns=schemas.PriceList)
def change_package(principal: Principal, id: str, body: schemas.ChangedPackage) -> schemas.PriceList:
    """Change the package with this code. Answers all of them. An old `version` answers 409."""
    return _priced(service.change_package(principal, body.package(id), body.version))


@routes.delete("/packages/{id}", permission="event.manage")
def drop_package(principal: Principal, id: str) -> None:
    """Sell the package with this code no more. Orders keep what they cost."""
    service.drop_package(principal, id)


def _priced(prices: PriceList) -> schemas.PriceList:
    return schemas.PriceList.of(prices, organizations.currency_of(prices.organization))


# --- uploading ----------------------------------------------------------------------------------------------


@routes.post(
    "/events/{id}/uploads", permission="photo.upload", returns=schemas.Upload, status=201, location="../../uploads"
)
def begin_upload(principal: Principal, id: str, body: schemas.NewUpload) -> UploadProgress:
    """Offer up to 100 files.

    Each that is new gets a form to post it with, straight to storage, within ten minutes. A file that is here
    already is a `duplicate`; one that failed or never arrived may be offered again.
    """
    return service.begin_upload(principal, id, body.offers(), body.albums())


@routes.post("/photos/upload", permission="photo.upload", returns=schemas.Upload, status=201, location="../uploads")
def begin_photos(principal: Principal, body: schemas.NewPhotos) -> UploadProgress:
    """Offer up to 100 files to an event, as `POST /events/{id}/uploads` does."""
    return service.begin_upload(principal, body.event_id, body.offers(), body.albums())


@routes.post(
    "/photos/batch-upload", permission="photo.upload", returns=schemas.Upload, status=201, location="../uploads"
)
def begin_batch(principal: Principal, body: schemas.NewPhotos) -> UploadProgress:
    """The same as `POST /photos/upload`. An alias it can not be: `/photos/{id}` would answer."""
    return begin_photos(principal, body)


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


@routes.delete("/photos/{id}", permission=SIGNED_IN, guarded=True)
def remove_photo(principal: Principal, id: str) -> None:
    """Remove a photo with all its files: for staff, or for its photographer until it is approved.

    One that was sold, or that somebody is about to pay, is refused; reject it to hide it.
    """
    service.remove_photo(principal, id)


# --- reviewing ----------------------------------------------------------------------------------------------


@routes.get("/events/{id}/review", permission="photo.review", returns=schemas.ManagedPhoto, many=True)
def list_review(principal: Principal, id: str, query: schemas.ShelfPage) -> Page[Shown]:
    """The photos on one shelf of an event, earliest first."""
    return service.review_shelf(principal, id, query.shelf, query.request())


@routes.post("/events/{id}/review", permission="photo.review", returns=schemas.AllDecided, status=200)
def decide(principal: Principal, id: str, body: schemas.Decisions) -> dict[str, list[Decided]]:
    """Decide on up to 100 photos of an event, each for itself: a refusal of one stops no other."""
    return {"items": service.decide(principal, id, body.verdicts())}


@routes.get("/events/{id}/review/lookalikes", permission="photo.review", returns=schemas.Lookalikes, many=True)
def list_lookalikes(principal: Principal, id: str, query: schemas.ShelfPage) -> Page[Lookalikes]:
    """Bursts of nearly the same picture on a page of a shelf, each with its sharpest."""
    return service.review_lookalikes(principal, id, query.shelf, query.request())


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
