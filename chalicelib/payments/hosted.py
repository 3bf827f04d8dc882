"""What opens a gateway's own fields: sealed where it is stored, readable for who pays while that can be done."""

from dataclasses import replace

from chalicelib.core import sealing
from chalicelib.payments.model import Payment, State


def sealed(payment: Payment) -> Payment:
    """As it is stored."""
    fields = payment.hosted_fields
    if fields is None:
        return payment
    secret = sealing.seal(payment.organization, _purpose(payment), fields.client_secret)
    return replace(payment, hosted_fields=replace(fields, client_secret=secret))


def shown(payment: Payment) -> Payment:
    """As its payer sees it."""
    fields = payment.hosted_fields
    if fields is None or payment.state is not State.PENDING:
        return replace(payment, hosted_fields=None)
    secret = sealing.unseal(payment.organization, _purpose(payment), fields.client_secret)
    return replace(payment, hosted_fields=replace(fields, client_secret=secret))


def _purpose(payment: Payment) -> str:
    return f"hosted-fields#{payment.id}"
