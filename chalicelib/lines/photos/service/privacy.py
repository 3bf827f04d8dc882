"""What a photographer sent in, told and forgotten."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from chalicelib.core import outbox, storage
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.lines.photos import store
from chalicelib.lines.photos.messages import PhotoRemoved
from chalicelib.lines.photos.model import Counts, Photo

_TRIES = 5


def personal_data(organization: str, user: str) -> list[dict[str, Any]]:
    """The photos somebody offered to the events they are assigned to."""
    return [
        {
            "id": photo.id,
            "event": photo.event,
            "filename": photo.filename,
            "sha256": photo.sha256,
            "offered_at": photo.offered_at,
            "taken_at": photo.taken_at,
            "exif": photo.exif,
        }
        for event in events.of_photographer(organization, user)
        for photo in _photos(organization, event.id, user)
    ]


def erase_person(organization: str, user: str) -> None:
    """Remove somebody's photos with all their files. May run again where it was cut off.

    Photos of an event that was sold from stay: others have paid for them.
    """
    for event in events.of_photographer(organization, user):
        if event.sold_at is None:
            for photo in list(_photos(organization, event.id, user)):
                _erase(photo)


def _erase(photo: Photo) -> None:
    storage.remove("originals", photo.folder_in("uploads"))
    storage.remove("originals", photo.folder_in("deliveries"))
    storage.remove("previews", photo.folder_in("previews"))
    for _ in range(_TRIES):
        with suppress(Conflict):
            try:
                held = store.get(photo.organization, photo.id)
            except NotFound:
                return
            told = PhotoRemoved(organization=held.organization, event=held.event, photo=held.id)
            transact(*store.remove(held), *store.count(held, Counts.gone(held)), outbox.publish(told))
            return
    raise Conflict("changed_meanwhile", "The photo keeps changing.")


def _photos(organization: str, event: str, user: str) -> Iterator[Photo]:
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = store.of_photographer(organization, event, user, request)
        yield from found.items
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None
