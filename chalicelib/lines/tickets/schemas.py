"""Wire shapes of tickets. Amounts are whole minor units of `currency`."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.events.schemas import Moment
from chalicelib.lines.tickets.model import MOST_AN_ORDER, Shown, State, Terms
from chalicelib.lines.tickets.service import Offer
from chalicelib.stock.service import MOST_UNITS

FEW = 10
"""From here on visitors are told how many are left."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=2_000, strip_whitespace=True)]


class NewTicketType(Input):
    name: Name
    price: int = Field(ge=0, le=100_000_000)
    capacity: int = Field(ge=1, le=MOST_UNITS, description="How many of them there are.")
    description: Text = ""
    most: int = Field(10, ge=1, le=MOST_AN_ORDER, description="An order takes up to so many.")
    opens_at: Moment | None = None
    closes_at: Moment | None = Field(None, description="Without it they are sold until the end of the event's day.")

    def terms(self) -> Terms:
        return Terms(**{name: getattr(self, name) for name in Terms.__dataclass_fields__})


class ChangedTicketType(NewTicketType):
    version: int = Field(ge=1)


class TicketType(Output):
    id: str = Field(description="Put tickets of it into the cart as `{id}-1`, `{id}-2`..., with the kind `tickets`.")
    name: str
    description: str
    price: int
    currency: str
    most: int = Field(description="An order takes up to so many.")
    opens_at: datetime | None
    closes_at: datetime | None
    sold_out: bool
    left: int | None = Field(description=f"How many are left, once these are {FEW} or fewer.")

    @classmethod
    def of(cls, offer: Offer) -> "TicketType":
        return cls(**_told(offer), left=offer.left if offer.left <= FEW else None)


class TicketTypes(Output):
    items: list[TicketType]

    @classmethod
    def of(cls, offers: list[Offer]) -> "TicketTypes":
        return cls(items=[TicketType.of(offer) for offer in offers])


class OfferedTicketType(TicketType):
    left: int = Field(description="How many are left.")
    capacity: int
    on_sale: bool
    withdrawn_at: datetime | None
    version: int

    @classmethod
    def of(cls, offer: Offer) -> "OfferedTicketType":
        more = {name: getattr(offer.type, name) for name in ("capacity", "withdrawn_at", "version")}
        return cls(**_told(offer), **more, left=offer.left, on_sale=offer.on_sale)


class OfferedTicketTypes(Output):
    items: list[OfferedTicketType]

    @classmethod
    def of(cls, offers: list[Offer]) -> "OfferedTicketTypes":
        return cls(items=[OfferedTicketType.of(offer) for offer in offers])


class IssuedTicket(Output):
    id: str
    order_id: str = Field(validation_alias="order")
    event_id: str = Field(validation_alias="event")
    event_name: str
    type_id: str = Field(validation_alias="type")
    type_name: str
    state: State
    issued_at: datetime


class BoughtTicket(IssuedTicket):
    code: str = Field(
        description=(
            "What its holder shows as a QR code: id, event, name of the organization's key and, in base64url, its "
            "Ed25519 signature of the first two with the dot between them. A void ticket admits nobody."
        )
    )

    @classmethod
    def of(cls, shown: Shown) -> "BoughtTicket":
        return cls.model_validate({**asdict(shown.ticket), "code": shown.code})


class Tickets(Output):
    items: list[BoughtTicket]

    @classmethod
    def of(cls, tickets: list[Shown]) -> "Tickets":
        return cls(items=[BoughtTicket.of(shown) for shown in tickets])


def _told(offer: Offer) -> dict[str, Any]:
    names = ("id", "name", "description", "price", "most", "opens_at", "closes_at")
    told = {name: getattr(offer.type, name) for name in names}
    return told | {"currency": offer.currency, "sold_out": not offer.left}
