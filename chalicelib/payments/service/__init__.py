"""Payments: open an attempt, ask the gateway, settle exactly once.

Webhook, sweep and the buyer's polling all end in `settle`, which believes nobody but the gateway's own answer.
"""

from chalicelib.payments.service.hearing import accept_webhook
from chalicelib.payments.service.opening import create_payment
from chalicelib.payments.service.reading import (
    find,
    get,
    is_known_as,
    list_own,
    list_under_review,
    open_payment,
    read_payment,
    was_begun,
)
from chalicelib.payments.service.settling import book_by_hand, release_credit, settle, settle_due, withdraw

__all__ = [
    "accept_webhook",
    "book_by_hand",
    "create_payment",
    "find",
    "get",
    "is_known_as",
    "list_own",
    "list_under_review",
    "open_payment",
    "read_payment",
    "release_credit",
    "settle",
    "settle_due",
    "was_begun",
    "withdraw",
]
