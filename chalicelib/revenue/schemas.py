"""Wire shapes of rules and earnings. Parts of rules are basis points, amounts whole minor units of `currency`."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.revenue import model

Part = Annotated[int, Field(ge=0, le=model.WHOLE, description="Basis points: 3000 are 30 percent.")]
Id = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_-]+$")]


class SplitRule(Output):
    event_id: str | None = Field(description="Null: of any event.")
    photographer_id: str | None = Field(description="Null: of any photographer.")
    platform: int
    photographer: int
    organizer: int
    version: int
    changed_at: datetime
    changed_by: str | None

    @classmethod
    def of(cls, rule: model.Rule) -> Self:
        return cls(
            event_id=rule.event,
            photographer_id=rule.photographer,
            platform=rule.split.platform,
            photographer=rule.split.photographer,
            organizer=rule.split.organizer,
            version=rule.version,
            changed_at=rule.changed_at,
            changed_by=rule.changed_by,
        )


class NewSplitRule(Input):
    """For an event, a photographer, a photographer at an event, or with neither for the organization."""

    event: Id | None = Field(None, description="An event's id or slug.")
    photographer: Id | None = None
    platform: Part
    photographer_part: Part
    organizer: Part
    version: int = Field(0, ge=0, le=1 << 31, description="As the rule was read; 0 where there is none yet.")

    def split(self) -> model.Split:
        return model.Split(self.platform, self.photographer_part, self.organizer)


class _Takings(Output):
    sold: int = Field(description="How many photos; one that was sold twice counts twice.")
    gross: int
    platform: int
    photographer: int
    organizer: int
    currency: str


class Takings(_Takings):
    @classmethod
    def of(cls, takings: model.Takings, currency: str) -> Self:
        return cls(**_amounts(takings), currency=currency)


class Earned(_Takings):
    id: str
    name: str | None

    @classmethod
    def of(cls, earned: model.Earned, currency: str) -> Self:
        return cls(id=earned.id, name=earned.name, **_amounts(earned.takings), currency=currency)


class Statement(_Takings):
    items: list[Earned]
    next_cursor: str | None

    @classmethod
    def of(cls, statement: model.Statement, currency: str) -> Self:
        items = [Earned.of(item, currency) for item in statement.items]
        return cls(items=items, next_cursor=statement.cursor, **_amounts(statement.takings), currency=currency)


class Sold(Output):
    """What one's photos brought, and what of it is one's own."""

    sold: int
    gross: int
    earned: int
    currency: str


class OwnSold(Sold):
    id: str

    @classmethod
    def of(cls, earned: model.Earned, currency: str) -> Self:
        return cls(id=earned.id, **_own(earned.takings), currency=currency)


class OwnStatement(Sold):
    items: list[OwnSold] = Field(description="By event.")
    next_cursor: str | None

    @classmethod
    def of(cls, statement: model.Statement, currency: str) -> Self:
        items = [OwnSold.of(item, currency) for item in statement.items]
        return cls(items=items, next_cursor=statement.cursor, **_own(statement.takings), currency=currency)


def _amounts(takings: model.Takings) -> dict[str, Any]:
    names = ("sold", "gross", "platform", "photographer", "organizer")
    return {name: getattr(takings, name) for name in names}


def _own(takings: model.Takings) -> dict[str, Any]:
    return {"sold": takings.sold, "gross": takings.gross, "earned": takings.photographer}
