"""Wire shapes of promotions. Amounts are whole minor units of `currency`, the organization's."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.events.schemas import Moment
from chalicelib.promotions import model
from chalicelib.promotions.model import Kind
from chalicelib.promotions.service import Counted
from chalicelib.promotions.service import Terms as PromotionTerms

Code = Annotated[str, StringConstraints(min_length=3, max_length=32, pattern=r"^\s*[A-Za-z0-9_-]+\s*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Amount = Annotated[int, Field(ge=0, le=100_000_000)]
Often = Annotated[int, Field(ge=1, le=1_000_000)]
LineKind = Annotated[str, StringConstraints(min_length=1, max_length=20)]
EventId = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Terms(Input):
    name: Name = Field(description="What buyers see beside what it takes off.")
    kind: Kind = Field(strict=False, description="`percent`, `amount`, or `free_items` (buy some, get some).")
    percent: int = Field(0, ge=0, le=100)
    amount: Amount = 0
    buy: int = Field(0, ge=0, le=100, description="Of each `buy` + `free` things of an event `free` cost nothing.")
    free: int = Field(0, ge=0, le=100)
    minimum: Amount = Field(0, description="What the things it concerns come to at least.")
    kinds: list[LineKind] = Field(default_factory=list, max_length=10, description="Lines of sale; empty for all.")
    events: list[EventId] = Field(default_factory=list, max_length=20, description="Ids or slugs; empty for all.")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    limit: Often | None = Field(None, description="How often it may be taken in all.")
    per_customer: Often | None = Field(None, description="How often by one buyer, by account and by address.")
    stacks: bool = Field(False, description="Other codes that do so, too, may stand beside it.")
    active: bool = True

    def terms(self) -> PromotionTerms:
        fields = {name: getattr(self, name) for name in PromotionTerms.__dataclass_fields__ if name != "subjects"}
        return PromotionTerms(**fields | {"kinds": tuple(self.kinds)}, subjects=tuple(self.events))


class NewPromotion(Terms):
    code: Code = Field(description="What buyers type, in any case. It can not be changed.")


class ChangedPromotion(Terms):
    version: int = Field(ge=1, description="Of the terms that are replaced.")


class Promotion(Output):
    id: str
    code: str
    name: str
    kind: Kind
    percent: int
    amount: int
    buy: int
    free: int
    minimum: int
    currency: str
    kinds: list[str]
    events: list[str]
    starts_at: datetime | None
    ends_at: datetime | None
    limit: int | None
    per_customer: int | None
    stacks: bool
    active: bool
    created_at: datetime
    version: int

    @classmethod
    def of(cls, promotion: model.Promotion, currency: str) -> Self:
        return cls.model_validate(_told(promotion, currency))


class CountedPromotion(Promotion):
    taken: int = Field(description="By how many orders that were not given up.")

    @classmethod
    def counted(cls, counted: Counted, currency: str) -> Self:
        return cls.model_validate(_told(counted.promotion, currency) | {"taken": counted.taken.total})


def _told(promotion: model.Promotion, currency: str) -> dict[str, Any]:
    return asdict(promotion) | {"events": promotion.subjects, "currency": currency}
