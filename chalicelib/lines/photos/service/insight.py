"""What photographers and staff learn: the way of one photo, the figures of an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.entitlements import service as entitlements
from chalicelib.entitlements.service import Sales
from chalicelib.events import service as events
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Approval, Counts, Photo, Shown
from chalicelib.lines.photos.service.gallery import shown
from chalicelib.lines.photos.times import Times


@dataclass(frozen=True, slots=True)
class Metadata:
    """A photo and when it came how far; None for what has not happened (yet)."""

    photo: Shown
    timeline: Mapping[str, datetime | None]


@dataclass(frozen=True, slots=True)
class Statistics:
    """An event in figures, all of them counted as they happened."""

    event: str
    photos: Counts
    sales: Sales
    times: Times


def metadata(principal: Principal, photo_id: str) -> Metadata:
    """All of a photo, for its photographer and for staff. Others meet the NotFound of a missing one."""
    photo = store.get(principal.organization, photo_id)
    if photo.photographer != principal.user and not principal.may("photo.review"):
        raise NotFound("photo_not_found", "There is no such photo.")
    return Metadata(shown(photo), _timeline(photo))


def statistics(actor: Principal, id_or_slug: str) -> Statistics:
    event = events.get(actor.organization, id_or_slug)
    return Statistics(
        event.id,
        store.counts(event.organization, event.id),
        entitlements.sales_of(event.organization, event.id),
        store.times(event.organization, event.id),
    )


def _timeline(photo: Photo) -> dict[str, datetime | None]:
    """Uploaded is by storage's clock, all else by ours. A photo is live once it is approved and its event is shown."""
    approved = photo.approval is Approval.APPROVED and photo.ready_at is not None
    live_at = None
    try:
        event = events.get(photo.organization, photo.event)
    except NotFound:
        event = None  # deleted since
    if approved and photo.sellable_at is not None and event is not None and event.is_public:
        live_at = max(photo.sellable_at, event.live_at or photo.sellable_at)
    return {
        "offered": photo.offered_at,
        "uploaded": photo.stored_at,
        "received": photo.uploaded_at,
        "ready": photo.ready_at,
        "approved": photo.sellable_at if approved else None,
        "live": live_at,
    }
