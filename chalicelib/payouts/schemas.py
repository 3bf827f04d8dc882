"""Wire shapes of payouts. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.events.schemas import Moment
from chalicelib.payouts.model import ItemState, State
from chalicelib.payouts.service import Told

Party = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]


class NewPayout(Input):
    until: Moment = Field(description="What was earned before this moment, an hour ago at the latest.")


class NewStatus(Input):
    status: Literal["sent", "settled", "failed"]
    reason: str | None = Field(None, min_length=1, max_length=300)
    parties: list[Party] = Field(
        [], max_length=50, description="With `failed`: the ids of those alone whose transfer failed."
    )

    def told(self) -> Told:
        return Told(State(self.status), self.reason, tuple(dict.fromkeys(self.parties)))


class Payout(Output):
    id: str
    status: State = Field(validation_alias="state")
    until: datetime
    amount: int
    parties: int = Field(description="How many are paid.")
    currency: str
    made_by: str
    made_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    sent_at: datetime | None
    ended_at: datetime | None
    reason: str | None


class OwnItem(Output):
    payout_id: str = Field(validation_alias="payout")
    reference: str = Field(description="What the bank tells with the transfer.")
    amount: int
    currency: str
    status: ItemState = Field(validation_alias="state")
    at: datetime
    reason: str | None


class Item(OwnItem):
    party_id: str = Field(validation_alias="whose", description="A photographer's user id, or the organization's.")
