"""Photos that go for good, and why a photo that somebody buys does not.

An order that is placed puts a hold on its photos, one item for each event, and adds to one of the event's counters. A
removal reads the counters, looks through the holds, and commits only while no counter has moved; then it moves a number
beside each that an order has read before it looked at its photos. So of an order and a removal at the same moment one
is refused. Once photos are handed over each is marked as sold, and the hold goes.

What is removed is gone for everybody at once. Its files follow by a job, and the item with them.
"""

from collections.abc import Sequence

from chalicelib.audit import service as audit
from chalicelib.core import clock, outbox, storage
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.queues import Outcome
from chalicelib.core.table import MOST_WRITES, Write, transact
from chalicelib.events.assignments import service as assignments
from chalicelib.lines.contract import QuoteLine
from chalicelib.lines.photos import store
from chalicelib.lines.photos.holds import store as holds
from chalicelib.lines.photos.messages import PhotoRemoved
from chalicelib.lines.photos.model import Photo
from chalicelib.organizations import service as organizations
from chalicelib.organizations.plans import Resource

FOLDERS: tuple[tuple[storage.Bucket, str], ...] = (
    ("originals", "uploads"),
    ("originals", "deliveries"),
    ("previews", "previews"),
)
_TRIES = 8


# --- what is bought -----------------------------------------------------------------------------------------


def hold(organization: str, line: QuoteLine, order: str) -> Sequence[Write]:
    """The writes that keep the photos of a line while its order may be paid.

    Raises Conflict `photo_removed`, also at commit.
    """
    fence = holds.fence_of(organization, line.subject, line.licence, line.refs)
    if len(store.find(organization, line.refs)) < len(set(line.refs)):
        raise holds.Removed
    return holds.hold(organization, line.subject, order, line.refs), holds.pass_fence(fence)


def release(organization: str, event: str, refs: Sequence[str], order: str) -> Sequence[Write]:
    return (holds.release(organization, event, order, refs),)


def mark_sold(organization: str, event: str, refs: Sequence[str], order: str) -> None:
    """The photos stay from now on, and their order's hold goes. May run twice."""
    keep(organization, refs)
    transact(holds.release(organization, event, order, refs))


def keep(organization: str, refs: Sequence[str]) -> None:
    """The photos stay from now on. May run twice."""
    writes = [holds.mark_sold(organization, ref) for ref in refs]
    for start in range(0, len(writes), MOST_WRITES):
        transact(*writes[start : start + MOST_WRITES])


# --- what goes ----------------------------------------------------------------------------------------------


def remove_photo(actor: Principal, photo_id: str) -> None:
    """Remove a photo that nobody bought, for staff, or for its photographer before it was ever on sale.

    Raises NotFound for others, Forbidden `photo_approved`, Conflict `photo_sold`, `photo_held`.
    """
    photo = store.get(actor.organization, photo_id)
    is_staff = actor.may("photo.review")
    if photo.photographer != actor.user and not is_staff:
        raise NotFound("photo_not_found", "There is no such photo.")
    if photo.sellable_at is not None and not is_staff:
        raise Forbidden("photo_approved", "This photo was approved. Ask the organizer to remove it.")
    told = audit.entry(
        actor,
        action="photo.removed",
        entity="photo",
        entity_id=photo.id,
        before={"event": photo.event, "photographer": photo.photographer, "approval": photo.approval},
    )
    take_away(photo, told)


def take_away(photo: Photo, *told: Write) -> None:
    """Remove a photo as it stands by now. Raises Conflict `photo_sold`, `photo_held`, NotFound."""
    for attempt in range(1, _TRIES + 1):
        held = store.get(photo.organization, photo.id)
        fences = holds.fences(held.organization, held.event)
        _must_be_free(held)
        fact = PhotoRemoved(organization=held.organization, event=held.event, photo=held.id)
        try:
            transact(
                *store.take_off(held, clock.now()),
                *(holds.move_fence(fence) for fence in fences),
                *_given_back(held),
                outbox.publish(fact),
                *told,
            )
            return
        except Conflict as refused:
            if refused.code not in {"version_conflict", "photo_removed"} or attempt == _TRIES:
                raise


def finish(organization: str, event: str, photo_id: str) -> Outcome:
    """Delete the files of a photo that was removed, then what is left of it. SKIPPED for one that is there.

    May run again where everything is gone: a file may have been on its way.
    """
    if store.find(organization, [photo_id]):
        return Outcome.SKIPPED
    for bucket, place in FOLDERS:
        storage.remove(bucket, f"{place}/{organization}/{event}/{photo_id}/")
    if photo := store.find_removed(organization, photo_id):
        transact(store.drop(photo))
    return Outcome.SUCCESS


def _must_be_free(photo: Photo) -> None:
    """The holds are looked at first: one that is gone by then has left its mark."""
    if holds.is_held(photo.organization, photo.event, photo.id):
        raise Conflict("photo_held", "Somebody is buying this photo. Reject it to hide it; try again in a day.")
    if holds.is_sold(photo.organization, photo.id):
        raise Conflict("photo_sold", "This photo was sold. Reject it to hide it; its buyers keep it.")


def _given_back(photo: Photo) -> Sequence[Write]:
    room = organizations.use(photo.organization, Resource.STORAGE, -photo.size)
    if not photo.counted:
        return (room,)
    return room, assignments.give_back(photo.organization, photo.event, photo.photographer)
