"""Saved payment methods on the wire."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Input, Output, Query
from chalicelib.payments import gateways, offering
from chalicelib.payments.methods.model import SavedMethod, Wallet


class NewMethod(Input):
    """`token` is what the gateway's own form gave for the card; the card's number must not come here."""

    gateway: str = Field(gateways.FIRST, min_length=1, max_length=40)
    token: str = Field(min_length=1, max_length=200, repr=False)


class Method(Output):
    id: str
    gateway: str
    brand: str
    last4: str
    expires: str | None = Field(description="Year and month, like 2030-01.")
    is_default: bool
    added_at: datetime

    @classmethod
    def of(cls, wallet: Wallet, method: SavedMethod) -> "Method":
        return cls(
            id=method.id,
            gateway=method.gateway,
            brand=method.brand,
            last4=method.last4,
            expires=method.expires,
            is_default=wallet.default == method.id,
            added_at=method.added_at,
        )


class Methods(Output):
    """The oldest first."""

    items: list[Method]

    @classmethod
    def of(cls, wallet: Wallet) -> "Methods":
        return cls(items=[Method.of(wallet, method) for method in wallet.methods])


class Wanted(Query):
    amount: int | None = Field(None, ge=0, le=10**12, description="Only ways that take so many minor units.")


class Offer(Output):
    """A way to pay. `kind` says what the buyer does: `qr_code` is scanned, a `card` typed into the gateway's fields."""

    gateway: str
    title: str
    kind: str
    currencies: list[str]
    smallest: int = Field(description="The least that an order may cost, in minor units.")
    largest: int | None


class Offers(Output):
    """How one may pay here, the shop's first choice first.

    `saved` are the caller's own methods, null for whoever is not signed in.
    """

    currency: str = Field(description="What is paid here in, and what the amounts are of.")
    items: list[Offer]
    saved: list[Method] | None

    @classmethod
    def of(cls, offers: Sequence[offering.Offered], wallet: Wallet | None, currency: str) -> "Offers":
        saved = None if wallet is None else Methods.of(wallet).items
        return cls(currency=currency, items=[Offer.model_validate(offer) for offer in offers], saved=saved)
