"""Wire shapes of carts and quotes. Amounts are whole minor units of `currency`."""

from typing import Annotated

from pydantic import Field

from chalicelib.carts.model import MOST_ITEMS
from chalicelib.carts.service import Opened
from chalicelib.core.wire import Input, Output
from chalicelib.lines.contract import Item as CartItem
from chalicelib.lines.contract import Quote

CURRENCY = "THB"
Ref = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class NewItem(Input):
    kind: str = Field("photos", min_length=1, max_length=20)
    ref: Ref = Field(description="The id of the thing: a photo's id for `photos`.")


class AddItems(Input):
    items: list[NewItem] = Field(min_length=1, max_length=MOST_ITEMS)

    def wanted(self) -> list[CartItem]:
        return [CartItem(item.kind, item.ref) for item in self.items]


class Item(Output):
    kind: str
    ref: str


class Part(Output):
    code: str
    name: str
    count: int
    price: int
    amount: int


class Line(Output):
    kind: str
    subject: str = Field(description="What the line is about: the event's id for `photos`.")
    title: str
    refs: list[str]
    parts: list[Part]
    amount: int
    list_amount: int = Field(description="What the items would cost one by one.")
    because: str


class Problem(Output):
    ref: str
    code: str
    message: str


class Totals(Output):
    lines: list[Line]
    problems: list[Problem]
    total: int
    list_total: int
    saved: int
    currency: str = CURRENCY

    @classmethod
    def of(cls, quote: Quote) -> "Totals":
        return cls.model_validate(
            {
                "lines": quote.lines,
                "problems": quote.problems,
                "total": quote.total,
                "list_total": quote.list_total,
                "saved": quote.list_total - quote.total,
            }
        )


class Cart(Output):
    id: str
    items: list[Item]
    quote: Totals
    token: str | None = Field(description="A guest's key to this cart, given once: send it as `X-Cart-Token`.")

    @classmethod
    def of(cls, opened: Opened) -> "Cart":
        items = [Item.model_validate(item) for item in opened.cart.items]
        return cls(id=opened.cart.id, items=items, quote=Totals.of(opened.quote), token=opened.token)
