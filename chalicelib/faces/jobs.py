"""What is recognized after a photo came on sale, and forgotten after it went; what follows a search."""

from chalicelib.core.queues import Outcome, on
from chalicelib.events.messages import EventDeleted, EventWentLive
from chalicelib.faces import service
from chalicelib.faces.messages import (
    FaceGroupAsked,
    FaceIndexDropped,
    FaceSearchAsked,
    FaceUnblocked,
    FaceWatchDue,
    FaceWatchEnded,
    FaceWatchRound,
    PhotoToRecognize,
    RecognitionOpened,
)
from chalicelib.lines.photos.messages import PhotoApproved, PhotoReconsidered, PhotoRejected, PhotoRemoved

# --- photos: beside other image work, where they keep no search waiting -------------------------------------


@on(PhotoApproved, queue="uploads")
def recognize_approved(fact: PhotoApproved) -> Outcome:
    return _outcome(service.look_at(fact.organization, fact.event, fact.photo))


@on(PhotoToRecognize, queue="uploads")
def recognize_photo(fact: PhotoToRecognize) -> Outcome:
    return _outcome(service.look_at(fact.organization, fact.event, fact.photo))


@on(PhotoRejected)
def forget_rejected(fact: PhotoRejected) -> Outcome:
    return _outcome(service.forget_photo(fact.organization, fact.event, fact.photo))


@on(PhotoReconsidered)
def forget_reconsidered(fact: PhotoReconsidered) -> Outcome:
    return _outcome(service.forget_photo(fact.organization, fact.event, fact.photo))


@on(PhotoRemoved)
def forget_removed(fact: PhotoRemoved) -> Outcome:
    return _outcome(service.forget_photo(fact.organization, fact.event, fact.photo))


# --- events -------------------------------------------------------------------------------------------------


@on(RecognitionOpened)
def begin_recognition(fact: RecognitionOpened) -> Outcome:
    return _outcome(service.begin(fact))


@on(FaceIndexDropped)
def forget_index(fact: FaceIndexDropped) -> Outcome:
    service.forget_index(fact.organization, fact.event, fact.index)
    return Outcome.SUCCESS


@on(EventDeleted)
def forget_event(fact: EventDeleted) -> Outcome:
    return _outcome(service.give_up(fact.organization, fact.event))


# --- people -------------------------------------------------------------------------------------------------


@on(FaceSearchAsked)
def search(fact: FaceSearchAsked) -> Outcome:
    return _outcome(service.run(fact.organization, fact.search))


@on(FaceUnblocked)
def unblock(fact: FaceUnblocked) -> Outcome:
    return _outcome(service.let_go(fact))


@on(EventWentLive)
def look_for_all(fact: EventWentLive) -> Outcome:
    return _outcome(service.went_live(fact.organization, fact.event))


@on(FaceWatchRound)
def go_round(fact: FaceWatchRound) -> Outcome:
    return _outcome(service.go_round(fact))


@on(FaceWatchDue)
def look_for(fact: FaceWatchDue) -> Outcome:
    return _outcome(service.look_for(fact))


@on(FaceWatchEnded)
def end_watch(fact: FaceWatchEnded) -> Outcome:
    return _outcome(service.end(fact))


@on(FaceGroupAsked)
def group(fact: FaceGroupAsked) -> Outcome:
    return _outcome(service.fill(fact))


def _outcome(did: bool) -> Outcome:
    return Outcome.SUCCESS if did else Outcome.SKIPPED
