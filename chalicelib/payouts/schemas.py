"""Wire shapes of payouts. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field

from chalicelib.core.wire import Input, Output, Query
from chalicelib.events.schemas import Day, Moment
from chalicelib.organizations.schemas import ShownAccount
from chalicelib.payouts.model import ItemState, State
from chalicelib.payouts.service import Told, Transfer

Party = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]

Count = Annotated[int, BeforeValidator(lambda count: count or 0)]


class NewPayout(Input):
    until: Moment = Field(description="What was earned before this moment, an hour ago at the latest.")


class NewStatus(Input):
    status: Literal["sent", "settled", "failed"]
    reason: str | None = Field(None, min_length=1, max_length=300)
    parties: list[Party] = Field(
        [], max_length=50, description="With `failed`: the ids of those alone whose transfer is not made or failed."
    )

    def told(self) -> Told:
        return Told(State(self.status), self.reason, tuple(dict.fromkeys(self.parties)))


class Payout(Output):
    id: str
    status: State = Field(validation_alias="state")
    until: datetime
    amount: int
    parties: int = Field(description="How many are paid.")
    held: Count = Field(description="How many are not, since nobody knows their bank account.")
    failed_amount: Count = Field(
        validation_alias="lost", description="What of `amount` does not go out and is owed again."
    )
    currency: str
    made_by: str
    made_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    sent_at: datetime | None
    ended_at: datetime | None
    reason: str | None


class OwnItem(Output):
    payout_id: str
    reference: str = Field(description="What the bank tells with the transfer.")
    amount: int
    currency: str
    status: ItemState
    at: datetime
    reason: str | None
    bank_account: ShownAccount | None = Field(description="Where it goes, as that was when the batch was made.")

    @classmethod
    def of(cls, transfer: Transfer) -> Self:
        return cls(**_told(transfer))


class Item(OwnItem):
    party_id: str = Field(description="A photographer's user id, or the organization's.")
    name: str | None = Field(description="Theirs; null for who was forgotten.")

    @classmethod
    def of(cls, transfer: Transfer) -> Self:
        return cls(**_told(transfer), party_id=transfer.item.whose, name=transfer.name)


def _told(transfer: Transfer) -> dict[str, Any]:
    item, account = transfer.item, transfer.account
    return {
        "payout_id": item.payout,
        "reference": item.reference,
        "amount": item.amount,
        "currency": item.currency,
        "status": item.state,
        "at": item.at,
        "reason": item.reason,
        "bank_account": ShownAccount.model_validate(account) if account else None,
    }


FirstDay = Annotated[Day | None, Field(description="Without it the first of the last day's month.")]
LastDay = Annotated[Day | None, Field(description="Included, and over. Without it the last day of last month.")]


class Days(Query):
    """Of the organization's time zone."""

    first_day: FirstDay = None
    last_day: LastDay = None


class WantedDays(Input):
    """Of the organization's time zone."""

    first_day: FirstDay = None
    last_day: LastDay = None


class Drawn(Output):
    url: str = Field(description="Fetch it with a plain GET before `expiresAt`.")
    expires_at: datetime
