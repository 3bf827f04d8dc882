"""Pushing what is new to the members of a group, a page of them a message; and to somebody what is in their inbox."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.queues import Outcome, on
from chalicelib.live import service
from chalicelib.live.messages import PushDue
from chalicelib.notifications.inbox import service as inbox
from chalicelib.notifications.inbox.messages import NotificationCreated
from chalicelib.notifications.inbox.schemas import Notification


@on(PushDue)
def push(fact: PushDue) -> Outcome:
    return service.push(fact.organization, fact.group, fact.frame, fact.after)


@on(NotificationCreated)
def show_notification(fact: NotificationCreated) -> Outcome:
    """Skipped for one that is deleted already."""
    found = inbox.find(fact.organization, fact.user, fact.entry)
    if found is None:
        return Outcome.SKIPPED
    shown = Notification.of(*found).model_dump(mode="json")

    def told() -> Mapping[str, Any]:
        return shown | {"unreadCount": inbox.unread_count(fact.organization, fact.user)}

    return service.publish(fact.organization, f"user:{fact.user}", "NotificationCreated", fact.entry, told)
