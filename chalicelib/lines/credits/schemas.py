"""Wire shapes of credit packs. Amounts are whole minor units of `currency`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.events.schemas import Moment
from chalicelib.lines.credits import model
from chalicelib.lines.credits.service import Terms

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Amount = Annotated[int, Field(ge=1, le=100_000_000)]
EventId = Annotated[str, Field(min_length=1, max_length=80)]


class NewPack(Input):
    name: Name
    credit: Amount = Field(description="What the buyer may spend.")
    price: Amount = Field(description="What they pay for it: no more than that.")
    event: EventId | None = Field(None, description="Sold before this event begins; its id or slug.")
    bound: bool = Field(False, description="The credit is spent at the event alone.")
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    priority: int = Field(100, ge=0, le=1000, description="Credit with a lower one is spent first.")
    expires_at: Moment | None = None
    days: int | None = Field(None, ge=1, le=3650, description="The credit expires so long after it was paid for.")

    def terms(self) -> Terms:
        return Terms(**{name: getattr(self, name) for name in Terms.__dataclass_fields__})


class PackPage(Paging):
    event: EventId | None = Field(None, description="Only what is sold for this event.")


class Pack(Output):
    id: str = Field(description="Put it into the cart as `ref`, with the kind `credits`.")
    name: str
    credit: int
    price: int
    currency: str
    event_id: str | None
    bound: bool
    opens_at: datetime | None
    closes_at: datetime | None
    priority: int
    expires_at: datetime | None
    days: int | None

    @classmethod
    def of(cls, pack: model.Pack, currency: str) -> Self:
        return cls.model_validate(asdict(pack) | {"event_id": pack.event, "currency": currency})
