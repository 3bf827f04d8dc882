"""Wire shapes of what staff see of orders."""

from datetime import UTC, datetime

from pydantic import AwareDatetime, Field

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.orders import model, schemas


class Search(Paging):
    """`since` and `until` are times of placing with their zone; the second is not included."""

    status: model.Status | None = None
    customer: str | None = Field(None, max_length=64)
    event: str | None = Field(None, max_length=64)
    code: str | None = Field(None, max_length=16)
    email: str | None = Field(None, max_length=254)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def wanted(self) -> model.Search:
        return model.Search(
            status=self.status,
            customer=self.customer,
            event=self.event,
            code=self.code.strip().upper() if self.code else None,
            email=self.email.strip().lower() if self.email else None,
            since=_utc(self.since),
            until=_utc(self.until),
        )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


class Change(Input):
    """Only `cancelled` is a status that a person gives."""

    status: model.Status | None = Field(None, strict=False)
    reason: str | None = Field(None, min_length=1, max_length=200)
    note: str | None = Field(None, min_length=1, max_length=2000)


class NewNote(Input):
    text: str = Field(min_length=1, max_length=2000)


class Note(Output):
    id: str
    author: str | None
    text: str
    created_at: datetime


class Step(schemas.Step):
    why: str
    by: str | None


class Order(schemas.Order):
    owner: str | None = Field(description="The buyer's user id; null for a guest.")
    payment: str | None
    history: list[Step]  # type: ignore[assignment]
