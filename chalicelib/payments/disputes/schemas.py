"""Wire shapes of disputes. Amounts are whole minor units of `currency`."""

from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Output
from chalicelib.payments.disputes.model import State


class Dispute(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    payment_id: str = Field(validation_alias="payment")
    status: State = Field(validation_alias="state")
    reference: str = Field(description="What the gateway calls it: there the evidence is handed in.")
    reason: str = Field(description="The gateway's word for it.")
    amount: int
    withdrawn: int = Field(description="What of it is gone from the gateway's account now.")
    fee: int = Field(description="What the gateway keeps for it.")
    currency: str
    due_at: datetime | None = Field(description="Until when evidence is taken.")
    refund_id: str | None = Field(validation_alias="refund", description="What of the payment is set aside for it.")
    created_at: datetime
    ended_at: datetime | None
