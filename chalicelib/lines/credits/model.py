"""Packs of credit: so much to spend later for less money now. Pure rules; amounts are minor units.

A pack never changes once it is offered, so an order needs no copy of it: who wants other terms withdraws it and offers
another one.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.events.model import Event


@dataclass(frozen=True, slots=True)
class Pack:
    """`credit` for `price`, on sale from `opens_at` to before `closes_at`.

    With an `event` it is sold before that begins, and with `bound` its credit is spent there alone. The credit expires
    at `expires_at`, or so many `days` after it was paid for, or never. Raises Invalid for terms that cannot be meant.
    """

    id: str
    organization: str
    name: str
    credit: int
    price: int
    created_at: datetime
    event: str | None = None
    bound: bool = False
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    priority: int = 100
    expires_at: datetime | None = None
    days: int | None = None
    withdrawn_at: datetime | None = None
    version: int = 0

    def __post_init__(self) -> None:
        if self.price > self.credit:
            raise Invalid("pack_too_dear", "A pack costs no more than its credit.", field="price")
        if self.bound and self.event is None:
            raise Invalid("pack_without_event", "Name the event that the credit is for.", field="event")
        if self.opens_at and self.closes_at and self.opens_at >= self.closes_at:
            raise Invalid("sale_window", "Sales must open before they close.", field="closesAt")
        if self.expires_at is not None and self.days is not None:
            raise Invalid("one_expiry", "Credit expires at a moment or after days, not both.", field="days")

    def must_sell(self, at: datetime, event: Event | None) -> None:
        """Raises Conflict `pack_not_on_sale`. `event` is the pack's."""
        early = self.opens_at is not None and at < self.opens_at
        late = self.closes_at is not None and at >= self.closes_at
        begun = event is not None and (at >= beginning(event) or not event.is_public)
        over = self.expires_at is not None and at >= self.expires_at
        if early or late or begun or over or self.withdrawn_at is not None:
            raise Conflict("pack_not_on_sale", "This credit is not sold now.")

    def ends_for(self, paid_at: datetime) -> datetime | None:
        """When credit that was paid for then expires."""
        return paid_at + timedelta(days=self.days) if self.days is not None else self.expires_at

    def withdrawn(self, at: datetime) -> Self:
        return self if self.withdrawn_at else replace(self, withdrawn_at=at)


def beginning(event: Event) -> datetime:
    """The first moment of an event's day, where it takes place."""
    return datetime.combine(event.date, time.min, ZoneInfo(event.timezone)).astimezone(UTC)
