"""What is told about an inbox. Ids alone."""

from chalicelib.core.queues import Fact


class NotificationCreated(Fact):
    """Something new is in the inbox of `user`."""

    user: str
    entry: str


class InboxCleared(Fact):
    """`user` wants nothing of what came up to the entry `newest`."""

    user: str
    newest: str
