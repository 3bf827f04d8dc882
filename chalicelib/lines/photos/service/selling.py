"""What the selling side asks of photos: which are on sale, and which file a buyer gets."""

from collections.abc import Iterable, Sequence

from chalicelib.core import ids
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.entitlements.service import File
from chalicelib.events.model import Event
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Photo


def get(organization: str, photo_id: str) -> Photo:
    """Raises NotFound."""
    return store.get(organization, photo_id)


def find(organization: str, photo_ids: Iterable[str]) -> dict[str, Photo]:
    """Those of the photos that exist, by id; a foreign one does not."""
    return store.find(organization, (id for id in photo_ids if ids.is_id("pho", id)))


def for_sale(organization: str, photo_ids: Sequence[str]) -> list[Photo]:
    """The photos, in that order. Raises NotFound `photo_not_found`, Conflict `photo_not_for_sale`."""
    found = find(organization, photo_ids)
    for id in photo_ids:
        if id not in found:
            raise NotFound("photo_not_found", "There is no such photo.")
        if not found[id].for_sale:
            raise Conflict("photo_not_for_sale", "This photo is not on sale.")
    return [found[id] for id in photo_ids]


def delivery_file(photo: Photo, event: Event) -> File:
    """The file that a buyer of the photo downloads."""
    filename = photo.delivery_name(event.slug)
    return File(
        resource=photo.id,
        title=filename,
        key=photo.delivery_key,
        filename=filename,
        content_type=photo.content_type,
        sha256=photo.delivered_sha256,
        subject=event.id,
    )
