"""Wire shapes of credit. Amounts are whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.core import clock
from chalicelib.core.wire import Input, Output
from chalicelib.events.schemas import Moment
from chalicelib.ledger.service import Movement as Moved
from chalicelib.wallet import model
from chalicelib.wallet.model import Source
from chalicelib.wallet.service import Terms

_KINDS = {"capture": "spent", "refund": "refunded"}
LARGEST = 100_000_000
Amount = Annotated[int, Field(ge=1, le=LARGEST)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300)]


class NewCredit(Input):
    amount: Amount
    source: Source = Field(Source.STAFF, strict=False)
    priority: int = Field(100, ge=0, le=1000, description="A lower one is spent first.")
    expires_at: Moment | None = Field(None, description="Null: never.")
    event: str | None = Field(None, min_length=1, max_length=80, description="Spent at this event alone; id or slug.")
    reason: Reason

    def terms(self) -> Terms:
        return Terms(self.amount, self.source, self.priority, self.expires_at, self.event)


class TakenBack(Input):
    grant_id: str = Field(min_length=1, max_length=64)
    amount: Amount | None = Field(None, description="Null: all that is left of it.")
    reason: Reason


class Credit(Output):
    id: str
    source: Source
    amount: int
    left: int
    priority: int
    expires_at: datetime | None
    event_id: str | None = Field(description="Null: spent on whatever is sold.")
    granted_at: datetime

    @classmethod
    def of(cls, grant: model.Grant) -> Self:
        return cls(
            id=grant.id,
            source=grant.source,
            amount=grant.amount,
            left=grant.left,
            priority=grant.priority,
            expires_at=grant.expires_at,
            event_id=grant.event,
            granted_at=grant.granted_at,
        )


class Wallet(Output):
    available: int
    held: int = Field(description="Set aside for payments that are under way.")
    currency: str
    items: list[Credit] = Field(description="What is spent first comes first.")

    @classmethod
    def of(cls, wallet: model.Wallet, currency: str) -> Self:
        at = clock.now()
        return cls(
            available=wallet.available(at),
            held=wallet.held,
            currency=currency,
            items=[Credit.of(grant) for grant in wallet.spendable(at)],
        )


class Movement(Output):
    id: str
    kind: str = Field(
        description="`granted`, `bought`, `spent`, `refunded`, `taken`, `revoked`, `expired` or `forfeited`."
    )
    amount: int = Field(description="With a minus where it was taken out.")
    currency: str
    order_id: str | None
    at: datetime

    @classmethod
    def of(cls, moved: Moved) -> Self:
        return cls(
            id=moved.entry,
            kind=_KINDS.get(moved.kind, moved.kind),
            amount=-moved.amount,
            currency=moved.currency,
            order_id=moved.order,
            at=moved.at,
        )
