"""What follows when a payment method is taken away."""

from chalicelib.core.queues import Outcome, on
from chalicelib.payments.methods import service
from chalicelib.payments.methods.messages import MethodForgotten


@on(MethodForgotten)
def detach_method(fact: MethodForgotten) -> Outcome:
    return service.detach(fact.organization, fact.user, fact.method, fact.gateway, fact.sealed)
