"""Facts about transfers."""

from chalicelib.core.queues import Fact


class TransferRejected(Fact):
    """Staff found no money for what a slip shows: the buyer is told why, and may send another one."""

    order: str
    payment: str
    version: int
