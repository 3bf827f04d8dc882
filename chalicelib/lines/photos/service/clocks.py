"""What was taken by a clock that is off moves to its true time.

Nothing is added up: each photo keeps the camera's words and the offset that it was put by, so a run may be cut off, run
twice or meet another one. The offset is read after the photo it is for, and the photo is written only as it was read:
whoever sets another offset meanwhile makes that write fail, or finds the photo changed.
"""

from contextlib import suppress

from chalicelib.core import clock, outbox
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import PageRequest, transact
from chalicelib.events import service as events
from chalicelib.events.assignments import service as assignments
from chalicelib.events.messages import ClockSet
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Photo

_AT_ONCE = 100
_TRIES = 8


def set_clock(organization: str, event_id: str, photographer: str, cursor: str | None = None) -> Outcome:
    """Put a hundred photos to their true time; the rest follows by the next `ClockSet`. SKIPPED for a deleted event."""
    try:
        zone = events.get(organization, event_id).timezone
    except NotFound:
        return Outcome.SKIPPED
    found = store.of_photographer(organization, event_id, photographer, PageRequest(_AT_ONCE, cursor))
    for photo in found.items:
        _set(photo, zone)
    if found.cursor is not None:
        rest = ClockSet(organization=organization, event=event_id, photographer=photographer, cursor=found.cursor)
        transact(outbox.publish(rest))
    return Outcome.SUCCESS


def _set(photo: Photo, zone: str) -> None:
    was: Photo | None = photo
    for _ in range(_TRIES):
        if was is None:
            return
        offset = assignments.offset_of(was.organization, was.event, was.photographer)
        changed = was.clocked(offset, zone, clock.now())
        if changed is was:
            return
        with suppress(Conflict):
            transact(*store.save_clock(changed, was=was))
            return
        was = store.find(photo.organization, [photo.id]).get(photo.id)
    raise Conflict("changed_meanwhile", "The photo keeps changing.")
