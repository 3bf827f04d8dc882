"""Facts about payouts."""

from chalicelib.core.queues import Fact


class PayoutOpened(Fact):
    """A batch was opened; what is due to everybody is to be collected."""

    payout: str


class PayoutEnded(Fact):
    """A batch was settled or has failed; so are its items that were not told of before."""

    payout: str


class PayoutSent(Fact):
    """The money of a batch is on its way; everybody in it is to be told."""

    payout: str


class PayoutItemSent(Fact):
    """The money of one party, the ledger's account, is on its way."""

    payout: str
    party: str


class PayoutItemFailed(Fact):
    """One party's money did not arrive, or is not sent, and is owed again."""

    payout: str
    party: str
