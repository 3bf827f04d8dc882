"""A photographer offers files, sends each straight to storage, and sees how far they are."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from chalicelib.core import clock, ids, log, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import MOST_WRITES, Page, PageRequest, Write, transact
from chalicelib.events import service as events
from chalicelib.events.assignments import service as assignments
from chalicelib.events.assignments.model import Assignment
from chalicelib.events.model import Event
from chalicelib.lines.photos import store
from chalicelib.lines.photos.albums import store as listed
from chalicelib.lines.photos.albums.model import Album
from chalicelib.lines.photos.model import (
    Failure,
    FileOffer,
    FileState,
    Photo,
    Shelf,
    Shown,
    Upload,
    UploadFile,
)
from chalicelib.lines.photos.service.gallery import shown
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource

_TRIES = 5
_COUNTS = 2 + len(Shelf)
"""Writes of a transaction beside those of its photos: the plan's storage, the quota, the shelves."""


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


def begin_upload(
    actor: Principal, id_or_slug: str, offers: Sequence[FileOffer], albums: Sequence[str] = ()
) -> UploadProgress:
    """Offer 1 to 100 files. Each new one gets a form to send it with, one that is here is a duplicate.

    All that are new come into these albums of the event, one of a kind. Raises NotFound `album_not_found`, Forbidden
    `not_assigned`, `upload_not_allowed`, `quota_reached` or, where the plan has no room for it, `plan_limit`; Conflict
    `event_closed`.
    """
    event = events.for_upload(actor, id_or_slug)
    held = [listed.get(event.organization, event.id, album) for album in albums]
    for attempt in range(1, _TRIES + 1):
        try:
            return _progress(_offer(actor, event, offers, held), send=True)
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
    event = events.for_upload(actor, upload.event)
    assignments.of(event, actor.known_user).must_take(0)
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


@dataclass(frozen=True, slots=True)
class _Offered:
    """What one file changes: `size` is what it needs of the plan's storage, `taken` whether it counts from now on.

    `given_back` is the photographer who offered it before, `moved` from which shelf it comes to which.
    """

    writes: Sequence[Write]
    size: int = 0
    taken: bool = False
    given_back: str | None = None
    moved: tuple[Shelf | None, Shelf] | None = None


def _offer(actor: Principal, event: Event, offers: Sequence[FileOffer], albums: Sequence[Album]) -> Upload:
    now, upload_id = clock.now(), ids.new("upl")
    assignment = assignments.of(event, actor.known_user)
    held = store.find(event.organization, (_photo_id(event, offer) for offer in offers))
    offered: dict[str, _Offered] = {}
    files = []
    for offer in offers:
        id = _photo_id(event, offer)
        was = held.get(id)
        photo = _photo(actor, event, offer, was, upload_id, now) if id not in offered else None
        files.append(UploadFile(id, offer.name, duplicate=photo is None))
        if photo is not None:
            offered[id] = _offered(photo.put_into(albums), was)
    assignment.must_take(sum(each.taken for each in offered.values()))
    upload = Upload(upload_id, event.organization, event.id, actor.known_user, tuple(files), now)
    # The upload itself goes last: whoever can read it finds all its photos.
    waiting = [*(each for each in offered.values() if each.writes), _Offered(store.add_upload(upload))]
    still = [listed.still_there(album) for album in albums]
    for group in _groups(waiting, MOST_WRITES - _COUNTS - len(still)):
        transact(*chain.from_iterable(each.writes for each in group), *_counted(assignment, group), *still)
    return upload


def _groups(waiting: Sequence[_Offered], room: int) -> Iterator[list[_Offered]]:
    """As many at a time as there is room for, each with what it gives back to whom it is taken over from."""
    group: list[_Offered] = []
    left = room
    for each in waiting:
        needed = len(each.writes) + (each.given_back is not None)
        if needed > left:
            yield group
            group, left = [], room
        group.append(each)
        left -= needed
    yield group


def _offered(photo: Photo, was: Photo | None) -> _Offered:
    if was is None:
        return _Offered(store.offer(photo, was), photo.size, taken=True, moved=(None, photo.shelf))
    moved = (store.shelf_counted(was), photo.shelf)
    if photo.photographer == was.photographer:
        return _Offered(store.offer(photo, was), moved=moved) if photo != was else _Offered(())
    given_back = was.photographer if was.counted else None
    return _Offered(store.offer(photo, was), taken=True, given_back=given_back, moved=moved)


def _counted(assignment: Assignment, group: Sequence[_Offered]) -> Iterator[Write]:
    """What a group of files takes of the plan and of the photographer's quota, and gives back to others."""
    organization, event = assignment.organization, assignment.event
    if size := sum(each.size for each in group):
        yield organizations.use(organization, Resource.STORAGE, size)
    if taken := sum(each.taken for each in group):
        yield assignments.take(assignment, taken)
    for user, photos in Counter(each.given_back for each in group if each.given_back).items():
        yield assignments.give_back(organization, event, user, photos)
    yield from store.moved(organization, event, [each.moved for each in group if each.moved])


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
        counted=True,
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
