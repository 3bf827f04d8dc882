"""What visitors see: photos on sale, watermarked, through addresses that end after minutes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from chalicelib.core import clock, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Page, PageRequest
from chalicelib.events import service as events
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import ALL, Photo, Processing, Shown, SignedImage, Wanted

_SIGN_EVERY = 120
"""Seconds in which a photo keeps its addresses, so that a browser's cache knows them; each works for three
minutes more. All processes count them alike: CloudFront's addresses are then the same whoever signs."""

_BURST = timedelta(seconds=10)


def event_photos(principal: Principal, id_or_slug: str, request: PageRequest, wanted: Wanted = ALL) -> Page[Shown]:
    """An event's photos on sale by the time they were taken, and how many there are where all are wanted.

    Those of one photographer come in the order of their upload, the newest first, and a page of a choice may hold fewer
    than asked for: what is not on sale is left out of it.
    """
    event = events.visible(principal, id_or_slug)
    found = store.on_sale(event.organization, event.id, wanted, request).map(shown)
    if not wanted.is_all:
        return found
    return replace(found, total=store.counts(event.organization, event.id).approved)


def on_sale(organization: str, event: str, request: PageRequest) -> Page[Photo]:
    """An event's photos on sale, for the house itself."""
    return store.on_sale(organization, event, ALL, request)


def related_photos(principal: Principal, photo_id: str, request: PageRequest) -> Page[Shown]:
    """What the same photographer took within seconds of a photo on sale, by time. Raises NotFound."""
    photo = show_photo(principal, photo_id).photo
    at = photo.shelved_at
    found = store.on_sale(photo.organization, photo.event, Wanted(since=at - _BURST, until=at + _BURST), request)
    same = [other for other in found.items if other.photographer == photo.photographer and other.id != photo.id]
    return replace(found, items=same).map(shown)


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
