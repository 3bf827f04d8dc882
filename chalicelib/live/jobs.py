"""Pushing what is new to the members of a group, a page of them a message."""

from chalicelib.core.queues import Outcome, on
from chalicelib.live import service
from chalicelib.live.messages import PushDue


@on(PushDue)
def push(fact: PushDue) -> Outcome:
    return service.push(fact.organization, fact.group, fact.frame, fact.after)
