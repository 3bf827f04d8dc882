"""A photographer offers files, sends each straight to storage, and sees how far they are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from chalicelib.core import clock, ids, log, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import MOST_WRITES, Page, PageRequest, Write, transact
from chalicelib.events import service as events
from chalicelib.events.model import Event
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import (
    Failure,
    FileOffer,
    FileState,
    Photo,
    Shown,
    Upload,
    UploadFile,
)
from chalicelib.lines.photos.service.gallery import shown
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource

_TRIES = 5
_WRITES_A_PHOTO = 2
_PHOTOS_AT_ONCE = (MOST_WRITES - 1) // _WRITES_A_PHOTO
"""How many one transaction takes, beside the count of what they need of the plan's storage."""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """`form` is how to send the file, while it is still to be sent."""

    photo: str
    name: str
    state: FileState
    failure: Failure | None
    form: storage.UploadForm | None


@dataclass(frozen=True, slots=True)
class UploadProgress:
    id: str
    event: str
    created_at: datetime
    files: tuple[FileProgress, ...]


def begin_upload(actor: Principal, id_or_slug: str, offers: Sequence[FileOffer]) -> UploadProgress:
    """Offer 1 to 100 files. Each new one gets a form to send it with, one that is here is a duplicate.

    Raises Forbidden `not_assigned` or, where the plan has no room for it, `plan_limit`; Conflict `event_closed`.
    """
    event = events.for_upload(actor, id_or_slug)
    for attempt in range(1, _TRIES + 1):
        try:
            return _progress(_offer(actor, event, offers), send=True)
        except Conflict as refused:
            # Somebody offered one of these files at the same moment: look again at what is there now.
            if refused.code not in {"already_exists", "version_conflict"} or attempt == _TRIES:
                raise
    raise AssertionError("the last try returns or raises")


def read_upload(actor: Principal, upload_id: str) -> UploadProgress:
    """Raises NotFound for an upload that is not one's own, unless one reviews photos."""
    return _progress(_own(actor, upload_id), send=False)


def resume_upload(actor: Principal, upload_id: str) -> UploadProgress:
    """`read_upload`, with a fresh form for each file that did not arrive. Raises as `begin_upload` does."""
    upload = _own(actor, upload_id)
    events.for_upload(actor, upload.event)
    return _progress(upload, send=True)


def progress_of(organization: str, upload_id: str) -> Counter[FileState]:
    """How many files of an upload are how far. Raises NotFound."""
    upload = store.get_upload(organization, upload_id)
    photos = store.find(organization, (file.photo for file in upload.files))
    return Counter(upload.state_of(file, photos.get(file.photo)) for file in upload.files)


def my_photos(actor: Principal, id_or_slug: str, request: PageRequest) -> Page[Shown]:
    """What the caller offered to an event, newest first, in whatever state."""
    event = events.visible(actor, id_or_slug)
    return store.of_photographer(actor.organization, event.id, actor.known_user, request).map(shown)


def _offer(actor: Principal, event: Event, offers: Sequence[FileOffer]) -> Upload:
    now, upload_id = clock.now(), ids.new("upl")
    held = store.find(event.organization, (_photo_id(event, offer) for offer in offers))
    offered: dict[str, list[Write]] = {}
    new: dict[str, int] = {}
    files = []
    for offer in offers:
        id = _photo_id(event, offer)
        was = held.get(id)
        photo = _photo(actor, event, offer, was, upload_id, now) if id not in offered else None
        files.append(UploadFile(id, offer.name, duplicate=photo is None))
        if photo is not None and was is None:
            new[id] = offer.size
        if photo is not None:
            offered[id] = store.offer(photo, was) if photo != was else []
    upload = Upload(upload_id, event.organization, event.id, actor.known_user, tuple(files), now)
    # The upload itself goes last: whoever can read it finds all its photos.
    waiting = [(new.get(id, 0), writes) for id, writes in offered.items() if writes]
    waiting.append((0, list(store.add_upload(upload))))
    for start in range(0, len(waiting), _PHOTOS_AT_ONCE):
        group = waiting[start : start + _PHOTOS_AT_ONCE]
        size = sum(size for size, _ in group)
        counted = [organizations.use(event.organization, Resource.STORAGE, size)] if size else []
        transact(*chain.from_iterable(writes for _, writes in group), *counted)
    return upload


def _photo(
    actor: Principal, event: Event, offer: FileOffer, was: Photo | None, upload: str, at: datetime
) -> Photo | None:
    if was is not None:
        return was.reoffered(offer, actor.known_user, upload, storage.UPLOAD_TIME, at, log.correlation())
    return Photo(
        id=_photo_id(event, offer),
        organization=event.organization,
        event=event.id,
        photographer=actor.known_user,
        filename=offer.name,
        content_type=offer.content_type,
        size=offer.size,
        sha256=offer.sha256,
        offered_at=at,
        correlation=log.correlation(),
        upload=upload,
    )


def _photo_id(event: Event, offer: FileOffer) -> str:
    return ids.derived("pho", event.organization, event.id, offer.sha256)


def _own(actor: Principal, upload_id: str) -> Upload:
    upload = store.get_upload(actor.organization, upload_id)
    if upload.photographer != actor.user and not actor.may("photo.review"):
        raise NotFound("upload_not_found", "There is no such upload.")
    return upload


def _progress(upload: Upload, *, send: bool) -> UploadProgress:
    photos = store.find(upload.organization, (file.photo for file in upload.files))
    files = tuple(_file_progress(upload, file, photos, send) for file in upload.files)
    return UploadProgress(upload.id, upload.event, upload.created_at, files)


def _file_progress(upload: Upload, file: UploadFile, photos: Mapping[str, Photo], send: bool) -> FileProgress:
    photo = photos.get(file.photo)  # somebody else's may have been erased
    state = upload.state_of(file, photo)
    form = _form(photo) if photo and send and state is FileState.AWAITING else None
    failure = photo.failure if photo and state is FileState.FAILED else None
    return FileProgress(file.photo, file.name, state, failure, form)


def _form(photo: Photo) -> storage.UploadForm:
    return storage.upload_form(photo.upload_key, content_type=photo.content_type, size=photo.size, sha256=photo.sha256)
