"""Attempts to pay that come to nothing."""

from chalicelib.core import outbox
from chalicelib.core.table import Write
from chalicelib.payments.messages import PaymentExpired, PaymentFailed
from chalicelib.payments.model import Payment, State

_TOLD = {State.EXPIRED: PaymentExpired, State.FAILED: PaymentFailed}


def told(was: Payment, now: Payment) -> list[Write]:
    """What tells that an attempt ended, for the transaction in which it does."""
    fact = _TOLD.get(now.state)
    if fact is None or now.state is was.state:
        return []
    return [outbox.publish(fact(organization=now.organization, payment=now.id))]
