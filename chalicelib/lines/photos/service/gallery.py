"""What visitors see: photos on sale, watermarked, through addresses that end after minutes."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Page, PageRequest
from chalicelib.events import service as events
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Photo, Processing, Shelf, Shown, SignedImage

_SIGN_EVERY = 120
"""Seconds in which a photo keeps its addresses, so that a browser's cache knows them; each works for three
minutes more. All processes count them alike: CloudFront's addresses are then the same whoever signs."""

_BURST = timedelta(seconds=10)
_MOST_RELATED = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which photos of an event, and in which order: taken from `since` to before `until`, of one photographer."""

    newest_first: bool = False
    since: datetime | None = None
    until: datetime | None = None
    photographer: str | None = None


ALL = Wanted()


def event_photos(principal: Principal, id_or_slug: str, request: PageRequest, wanted: Wanted = ALL) -> Page[Shown]:
    """An event's photos on sale by the time they were taken, and of all of them how many there are.

    Those of one photographer come in the order of their upload, the newest first, and a page may hold fewer than asked
    for: what is not on sale is left out of it.
    """
    event = events.visible(principal, id_or_slug)
    if wanted.photographer is not None:
        offered = store.of_photographer(event.organization, event.id, wanted.photographer, request)
        fitting = [photo for photo in offered.items if photo.for_sale and _is_within(photo, wanted)]
        return replace(offered, items=fitting).map(shown)
    found = store.on_shelf(
        event.organization,
        event.id,
        Shelf.APPROVED,
        request,
        newest_first=wanted.newest_first,
        since=wanted.since,
        until=wanted.until,
    ).map(shown)
    if wanted.since is not None or wanted.until is not None:
        return found
    return replace(found, total=store.counts(event.organization, event.id).approved)


def related_photos(principal: Principal, photo_id: str) -> list[Shown]:
    """What the same photographer took within seconds of a photo on sale, by time. Raises NotFound."""
    photo = show_photo(principal, photo_id).photo
    at = photo.shelved_at
    nearby = store.on_shelf(
        photo.organization,
        photo.event,
        Shelf.APPROVED,
        PageRequest(size=_MOST_RELATED),
        since=at - _BURST,
        until=at + _BURST,
    )
    same = (other for other in nearby.items if other.photographer == photo.photographer and other.id != photo.id)
    return [shown(other) for other in same]


def _is_within(photo: Photo, wanted: Wanted) -> bool:
    at = photo.shelved_at
    return (wanted.since is None or wanted.since <= at) and (wanted.until is None or at < wanted.until)


def show_photo(principal: Principal, photo_id: str) -> Shown:
    """A photo on sale; staff and its photographer see it before, too. Raises NotFound."""
    missing = NotFound("photo_not_found", "There is no such photo.")
    photo = store.get(principal.organization, photo_id)
    insider = principal.may("photo.review") or principal.user == photo.photographer
    if not (photo.for_sale or (insider and photo.processing is Processing.READY)):
        raise missing
    try:
        events.visible(principal, photo.event)
    except NotFound as hidden:
        raise missing from hidden
    return shown(photo)


def shown(photo: Photo) -> Shown:
    """A photo with signed addresses of its renditions."""
    window = clock.epoch(clock.now()) // _SIGN_EVERY
    sizes = {
        made.name: SignedImage(_signed(photo.rendition_key(made.name), window), made.width, made.height)
        for made in photo.renditions
    }
    return Shown(photo, sizes)


@lru_cache(maxsize=8192)
def _signed(key: str, window: int) -> str:
    """The address, until five minutes after its window began."""
    ends = datetime.fromtimestamp(window * _SIGN_EVERY, UTC) + storage.LONGEST_READ
    return storage.read_url("previews", key, lasts=ends - clock.now())
