"""Wire shapes of what staff see of payments."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.orders.administration.schemas import Note, Order
from chalicelib.payments.disputes.schemas import Dispute
from chalicelib.payments.model import State
from chalicelib.payments.refunds.schemas import Refund, Text


class ListedPayments(Paging):
    status: State = State.CAPTURED


class Payment(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    attempt: int
    gateway: str
    status: State = Field(validation_alias="state")
    amount: int
    payable: int | None
    received: int | None
    fee: int | None = Field(description="What the gateway kept for itself of what was received.")
    refunded: int
    waiting: int = Field(description="What a person must decide about.")
    currency: str
    created_at: datetime
    captured_at: datetime | None
    review_reason: str | None
    reviewed_at: datetime | None
    reviewed_by: str | None


class Posting(Output):
    account: str
    amount: int


class Entry(Output):
    id: str
    currency: str
    at: datetime
    postings: list[Posting]


class File(Output):
    order: Order
    payments: list[Payment]
    refunds: list[Refund]
    disputes: list[Dispute]
    entries: list[Entry]
    notes: list[Note]


class Closing(Input):
    """`accept` pays the order with it, and what is above the price goes back; `refund` gives all of it back."""

    decision: Literal["accept", "refund"]
    reason: Text
    pay_to: Text | None = Field(None, repr=False, description="Where a transfer goes.")
