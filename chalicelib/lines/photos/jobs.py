"""What runs after a photo's file arrived, and who is told of it at once."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core.errors import NotFound
from chalicelib.core.queues import Outcome, on
from chalicelib.events.messages import ClockSet
from chalicelib.lines.photos import service
from chalicelib.lines.photos.albums import service as albums
from chalicelib.lines.photos.messages import (
    AlbumRemoved,
    PhotoApproved,
    PhotoFailed,
    PhotoReady,
    PhotoReconsidered,
    PhotoRejected,
    PhotoRemoved,
    PhotoRetryRequested,
)
from chalicelib.lines.photos.model import FileState
from chalicelib.lines.photos.service import Arrival
from chalicelib.live import service as live

_UPLOAD_KEY = re.compile(r"uploads/(org_[^/]+)/(evt_[^/]+)/(pho_[^/]+)/([1-9][0-9]{0,5})")


def ingest(message: Mapping[str, Any]) -> Outcome:
    """Process the objects of an S3 notification. SKIPPED where there is nothing to do.

    Format: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    outcomes = [_process(record["s3"]["object"], record.get("eventTime")) for record in message.get("Records", ())]
    return Outcome.SUCCESS if Outcome.SUCCESS in outcomes else Outcome.SKIPPED


@on(PhotoRetryRequested, queue="uploads")
def process_again(fact: PhotoRetryRequested) -> Outcome:
    return service.process_object(Arrival(fact.organization, fact.photo, fact.attempt, fact.object_version))


@on(PhotoRemoved)
def delete_files(fact: PhotoRemoved) -> Outcome:
    return service.finish_removal(fact.organization, fact.event, fact.photo)


@on(ClockSet)
def set_clock(fact: ClockSet) -> Outcome:
    return service.set_clock(fact.organization, fact.event, fact.photographer, fact.cursor)


@on(AlbumRemoved)
def clear_album(fact: AlbumRemoved) -> Outcome:
    return albums.clear(fact.organization, fact.event, fact.album)


def _process(stored: Mapping[str, Any], told_at: str | None) -> Outcome:
    key = _UPLOAD_KEY.fullmatch(unquote_plus(stored["key"]))
    if key is None:
        return Outcome.SKIPPED
    organization, event, photo, attempt = key.groups()
    at = datetime.fromisoformat(told_at).astimezone(UTC) if told_at else None
    return service.process_object(Arrival(organization, photo, int(attempt), stored.get("versionId"), at, event))


# --- who looks on right now ---------------------------------------------------------------------------------


@on(PhotoReady)
def tell_of_processing(fact: PhotoReady) -> Outcome:
    return _tell_photographer(fact)


@on(PhotoFailed)
def tell_of_failure(fact: PhotoFailed) -> Outcome:
    return _tell_photographer(fact)


@on(PhotoApproved)
def tell_of_approval(fact: PhotoApproved) -> Outcome:
    """Visitors of the event hear of nothing but what came on sale."""

    def on_sale() -> dict[str, object]:
        photo = service.get(fact.organization, fact.photo)
        return {"photo": photo.id, "event": photo.event, "onSale": photo.for_sale}

    if service.find(fact.organization, [fact.photo]):
        live.publish(fact.organization, f"event:{fact.event}", "PhotoUpdate", fact.photo, on_sale)
    return _tell_photographer(fact)


@on(PhotoRejected)
def tell_of_rejection(fact: PhotoRejected) -> Outcome:
    return _tell_photographer(fact)


@on(PhotoReconsidered)
def tell_of_reconsideration(fact: PhotoReconsidered) -> Outcome:
    return _tell_photographer(fact)


def _tell_photographer(
    fact: PhotoReady | PhotoFailed | PhotoApproved | PhotoRejected | PhotoReconsidered,
) -> Outcome:
    """How their photo stands, and with it the upload that it came with. One that was removed stands nowhere."""
    photo = service.find(fact.organization, [fact.photo]).get(fact.photo)
    if photo is None:
        return Outcome.SKIPPED
    group, once_for = f"user:{photo.photographer}", f"{photo.id}#{type(fact).__name__}"

    def update() -> dict[str, object]:
        now = service.get(fact.organization, fact.photo)
        failure = now.failure.code if now.failure else None
        state = {"processing": now.processing, "approval": now.approval, "failure": failure}
        return {"photo": now.id, "event": now.event, "upload": now.upload, **state}

    def progress() -> dict[str, object]:
        states = service.progress_of(fact.organization, str(photo.upload))
        return {"upload": photo.upload, "event": photo.event, **{state.value: states[state] for state in FileState}}

    told = live.publish(fact.organization, group, "PhotoUpdate", once_for, update)
    if photo.upload is not None and isinstance(fact, PhotoReady | PhotoFailed):
        with suppress(NotFound):  # its offer broke off after the photos: they came with the upload before
            live.publish(fact.organization, group, "BatchProgress", once_for, progress)
    return told
