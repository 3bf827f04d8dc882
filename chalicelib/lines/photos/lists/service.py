"""Making and opening lists."""

from collections.abc import Sequence

from chalicelib.core import clock, ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.core.table import transact
from chalicelib.events import service as events
from chalicelib.lines.photos import service as photos
from chalicelib.lines.photos.lists import store
from chalicelib.lines.photos.lists.model import LASTS, Opened, PhotoList, Shared


def share(principal: Principal, photo_ids: Sequence[str]) -> Shared:
    """A list of photos on sale of one event, behind an address that nobody guesses.

    Raises NotFound `photo_not_found`, Conflict `photo_not_for_sale`, Unprocessable `several_events`.
    """
    wanted = tuple(dict.fromkeys(photo_ids))
    found = photos.for_sale(principal.organization, wanted)
    if len({photo.event for photo in found}) > 1:
        raise Unprocessable("several_events", "A list is of photos of one event.", field="photos")
    event = events.visible(principal, found[0].event)
    now, slug = clock.now(), ids.token()
    transact(
        store.add(PhotoList(ids.digest(slug), event.organization, event.id, wanted, now, now + LASTS)),
    )
    return Shared(slug, now + LASTS)


def open_list(principal: Principal, slug: str) -> Opened:
    """What is on sale of a list, in its order. Raises NotFound `list_not_found`, Forbidden `access_code_required`."""
    missing = NotFound("list_not_found", "There is no such list.")
    held = store.find(principal.organization, ids.digest(slug))
    if held is None:
        raise missing
    try:
        event = events.visible(principal, held.event)
    except NotFound as hidden:
        raise missing from hidden
    found = photos.find(principal.organization, held.photos)
    items = [photos.shown(found[id]) for id in held.photos if id in found and found[id].for_sale]
    return Opened(event.id, held.expires_at, items)
