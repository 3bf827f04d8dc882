"""From an object in storage to a photo that is ready, or failed with a reason.

There is no lease: every step may run twice, at once and in any order. Keys and bytes follow from the file
alone, and the last transaction holds only for the state it was decided on: one run counts, the others find
nothing to do.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.core import clock, log, metrics, outbox, storage
from chalicelib.core.errors import Conflict, NotFound, Unavailable
from chalicelib.core.metrics import Metric
from chalicelib.core.queues import Fact, Outcome
from chalicelib.core.table import transact
from chalicelib.events import service as events
from chalicelib.events.assignments import service as assignments
from chalicelib.lines.photos import store
from chalicelib.lines.photos.messages import PhotoApproved, PhotoFailed, PhotoReady, PhotoRemoved
from chalicelib.lines.photos.model import Failure, NotAsPromised, Photo, Processing
from chalicelib.media import service as media
from chalicelib.organizations import service as organizations

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that storage told of. `object_version` is S3's version id, `stored_at` when S3 had it."""

    organization: str
    photo: str
    attempt: int
    object_version: str | None
    stored_at: datetime | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    found: media.Inspection
    rendering: media.Rendering
    delivered_sha256: str


def process_object(arrival: Arrival) -> Outcome:
    """Make the photo ready, or failed where the file is at fault. SKIPPED for an object that is no news."""
    photo = _commit(arrival, lambda held: (_marked(held, arrival), []))
    if photo is None:
        return _too_late(arrival)
    with TemporaryDirectory(prefix="photo-") as folder:
        try:
            made = _make(photo, arrival, Path(folder))
        except (media.Rejected, NotAsPromised) as refusal:
            failure = Failure(refusal.code, refusal.message)
            done = _commit(arrival, lambda held: _failed(held, arrival, failure))
        else:
            done = _commit(arrival, lambda held: _ready(held, arrival, made))
    if done is None:
        return _too_late(arrival)
    _tell(done)
    return Outcome.SUCCESS


def _too_late(arrival: Arrival) -> Outcome:
    """No news. Where the photo was removed meanwhile, what has just been stored goes, too."""
    if arrival.event is not None and not store.find(arrival.organization, [arrival.photo]):
        fact = PhotoRemoved(organization=arrival.organization, event=arrival.event, photo=arrival.photo)
        transact(outbox.publish(fact))
    return Outcome.SKIPPED


def _commit(arrival: Arrival, change: Callable[[Photo], tuple[Photo, list[Fact]]]) -> Photo | None:
    """Change the photo as long as the object is news to it; None when it is not, or no longer."""
    for _ in range(_TRIES):
        photo = store.find(arrival.organization, [arrival.photo]).get(arrival.photo)
        if photo is None:
            return None
        log.adopt(photo.correlation)
        if not photo.takes(arrival.attempt, arrival.object_version):
            return None
        try:
            changed, facts = change(photo)
            if changed != photo:
                transact(
                    *store.move(changed, was=photo),
                    *(outbox.publish(fact) for fact in facts),
                )
            return changed
        except NotFound:  # the event was deleted: nobody waits for its photos
            return None
        except Conflict as refused:
            if refused.code != "version_conflict":
                raise
    raise Unavailable("busy", "The photo changes all the time.", retry_after=5)


def _tell(done: Photo) -> None:
    """Log what became of a photo, once: by the run whose commit made it so."""
    names = {"organization": done.organization, "event": done.event, "photo": done.id}
    if done.failure is not None:
        log.info("photo failed", metrics.of({Metric.PHOTOS_FAILED: 1}), code=done.failure.code, **names)
    elif done.ready_at is not None:
        ms = round((done.ready_at - done.offered_at).total_seconds() * 1000)
        ready = metrics.of({Metric.PHOTOS_INGESTED: 1, Metric.TIME_TO_READY: ms})
        log.info("photo ready", ready, attempt=done.attempt, **names)


def _marked(photo: Photo, arrival: Arrival) -> Photo:
    if photo.processing is Processing.PROCESSING:
        return photo
    arrived = photo.arrived(arrival.object_version, clock.now())
    return replace(arrived, stored_at=photo.stored_at or arrival.stored_at)


def _failed(photo: Photo, arrival: Arrival, failure: Failure) -> tuple[Photo, list[Fact]]:
    told = PhotoFailed(
        organization=photo.organization,
        event=photo.event,
        photo=photo.id,
        photographer=photo.photographer,
        code=failure.code,
    )
    return photo.failed(failure, arrival.object_version), [told]


def _ready(photo: Photo, arrival: Arrival, made: _Made) -> tuple[Photo, list[Fact]]:
    event = events.get(photo.organization, photo.event)
    ready = photo.ready(
        made.found,
        made.rendering,
        made.delivered_sha256,
        object_version=arrival.object_version,
        zone=event.timezone,
        approve=event.auto_approve,
        at=clock.now(),
        clock_offset=assignments.offset_of(photo.organization, photo.event, photo.photographer),
    )
    names = {"organization": photo.organization, "event": photo.event, "photo": photo.id}
    told: list[Fact] = [PhotoReady(**names, approved=ready.for_sale)]
    return ready, [*told, PhotoApproved(**names)] if ready.for_sale else told


def _make(photo: Photo, arrival: Arrival, folder: Path) -> _Made:
    """Make and store everything that a photo needs. Raises Rejected or NotAsPromised."""
    policy = organizations.get(photo.organization)
    mark = organizations.watermark_of(photo.organization)
    original, cleaned = folder / "original", folder / "cleaned"
    if not storage.download("originals", photo.upload_key, original, arrival.object_version):
        raise NotAsPromised("file_missing")
    if original.stat().st_size != photo.size or _sha256(original) != photo.sha256:
        raise NotAsPromised("hash_mismatch")

    found = media.inspect(original, photo.content_type)
    delivered_sha256 = media.deliverable(original, found, cleaned) if policy.strip_gps else photo.sha256
    rendering = media.render(original, found, mark)

    for made in rendering.renditions:
        storage.upload("previews", photo.rendition_key(made.name), made.content, content_type="image/jpeg")
    delivered = cleaned if policy.strip_gps else original
    storage.upload("originals", photo.delivery_key, delivered, content_type=found.content_type)
    return _Made(found, rendering, delivered_sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
