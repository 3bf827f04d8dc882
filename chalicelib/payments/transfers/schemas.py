"""Wire shapes of transfers. Amounts are whole minor units of the payment's currency."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.payments.transfers.model import LARGEST, State

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class SlipOffer(Input):
    """`size` in bytes, `sha256` in hex, of the file as it will be sent."""

    content_type: Literal["application/pdf", "image/jpeg", "image/png"]
    size: int = Field(ge=1, le=LARGEST)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Confirmation(Input):
    received: int = Field(ge=1, le=10**12, description="What came, as the bank's statement has it.")
    reference: Text | None = Field(None, description="What the bank calls the transfer.")


class Rejection(Input):
    reason: Text = Field(description="The buyer is told.")


class UploadForm(Output):
    """Post `fields`, then the file as `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Offered(Output):
    status: State = Field(validation_alias="state")
    form: UploadForm | None


class Transfer(Output):
    payment_id: str = Field(validation_alias="payment")
    order_id: str = Field(validation_alias="order")
    status: State = Field(validation_alias="state")
    created_at: datetime
    submitted_at: datetime | None
    received: int | None
    reference: str | None
    proposed_by: str | None
    proposed_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class Opened(Output):
    transfer: Transfer
    url: str | None = Field(description="Shows the slip for five minutes.")
