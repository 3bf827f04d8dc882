"""What follows the end of quiet hours."""

from chalicelib.core.queues import Outcome, on
from chalicelib.notifications import service
from chalicelib.notifications.quiet.messages import QuietHoursEnded


@on(QuietHoursEnded, queue="emails")
def deliver_waiting(fact: QuietHoursEnded) -> Outcome:
    return service.deliver_waiting(fact.organization, fact.user, fact.waiting)
