"""What is told about hearing of events. A fact carries ids and a nonce, never a code or an address."""

from chalicelib.core.queues import Fact


class FollowAsked(Fact):
    """Somebody wants to hear of an event: send the code that belongs to `nonce`, in `language`."""

    event: str
    follower: str
    nonce: str
    language: str


class NoticeDue(Fact):
    """A message is to reach the next page of its audience: who comes after `after`. A broadcast is of no `event`."""

    event: str
    notice: str
    after: str = ""
