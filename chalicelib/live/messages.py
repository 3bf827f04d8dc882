"""Facts about telling people at once."""

from chalicelib.core.queues import Fact


class PushDue(Fact):
    """A group is larger than a page: `frame` is to reach those of its members whose connections come after `after`."""

    group: str
    frame: str
    after: str = ""
