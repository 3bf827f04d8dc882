"""Wire shapes of orders. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from chalicelib.carts.schemas import Discount, Line, TaxSum
from chalicelib.core.wire import Input, Output
from chalicelib.orders import model, service


class PlaceOrder(Input):
    email: str = Field(min_length=3, max_length=254, description="Where the download link goes.")
    language: Literal["th", "en"] | None = None
    expected_total: int | None = Field(None, ge=0, description="Refuses with `price_changed` when it differs.")


class Cancel(Input):
    reason: str | None = Field(None, min_length=1, max_length=200)


class OrderLine(Line):
    id: str
    status: model.LineStatus
    refunded: int


class Step(Output):
    status: model.Status
    at: datetime


class Instalment(Output):
    payment_id: str = Field(validation_alias="payment")
    amount: int


class Order(Output):
    id: str
    code: str
    status: model.Status
    email: str
    language: str
    lines: list[OrderLine]
    discounts: list[Discount]
    taxes: list[TaxSum]
    total: int
    deposit: int = Field(description="What of the total is given back one day.")
    list_total: int
    due: int = Field(description="What is still to be paid.")
    instalments: list[Instalment] = Field(description="What came of the total in parts, the first one first.")
    refunded: int = Field(description="What was given back of the total.")
    currency: str
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    history: list[Step]


class PlacedOrder(Order):
    token: str = Field(description="Opens the order and its downloads without an account: send it as `X-Order-Token`.")

    @classmethod
    def of(cls, order: model.Order) -> "PlacedOrder":
        known = Order.model_validate(order)
        return cls(**{name: getattr(known, name) for name in Order.model_fields}, token=service.token_of(order))
