"""Wire shapes of prints. Amounts are whole minor units of `currency`, lengths are millimetres."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.lines.contract import QuoteLine
from chalicelib.lines.prints import model
from chalicelib.lines.prints.model import MOST_COPIES, MOST_PRINTS, State
from chalicelib.profiles.schemas import AddressInput

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
Length = Annotated[int, Field(ge=50, le=3_000)]
Pixels = Annotated[int, Field(ge=1, le=50_000)]
PhotoId = Annotated[str, Field(min_length=1, max_length=64)]


class ChangedProduct(Input):
    name: Name
    sku: Sku = Field(description="What the print laboratory calls it.")
    width: Length
    height: Length
    paper: Name = Field(description="Paper and finish, in words.")
    price: int = Field(ge=1, le=100_000_000, description="Of a copy.")
    cost: int = Field(ge=0, le=100_000_000, description="What the laboratory takes of it.")
    short_side: Pixels = Field(description="A photo needs this many pixels on its short side, at least.")
    long_side: Pixels = Field(description="And this many on its long one.")
    active: bool = True

    def product(self, code: str) -> model.Product:
        fields = {name: getattr(self, name) for name in ChangedProduct.model_fields}
        return model.Product(code=code, **fields)


class NewProduct(ChangedProduct):
    code: Code


class Product(Output):
    code: str
    name: str
    width: int
    height: int
    paper: str
    price: int
    short_side: int
    long_side: int
    active: bool
    currency: str


class Products(Output):
    items: list[Product]

    @classmethod
    def of(cls, catalogue: model.Catalogue, currency: str) -> Self:
        return cls(items=[Product(**asdict(product), currency=currency) for product in catalogue.products])


class ParcelAddress(AddressInput):
    postal_code: Annotated[str, StringConstraints(min_length=1, max_length=16)]


class Print(Input):
    photo: PhotoId
    product: Code
    copies: int = Field(1, ge=1, le=MOST_COPIES)


class NewParcel(Input):
    address: ParcelAddress
    prints: list[Print] = Field(min_length=1, max_length=MOST_PRINTS)

    def wanted(self) -> list[model.Print]:
        return [model.Print(each.photo, each.product, each.copies) for each in self.prints]


class Part(Output):
    code: str
    name: str
    count: int
    price: int
    amount: int


class Parcel(Output):
    id: str = Field(description="Put it into the cart as `ref`, with the kind `prints`.")
    event_id: str
    parts: list[Part]
    amount: int = Field(description="Before codes and tax.")
    currency: str
    expires_at: datetime

    @classmethod
    def of(cls, parcel: model.Parcel, line: QuoteLine, currency: str) -> Self:
        return cls(
            id=parcel.id,
            event_id=parcel.event,
            parts=[Part.model_validate(part) for part in line.parts],
            amount=line.amount,
            currency=currency,
            expires_at=parcel.created_at + model.LASTS,
        )


# --- for staff ----------------------------------------------------------------------------------------------


class InState(Paging):
    state: State = State.REJECTED


class Printed(Output):
    photo: str
    product: str
    sku: str
    copies: int


class Shipment(Output):
    carrier: str
    number: str | None
    url: str | None


class PaidParcel(Output):
    """Where it goes the laboratory knows."""

    id: str
    order_id: str | None = Field(validation_alias="order")
    order_code: str | None = Field(validation_alias="code")
    event_id: str = Field(validation_alias="event")
    state: State
    reason: str | None
    country: str
    prints: list[Printed]
    lab_order: str | None = Field(description="What the laboratory calls the order.")
    shipments: list[Shipment]
    withdrawn: bool | None = Field(description="Its money was given back.")
    created_at: datetime
    looked_at: datetime
