"""Wire shapes of payments. Amounts are whole minor units of `currency`."""

from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.payments.model import State


class CreatePayment(Input):
    order_id: str = Field(min_length=1, max_length=64)
    method: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{1,39}$",
        description="A gateway of `GET /payments/methods`, `qr` for any with a QR code, or `credit` for "
        "the buyer's own. Without one: the attempt that is open, else the first that is offered.",
    )
    amount: int | None = Field(
        None,
        ge=1,
        le=10**12,
        description="What of the order is paid this way; the rest by other payments. Without it: all that is due.",
    )
    saved_method: str | None = Field(
        None, min_length=1, max_length=64, description="One of the caller's saved methods: it is paid with that."
    )
    save_method: bool = Field(
        False,
        description="The buyer agrees that what it is paid with is kept for the next time, where that can be done.",
    )


class HostedFields(Output):
    """What the gateway's own script needs to show its fields. Data of cards goes there and never comes here."""

    client_secret: str = Field(repr=False)
    publishable_key: str


class Transfer(Output):
    """Where to send the money; `reference` belongs on it."""

    bank: str
    account: str
    holder: str
    reference: str


class _Attempt(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    attempt: int
    gateway: str = Field(description="`credit` where none was asked.")
    status: State = Field(validation_alias="state")
    amount: int = Field(description="What of the order's total it pays.")
    payable: int | None = Field(description="What to pay, to the satang: the gateway may add a tail.")
    currency: str
    qr_image_base64: str | None = Field(validation_alias="qr_png", description="The QR code to scan, a PNG.")
    expires_at: datetime | None


class Payment(_Attempt):
    """An attempt to pay. Of the ways to pay it, only that of its gateway is there."""

    qr_text: str | None = Field(description="What the QR code says, where the gateway tells.")
    redirect_url: str | None = Field(description="The gateway's page where it is paid.")
    hosted_fields: HostedFields | None
    transfer_to: Transfer | None = Field(description="With a QR code beside it where the account has a PromptPay id.")


class ReviewedPayment(_Attempt):
    received: int | None
    review_reason: str | None
    waiting: int = Field(description="What a person must decide about.")


class Transaction(Output):
    """A captured payment."""

    id: str
    order_id: str = Field(validation_alias="order")
    gateway: str
    status: State = Field(validation_alias="state")
    amount: int
    received: int | None
    refunded: int = Field(description="What was given back or is on its way.")
    currency: str
    captured_at: datetime | None
