"""What people are told of an event, and who is to be told."""

from chalicelib.announcements import service
from chalicelib.announcements.messages import FollowAsked, NoticeDue
from chalicelib.core.queues import Outcome, on
from chalicelib.events import service as events
from chalicelib.events.messages import EventDeleted, EventWentLive
from chalicelib.faces.messages import FaceIndexDropped, FaceWatchLost, OwnPhotosFound
from chalicelib.live import service as live
from chalicelib.orders.messages import OrderCompleted


@on(FollowAsked, queue="emails")
def send_code(fact: FollowAsked) -> Outcome:
    return service.send_code(fact)


@on(EventWentLive)
def begin_live(fact: EventWentLive) -> Outcome:
    return _outcome(service.begin_live(fact.organization, fact.event))


@on(EventWentLive)
def show_live(fact: EventWentLive) -> Outcome:
    """Who looks at the event right now. Skipped for one that is gone."""
    if service.find_event(fact.organization, fact.event) is None:
        return Outcome.SKIPPED

    def shown() -> dict[str, str]:
        now = events.get(fact.organization, fact.event)
        return {"event": now.id, "slug": now.slug, "status": now.status}

    return live.publish(fact.organization, f"event:{fact.event}", "EventLive", fact.event, shown)


@on(NoticeDue, queue="emails")
def deliver(fact: NoticeDue) -> Outcome:
    return service.deliver(fact)


@on(OrderCompleted)
def note_buyer(fact: OrderCompleted) -> Outcome:
    return _outcome(service.note_buyer(fact.organization, fact.order))


@on(OwnPhotosFound, queue="emails")
def tell_of_photos(fact: OwnPhotosFound) -> Outcome:
    return service.tell_of_photos(fact)


@on(FaceWatchLost)
def lose_watch(fact: FaceWatchLost) -> Outcome:
    return _outcome(service.lose_watch(fact.organization, fact.event, fact.watch))


@on(FaceIndexDropped)
def end_watches(fact: FaceIndexDropped) -> Outcome:
    return _outcome(service.end_watches(fact.organization, fact.event))


@on(EventDeleted)
def forget_event(fact: EventDeleted) -> Outcome:
    service.forget_event(fact.organization, fact.event)
    return Outcome.SUCCESS


def _outcome(did: bool) -> Outcome:
    return Outcome.SUCCESS if did else Outcome.SKIPPED
