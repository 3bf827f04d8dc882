"""Sizes are made where photos are: by the function that has the memory for it and no right to orders."""

from chalicelib.core.queues import Outcome, on
from chalicelib.entitlements.sizes import service
from chalicelib.entitlements.sizes.messages import SizesDue


@on(SizesDue, queue="uploads")
def make_sizes(fact: SizesDue) -> Outcome:
    return service.make(fact)
