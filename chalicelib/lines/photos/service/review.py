"""Staff decides what goes on sale; what failed is tried again."""

from collections.abc import Sequence
from typing import assert_never

from chalicelib.core import clock, log, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, NotFound
from chalicelib.core.queues import Fact
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.events import service as events
from chalicelib.events.model import Event
from chalicelib.lines.photos import store
from chalicelib.lines.photos.messages import PhotoApproved, PhotoReconsidered, PhotoRejected, PhotoRetryRequested
from chalicelib.lines.photos.model import (
    Counts,
    Decided,
    Decision,
    Lookalikes,
    Photo,
    Shelf,
    Shown,
    Verdict,
    lookalikes,
)
from chalicelib.lines.photos.service.gallery import shown


def approve_photo(actor: Principal, photo_id: str) -> Shown:
    """Put a photo on sale. Raises Conflict `photo_not_ready`."""
    photo = store.get(actor.organization, photo_id)
    approved = photo.approved(by=actor.known_user, at=clock.now())
    fact = PhotoApproved(organization=photo.organization, event=photo.event, photo=photo.id)
    return _decided(photo, approved, fact)


def reject_photo(actor: Principal, photo_id: str, reason: str) -> Shown:
    """Keep a photo off sale, or take it off. Raises Conflict `photo_not_ready`."""
    photo = store.get(actor.organization, photo_id)
    rejected = photo.rejected(reason, by=actor.known_user, at=clock.now())
    fact = PhotoRejected(
        organization=photo.organization, event=photo.event, photo=photo.id, photographer=photo.photographer
    )
    return _decided(photo, rejected, fact)


def reconsider_photo(actor: Principal, photo_id: str) -> Shown:
    """Put a photo back among those that wait for a decision. Raises Conflict `photo_not_ready`."""
    photo = store.get(actor.organization, photo_id)
    fact = PhotoReconsidered(organization=photo.organization, event=photo.event, photo=photo.id)
    return _decided(photo, photo.reconsidered(by=actor.known_user, at=clock.now()), fact)


def retry_photo(actor: Principal, photo_id: str) -> Shown:
    """Process again what is stored. Raises Conflict `photo_not_failed`, NotFound for a colleague's photo."""
    photo = store.get(actor.organization, photo_id)
    if photo.photographer != actor.user and not actor.may("photo.review"):
        raise NotFound("photo_not_found", "There is no such photo.")
    fact = PhotoRetryRequested(
        organization=photo.organization,
        event=photo.event,
        photo=photo.id,
        attempt=photo.attempt,
        object_version=photo.object_version,
    )
    return _decided(photo, photo.retried(clock.now(), log.correlation()), fact)


def review_shelf(actor: Principal, id_or_slug: str, shelf: Shelf, request: PageRequest) -> Page[Shown]:
    """A shelf of an event, earliest first."""
    event = events.get(actor.organization, id_or_slug)
    return store.on_shelf(event.organization, event.id, shelf, request).map(shown)


def review_lookalikes(actor: Principal, id_or_slug: str, shelf: Shelf, request: PageRequest) -> Page[Lookalikes]:
    """The bursts on a page of a shelf; one that goes on in the next page is told in both."""
    event = events.get(actor.organization, id_or_slug)
    found = store.on_shelf(event.organization, event.id, shelf, request)
    return Page(lookalikes(found.items), found.size, found.cursor, number=found.number)


def decide(actor: Principal, id_or_slug: str, decisions: Sequence[Decision]) -> list[Decided]:
    """Each decision by itself, in their order; what is refused, or no photo of the event, changes nothing."""
    event = events.get(actor.organization, id_or_slug)
    return [_decide(actor, event, decision) for decision in decisions]


def _decide(actor: Principal, event: Event, decision: Decision) -> Decided:
    try:
        photo = store.get(actor.organization, decision.photo)
        if photo.event != event.id:
            return Decided(decision.photo, error="photo_not_found")
        match decision.verdict:
            case Verdict.APPROVE:
                became = approve_photo(actor, photo.id)
            case Verdict.REJECT:
                became = reject_photo(actor, photo.id, decision.reason or "")
            case Verdict.RECONSIDER:
                became = reconsider_photo(actor, photo.id)
            case _:
                assert_never(decision.verdict)
        return Decided(decision.photo, became.photo.approval)
    except AppError as refused:
        return Decided(decision.photo, error=refused.code)


def counts_of(actor: Principal, id_or_slug: str) -> Counts:
    event = events.get(actor.organization, id_or_slug)
    return store.counts(event.organization, event.id)


def _decided(photo: Photo, changed: Photo, fact: Fact) -> Shown:
    """Commit a decision; deciding the same twice changes nothing."""
    if changed is not photo:
        transact(
            *store.move(changed, was=photo),
            outbox.publish(fact),
        )
    return shown(changed)
