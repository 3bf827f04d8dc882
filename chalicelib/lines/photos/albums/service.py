"""Making albums of an event, putting photos into them, and giving them up."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from chalicelib.core import clock, ids, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events
from chalicelib.lines.photos import store as photos
from chalicelib.lines.photos.albums import store
from chalicelib.lines.photos.albums.model import Album, Kind, Moved
from chalicelib.lines.photos.messages import AlbumRemoved
from chalicelib.lines.photos.model import Photo
from chalicelib.lines.photos.service.changing import change

_AT_ONCE = 100


def list_albums(principal: Principal, id_or_slug: str, kind: Kind | None, request: PageRequest) -> Page[Album]:
    """The albums and locations of an event, or one kind of them, for whoever may see its photos."""
    event = events.visible(principal, id_or_slug)
    return store.of_event(event.organization, event.id, kind, request)


def add_album(actor: Principal, id_or_slug: str, kind: Kind, name: str) -> Album:
    """For staff and the event's photographers. Raises Forbidden `not_assigned`, Conflict `album_name_taken`."""
    event = events.for_upload(actor, id_or_slug)
    album = Album(ids.new(kind.prefix), event.organization, event.id, kind, name, clock.now())
    transact(*store.add(album))
    return album


def rename_album(actor: Principal, id_or_slug: str, album_id: str, name: str, version: int) -> Album:
    """Raises NotFound, Conflict `album_name_taken`, `version_conflict`."""
    was = _album(actor, id_or_slug, album_id)
    if was.version != version:
        raise Conflict("version_conflict", "Somebody changed this first. Load it again.", field="version")
    renamed = was.renamed(name)
    transact(*store.rename(renamed, was))
    return replace(renamed, version=version + 1)


def remove_album(actor: Principal, id_or_slug: str, album_id: str) -> None:
    """Give up an album. Its photos stay, and are taken out of it by and by. Raises NotFound."""
    album = _album(actor, id_or_slug, album_id)
    fact = AlbumRemoved(organization=album.organization, event=album.event, album=album.id)
    transact(*store.remove(album), outbox.publish(fact))


def move_photos(
    actor: Principal, id_or_slug: str, album_id: str, add: Sequence[str], remove: Sequence[str]
) -> list[Moved]:
    """Put photos of the event into an album and take others out, each by itself: a refusal of one stops no other.

    Staff moves all, a photographer their own; others are not found. Raises NotFound for the album.
    """
    album = _album(actor, id_or_slug, album_id)
    into = [_move(actor, album, photo, lambda found: found.put_into([album])) for photo in add]
    return into + [_move(actor, album, photo, lambda found: found.taken_out_of(album.id)) for photo in remove]


def clear(organization: str, event: str, album: str) -> Outcome:
    """Take a hundred photos out of an album that was given up; the rest follows by the next `AlbumRemoved`.

    None comes into it any more, so it ends. SKIPPED once it is empty.
    """
    held = photos.in_album(organization, event, album, _AT_ONCE)
    for photo in held:
        change(organization, photo, lambda found: found.taken_out_of(album))
    if not held:
        return Outcome.SKIPPED
    transact(outbox.publish(AlbumRemoved(organization=organization, event=event, album=album)))
    return Outcome.SUCCESS


def _album(actor: Principal, id_or_slug: str, album_id: str) -> Album:
    event = events.visible(actor, id_or_slug)
    return store.get(event.organization, event.id, album_id)


def _move(actor: Principal, album: Album, photo_id: str, how: Callable[[Photo], Photo]) -> Moved:
    def mine(photo: Photo) -> Photo:
        if photo.event != album.event or not (actor.may("photo.review") or photo.photographer == actor.user):
            raise NotFound("photo_not_found", "There is no such photo.")
        return how(photo)

    try:
        if not change(album.organization, photo_id, mine, store.still_there(album)):
            return Moved(photo_id, "photo_not_found")
    except AppError as refused:
        return Moved(photo_id, refused.code)
    return Moved(photo_id)
