"""What follows something new in an inbox."""

from chalicelib.core.queues import Outcome, on
from chalicelib.notifications.devices import service
from chalicelib.notifications.inbox.messages import NotificationCreated


@on(NotificationCreated, queue="emails")
def ring(fact: NotificationCreated) -> Outcome:
    return service.ring(fact.organization, fact.user, fact.entry)
