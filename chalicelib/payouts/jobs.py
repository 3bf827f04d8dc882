"""What follows the opening and the end of a batch."""

from chalicelib.core.queues import Outcome, on
from chalicelib.payouts import service
from chalicelib.payouts.messages import PayoutEnded, PayoutOpened


@on(PayoutOpened)
def collect(fact: PayoutOpened) -> Outcome:
    return service.collect(fact.organization, fact.payout)


@on(PayoutEnded)
def end_items(fact: PayoutEnded) -> Outcome:
    return service.end_items(fact.organization, fact.payout)
