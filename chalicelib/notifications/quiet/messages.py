"""What is told when quiet hours end. Ids alone."""

from chalicelib.core.queues import Fact


class QuietHoursEnded(Fact):
    """What waited for it, `waiting`, may disturb `user` now."""

    user: str
    waiting: str
