"""What follows a change of an inbox."""

from chalicelib.core.queues import Outcome, on
from chalicelib.notifications.inbox import service
from chalicelib.notifications.inbox.messages import InboxCleared


@on(InboxCleared)
def delete_cleared(fact: InboxCleared) -> Outcome:
    done = service.delete_cleared(fact.organization, fact.user, fact.newest)
    return Outcome.SUCCESS if done else Outcome.SKIPPED
