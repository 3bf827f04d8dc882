"""Facts about payouts."""

from chalicelib.core.queues import Fact


class PayoutOpened(Fact):
    """A batch was opened; what is due to everybody is to be collected."""

    payout: str


class PayoutEnded(Fact):
    """A batch was settled or has failed; so are its items that were not told of before."""

    payout: str
