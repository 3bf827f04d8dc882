"""Documents of account on the wire. Amounts are whole minor units of `currency`."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from chalicelib.carts.schemas import LineTax, Part, TaxSum
from chalicelib.core.wire import Input, Output, Paging
from chalicelib.invoices import model, service
from chalicelib.organizations import service as organizations

Line = Annotated[str, StringConstraints(min_length=1, max_length=160, pattern=r"\S")]


class BillingDetails(Input):
    """Without a name the receipt has the e-mail address of the order."""

    name: Line | None = Field(None, repr=False)
    address: Line | None = Field(None, repr=False)
    tax_number: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9./ -]{3,40}$", max_length=40)] | None = Field(
        None, repr=False
    )


class Billing(Output):
    name: str | None
    address: str | None
    tax_number: str | None = Field(description="Its last characters.")

    @classmethod
    def of(cls, organization: str, order: str, told: model.Billing | model.Buyer) -> "Billing":
        number = service.open_tax_number(organization, order, told.tax_number)
        return cls(name=told.name, address=told.address, tax_number=organizations.masked(number) if number else None)


class Seller(Output):
    name: str
    tax_number: str | None
    address: str | None


class Position(Output):
    line: str
    title: str
    parts: list[Part]
    discount: int
    amount: int
    tax: LineTax | None


class PaidBy(Output):
    method: str
    amount: int


class Document(Output):
    """As it was issued. `tail` is what was paid, or went back, beyond the total; `corrects` the receipt's number."""

    number: str
    kind: model.Kind
    order: str
    code: str
    issued_at: datetime
    day: date = Field(description="Of issuing, in the organization's zone.")
    seller: Seller
    email: str | None = Field(description="The buyer's; null once they have been forgotten.")
    billing: Billing
    positions: list[Position]
    taxes: list[TaxSum]
    currency: str
    total: int
    tail: int
    paid: int = Field(description="What moved: the total with the tail.")
    method: str | None = Field(description="The gateway or the way back; null where it was paid in parts.")
    paid_by: list[PaidBy] = Field(description="What each of several payments brought.")
    refund: str | None
    corrects: str | None

    @classmethod
    def of(cls, document: model.Document) -> "Document":
        told = {name: getattr(document, name) for name in cls.model_fields if name not in ("email", "billing")}
        billing = Billing.of(document.organization, document.order, document.buyer)
        return cls.model_validate(told | {"email": document.buyer.email, "billing": billing})


class Documents(Output):
    documents: list[Document]


class Drawn(Output):
    document: Document
    url: str = Field(description="The PDF: fetch it with a plain GET before `expiresAt`.")
    expires_at: datetime

    @classmethod
    def of(cls, drawn: service.Drawn) -> "Drawn":
        return cls(document=Document.of(drawn.document), url=drawn.url, expires_at=drawn.expires_at)


class Search(Paging):
    """`since` and `until` are times of issuing with their zone; the second is not included."""

    kind: model.Kind = model.Kind.RECEIPT
    number: str | None = Field(None, max_length=40)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
