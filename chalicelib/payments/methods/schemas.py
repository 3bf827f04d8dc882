"""Saved payment methods on the wire."""

from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.payments.methods.model import SavedMethod, Wallet


class NewMethod(Input):
    """`token` is what the gateway's own form gave for the card; the card's number must not come here."""

    gateway: str = Field("paynoi", min_length=1, max_length=40)
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
