"""Wire shapes of refunds. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.orders import service as orders
from chalicelib.payments.refunds import model, service

Text = Annotated[str, Field(min_length=1, max_length=200)]


class WantedLine(Input):
    line: str = Field(min_length=1, max_length=20)
    amount: int | None = Field(None, ge=0, description="All that is left of the line without it.")

    def wanted(self) -> model.Wanted:
        return model.Wanted(self.line, self.amount)


class _Wanted(Input):
    lines: list[WantedLine] | None = Field(
        None, min_length=1, max_length=orders.MOST_LINES, description="All that is left of the order without them."
    )
    reason: Text
    pay_to: Text | None = Field(None, repr=False, description="Where a transfer goes: a bank account or PromptPay.")

    def wanted(self) -> list[model.Wanted] | None:
        """Each line once: the last that was said of it."""
        return None if self.lines is None else list({each.line: each.wanted() for each in self.lines}.values())


class AskRefund(_Wanted):
    pass


class AskRefundOf(_Wanted):
    payment_id: str = Field(min_length=1, max_length=64)


class GiveBack(_Wanted):
    way: Literal["gateway", "transfer", "credit"] | None = Field(
        None,
        description="As it was paid and the gateway can, without it. What credit paid goes back as credit. "
        "`credit` for an exchange: the buyer has it as credit, and orders something else.",
    )

    def chosen(self) -> model.Way | None:
        return model.Way(self.way) if self.way else None


class Decision(Input):
    """`transferred` needs the bank's `reference`; somebody else then says `confirm`."""

    action: Literal["approve", "decline", "transferred", "confirm"]
    way: Literal["gateway", "transfer", "credit"] | None = None
    reason: Text = Field("declined", description="For staff: the buyer is told that, and not why.")
    reference: Text | None = None


class Part(Output):
    line: str
    amount: int
    whole: bool = Field(description="Nothing of the line is left, and what was handed over is withdrawn.")
    tax: int = Field(description="What of the amount is tax, once it went back.")


class Refund(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    payment_id: str = Field(validation_alias="payment")
    status: model.State = Field(validation_alias="state")
    amount: int
    currency: str
    parts: list[Part]
    deposit: int | None = Field(description="What of the amount is of a deposit.")
    reason: str
    way: model.Way | None
    created_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None


class Refunds(Output):
    items: list[Refund]


class StaffRefund(Refund):
    tail: int
    excess: int
    reference: str | None
    failure: str | None
    requested_by: str | None
    decided_by: str | None
    sent_by: str | None
    ended_by: str | None
    pay_to: str | None = Field(description="Where to transfer it. Gone once it went.")

    @classmethod
    def of(cls, refund: model.Refund) -> "StaffRefund":
        known = cls.model_validate(refund)
        return known.model_copy(update={"pay_to": service.pay_to(refund)})
