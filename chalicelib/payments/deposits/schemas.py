"""Wire shapes of deposits. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.payments.deposits import model

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Release(Input):
    amount: int | None = Field(None, ge=1, le=10**12, description="All that is held without it.")


class Forfeit(Input):
    amount: int = Field(ge=1, le=10**12)
    reason: Text = Field(description="The buyer sees it.")


class Step(Output):
    what: model.What
    amount: int
    at: datetime
    reason: str | None


class Deposit(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    line: str
    status: model.Status
    amount: int
    outstanding: int
    releasing: int = Field(description="What is on its way back.")
    released: int
    forfeited: int
    currency: str
    created_at: datetime
    due_at: datetime | None = Field(description="When what is outstanding goes back by itself.")
    history: list[Step]


class StaffStep(Step):
    by: str | None
    refund_id: str | None = Field(validation_alias="refund")


class StaffDeposit(Deposit):
    payment_id: str = Field(validation_alias="payment")
    owner: str | None
    history: list[StaffStep]  # type: ignore[assignment]
