"""Wire shapes of carts and quotes. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.carts.model import MOST_ITEMS
from chalicelib.carts.service import Opened
from chalicelib.core.money import Money
from chalicelib.core.wire import Input, Output, Query
from chalicelib.lines.contract import Item as CartItem
from chalicelib.lines.contract import LineTax as Taxed
from chalicelib.lines.contract import Quote, QuoteLine, percent

Licence = Literal["personal", "commercial"]
Ref = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class NewItem(Input):
    kind: str = Field("photos", min_length=1, max_length=20)
    ref: Ref = Field(description="The id of the thing: a photo's id for `photos`.")
    licence: Licence = "personal"


class AddItems(Input):
    items: list[NewItem] = Field(min_length=1, max_length=MOST_ITEMS)

    def wanted(self) -> list[CartItem]:
        return [CartItem(item.kind, item.ref, item.licence) for item in self.items]


class ChangedItem(Input):
    licence: Licence


class ChangedQuantity(Input):
    item_id: Ref = Field(description="The `ref` of an item in the cart: any one of those that are alike.")
    quantity: int = Field(ge=0, le=MOST_ITEMS, description="How many of these there are to be; 0 takes them all out.")


class SelectedPackage(Input):
    kind: str = Field("photos", min_length=1, max_length=20)
    event: Ref = Field(description="Its id or slug.")
    package: Ref = Field(description="The code of one of its packages.")
    photos: list[Ref] = Field(min_length=1, max_length=MOST_ITEMS)


class TakenCode(Input):
    code: str = Field(min_length=1, max_length=64)


class DroppedCode(Query):
    code: str | None = Field(None, min_length=1, max_length=64)


class Item(Output):
    kind: str
    ref: str
    licence: str
    package: str | None = Field(description="The code of the package that was selected for it.")


class Part(Output):
    code: str
    name: str
    count: int
    price: int
    amount: int


class LineTax(Output):
    tax_class: str
    name: str
    rate: int = Field(description="Thousandths of a percent.")
    inclusive: bool = Field(description="It was in the price; else it was put on top. The amount has it either way.")
    amount: int


class TaxSum(Output):
    """What of the total has a tax of this name and rate: `base` without it."""

    name: str
    rate: int = Field(description="Thousandths of a percent.")
    inclusive: bool
    base: int
    amount: int


class Deposit(Output):
    """Paid beside the amount, and given back."""

    amount: int
    due_at: datetime | None = Field(description="When it goes back by itself.")


class Line(Output):
    kind: str
    subject: str = Field(description="What the line is about: the event's id for `photos`.")
    title: str
    licence: str
    refs: list[str]
    parts: list[Part]
    amount: int
    list_amount: int = Field(description="What the items would cost one by one.")
    because: str
    discount: int = Field(
        0, description="What codes took off: the parts come to this and the amount, less the tax put on top."
    )
    tax: LineTax | None = Field(None, description="What of the amount is tax.")
    deposit: Deposit | None = None


class Discount(Output):
    code: str
    name: str
    says: str = Field(description="What the code takes off, in words.")
    amount: int


class Problem(Output):
    ref: str
    code: str
    message: str


class Totals(Output):
    lines: list[Line]
    problems: list[Problem]
    discounts: list[Discount]
    taxes: list[TaxSum]
    total: int
    deposit: int = Field(description="What of the total is given back one day.")
    list_total: int
    saved: int = Field(description="Against the list, before tax is put on top.")
    currency: str

    @classmethod
    def of(cls, quote: Quote) -> "Totals":
        return cls.model_validate(
            {
                "lines": quote.lines,
                "problems": quote.problems,
                "discounts": quote.discounts,
                "taxes": quote.taxes,
                "total": quote.total,
                "deposit": quote.deposit,
                "list_total": quote.list_total,
                "saved": quote.saved,
                "currency": quote.currency,
            }
        )


class Cart(Output):
    id: str
    items: list[Item]
    codes: list[str] = Field(description="Promotion codes; one that does not hold now is among the quote's problems.")
    quote: Totals
    token: str | None = Field(description="A guest's key to this cart, given once: send it as `X-Cart-Token`.")

    @classmethod
    def of(cls, opened: Opened) -> "Cart":
        items = [Item.model_validate(item) for item in opened.cart.items]
        cart, totals = opened.cart, Totals.of(opened.quote)
        return cls(id=cart.id, items=items, codes=list(cart.codes), quote=totals, token=opened.token)


class ExplainedLine(Output):
    subject: str
    title: str
    licence: str
    count: int
    amount: int
    list_amount: int = Field(description="What the items would cost one by one.")
    saved: int
    words: list[str] = Field(description="How the amount comes about, for people.")

    @classmethod
    def of(cls, line: QuoteLine, currency: str) -> "ExplainedLine":
        def money(amount: int) -> Money:
            return Money(amount, currency)

        words = [f"{part.count} x {part.name} at {money(part.price)}: {money(part.amount)}." for part in line.parts]
        off = [f"Codes take off {money(line.discount)}."] if line.discount else []
        return cls(
            subject=line.subject,
            title=line.title,
            licence=line.licence,
            count=len(line.refs),
            amount=line.amount,
            list_amount=line.list_amount,
            saved=line.saved,
            words=[*words, line.because, *off, *([_explained(line.tax, currency)] if line.tax else [])],
        )


class Summary(Output):
    count: int
    lines: list[ExplainedLine]
    problems: list[Problem]
    discounts: list[Discount]
    taxes: list[TaxSum]
    total: int
    deposit: int = Field(description="What of the total is given back one day.")
    list_total: int
    saved: int
    currency: str

    @classmethod
    def of(cls, opened: Opened) -> "Summary":
        quote = opened.quote
        return cls(
            count=len(opened.cart.items),
            lines=[ExplainedLine.of(line, quote.currency) for line in quote.lines],
            problems=[Problem.model_validate(problem) for problem in quote.problems],
            discounts=[Discount.model_validate(discount) for discount in quote.discounts],
            taxes=[TaxSum.model_validate(tax) for tax in quote.taxes],
            total=quote.total,
            deposit=quote.deposit,
            list_total=quote.list_total,
            saved=quote.saved,
            currency=quote.currency,
        )


def _explained(tax: Taxed, currency: str) -> str:
    named, amount = f"{tax.name} of {percent(tax.rate)} %", Money(tax.amount, currency)
    return f"{named} is in it: {amount}." if tax.inclusive else f"{named} is added: {amount}."
