"""Wire shapes of payments. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.payments.model import State


class CreatePayment(Input):
    order_id: str = Field(min_length=1, max_length=64)
    method: Literal["qr", "credit"] = Field("qr", description="`credit` pays all of it from the buyer's own credit.")


class Payment(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    attempt: int
    gateway: str = Field(description="`credit` where none was asked.")
    status: State = Field(validation_alias="state")
    amount: int = Field(description="What the order costs.")
    payable: int | None = Field(description="What to pay, to the satang: the gateway may add a tail.")
    currency: str
    qr_image_base64: str | None = Field(validation_alias="qr_png", description="The QR code to scan, a PNG.")
    expires_at: datetime | None


class ReviewedPayment(Payment):
    received: int | None
    review_reason: str | None
