"""What a photographer sent in, told and forgotten."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from chalicelib.core import storage
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.events.assignments import service as assignments
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Photo, Processing
from chalicelib.lines.photos.service import removal

_TRIES = 5


def personal_data(organization: str, user: str) -> dict[str, Any]:
    """The photos that somebody offered, and with which uploads."""
    return {
        "photos": [
            {
                "id": photo.id,
                "event": photo.event,
                "filename": photo.filename,
                "sha256": photo.sha256,
                "offered_at": photo.offered_at,
                "taken_at": photo.taken_at,
                "exif": photo.exif,
            }
            for event in _events(organization, user)
            for photo in _photos(organization, event, user)
        ],
        "uploads": [
            {
                "id": upload.id,
                "event": upload.event,
                "created_at": upload.created_at,
                "filenames": [file.name for file in upload.files],
            }
            for upload in store.uploads_by(organization, user)
        ],
    }


def erase_person(organization: str, user: str) -> None:
    """Remove somebody's photos with all their files, and the lists of what they sent. May run again where it was cut
    off.

    Finished photos of an event that was sold from stay, without a name: others have paid for them.
    """
    for event in _events(organization, user):
        was_sold = events.was_sold(organization, event)
        for photo in list(_photos(organization, event, user)):
            _forget_upload_of(photo)
            if was_sold and photo.processing is Processing.READY:
                _disown(photo)
            else:
                _erase(photo)
        transact(assignments.forget(organization, event, user))
    for upload in list(store.uploads_by(organization, user)):
        transact(*store.remove_upload(upload))


def _erase(photo: Photo) -> None:
    """One that somebody buys at this moment stays without a name, too."""
    try:
        removal.take_away(photo)
    except NotFound:
        return
    except Conflict as refused:
        if refused.code not in {"photo_sold", "photo_held"}:
            raise
        _disown(photo)
        return
    removal.finish(photo.organization, photo.event, photo.id)


def _disown(photo: Photo) -> None:
    """The file as it was sent goes, for it names the camera; what is sold was cleaned and stays."""
    storage.remove("originals", photo.folder_in("uploads"))
    for _ in range(_TRIES):
        with suppress(Conflict):
            held = store.get(photo.organization, photo.id)
            transact(*store.disown(held.without_photographer(), was=held))
            return
    raise Conflict("changed_meanwhile", "The photo keeps changing.")


def _forget_upload_of(photo: Photo) -> None:
    """One that an earlier release made is in no list; its photo tells of it."""
    with suppress(NotFound):
        upload = store.get_upload(photo.organization, photo.upload or "")
        if upload.photographer == photo.photographer:
            transact(*store.remove_upload(upload))


def _events(organization: str, user: str) -> list[str]:
    """The events that somebody is assigned to, and those that they sent something for when they were."""
    assigned = (event.id for event in events.of_photographer(organization, user))
    filled = (upload.event for upload in store.uploads_by(organization, user))
    return list(dict.fromkeys((*assigned, *filled)))


def _photos(organization: str, event: str, user: str) -> Iterator[Photo]:
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = store.of_photographer(organization, event, user, request)
        yield from found.items
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None
