"""What is printed at which price, and parcels of prints on their way to somebody. Pure rules; amounts are minor units.

A parcel is what one address gets from one laboratory: it is one thing in a cart, one line of an order and one order at
the laboratory.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from chalicelib.core.errors import Conflict, Invalid, NotFound
from chalicelib.lines.prints.labs.contract import Shipment
from chalicelib.profiles.model import Address

LASTS = timedelta(days=7)
"""For so long a parcel may be ordered: as long as a cart lasts."""
KEPT_FOR = timedelta(days=60)
"""For so long after the end the address is kept, for who asks where their parcel is."""
ANSWERS_WITHIN = timedelta(minutes=2)
"""Once the laboratory was asked so long ago, what it does not know by then it has never heard of."""
MOST_PRODUCTS = 60
MOST_PRINTS = 40
MOST_COPIES = 50


@dataclass(frozen=True, slots=True)
class Product:
    """A size on a paper. `sku` is what the laboratory calls it, `width` and `height` are millimetres.

    Of `price` per copy the laboratory takes `cost`. A photo is good enough from `short_side` by `long_side` pixels on.
    """

    code: str
    name: str
    sku: str
    width: int
    height: int
    paper: str
    price: int
    cost: int
    short_side: int
    long_side: int
    active: bool = True

    def __post_init__(self) -> None:
        if self.cost > self.price:
            raise Invalid("print_below_cost", "A print costs no less than the laboratory takes.", field="cost")
        if self.short_side > self.long_side:
            raise Invalid("print_sides", "The short side is no longer than the long one.", field="shortSide")

    def takes(self, width: int | None, height: int | None) -> bool:
        """Whether a photo of so many pixels is good enough."""
        short, long = sorted((width or 0, height or 0))
        return short >= self.short_side and long >= self.long_side

    @property
    def fixed(self) -> tuple[str, int, int, str]:
        """What makes it this product: another paper or size is another one."""
        return self.sku, self.width, self.height, self.paper


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that an organization has printed. Version 0 is one that was never stored."""

    organization: str
    products: tuple[Product, ...] = ()
    version: int = 0

    @property
    def on_sale(self) -> dict[str, Product]:
        return {product.code: product for product in self.products if product.active}

    def get(self, code: str) -> Product:
        """Raises NotFound."""
        found = next((product for product in self.products if product.code == code), None)
        if found is None:
            raise NotFound("print_product_not_found", "There is no such print product.")
        return found

    def with_product(self, product: Product) -> Self:
        """Raises Conflict for a code that is taken, Invalid for one too many."""
        if any(held.code == product.code for held in self.products):
            raise Conflict("print_code_taken", "Another product has this code.", field="code")
        if len(self.products) >= MOST_PRODUCTS:
            raise Invalid("too_many_products", f"Up to {MOST_PRODUCTS} products are printed.")
        return replace(self, products=(*self.products, product))

    def with_changed(self, product: Product) -> Self:
        """Raises NotFound, Conflict where it would be another product."""
        was = self.get(product.code)
        if was.fixed != product.fixed:
            raise Conflict("print_product_fixed", "Another size or paper is another product.", field="sku")
        return replace(self, products=tuple(product if held is was else held for held in self.products))

    def without(self, code: str) -> Self:
        """Raises NotFound."""
        was = self.get(code)
        return replace(self, products=tuple(held for held in self.products if held is not was))


@dataclass(frozen=True, slots=True)
class Print:
    """So many copies of a photo. `sku` is the product's as it was: who changes the products changes no parcel."""

    photo: str
    product: str
    copies: int
    sku: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a parcel, and once it is paid for, the `email` and `language` in which they hear of it."""

    address: Address
    email: str | None = None
    language: str | None = None


class State(StrEnum):
    """DRAFT: not paid for. WAITING: for the laboratory to be asked, which in ASKED it was, perhaps in vain.

    REJECTED: the laboratory does not print it, or can not go on; staff look at it.
    """

    DRAFT = "draft"
    WAITING = "waiting"
    ASKED = "asked"
    PRINTING = "printing"
    REJECTED = "rejected"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


OVER = frozenset({State.SHIPPED, State.CANCELLED})
_ASK_AGAIN = {
    State.WAITING: timedelta(minutes=5),
    State.ASKED: timedelta(minutes=5),
    State.PRINTING: timedelta(hours=1),
    State.REJECTED: timedelta(hours=6),
    State.SHIPPED: KEPT_FOR,
    State.CANCELLED: KEPT_FOR,
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """Prints of photos of one event. `recipient` is sealed, and None once it was forgotten.

    `order` and `code` are those of the order that has it, paid or not. `looked_at` is when the laboratory was last
    asked about it, or when its state last changed. `withdrawn` ones were given back: they are cancelled if there is
    time.
    """

    id: str
    organization: str
    event: str
    prints: tuple[Print, ...]
    country: str
    created_at: datetime
    looked_at: datetime
    recipient: str | None = field(default=None, repr=False)
    owner: str | None = None
    state: State = State.DRAFT
    order: str | None = None
    code: str | None = None
    lab_order: str | None = None
    reason: str | None = None
    shipments: tuple[Shipment, ...] = ()
    withdrawn: bool | None = None
    correlation: str | None = None
    version: int = 0

    @property
    def photos(self) -> list[str]:
        return list(dict.fromkeys(each.photo for each in self.prints))

    @property
    def ends_at(self) -> datetime | None:
        """When it goes by itself: what nobody orders."""
        return self.created_at + LASTS if self.state is State.DRAFT and self.order is None else None

    @property
    def due_at(self) -> datetime | None:
        """When somebody should look: the laboratory is to be asked, or the address to be forgotten."""
        if self.state is State.DRAFT or (self.state in OVER and self.recipient is None):
            return None
        return self.looked_at + _ASK_AGAIN[self.state]

    def held(self, order: str | None) -> Self:
        return replace(self, order=order)

    def moved(self, state: State, at: datetime, reason: str | None = None) -> Self:
        return replace(self, state=state, reason=reason, looked_at=at)

    def forgotten(self) -> Self:
        return replace(self, owner=None, recipient=None)
