"""Wire shapes of events. Times are ISO 8601 with an offset, in answers always UTC."""

import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.events.model import LONGEST_SLUG, Access, Details, EventStatus
from chalicelib.events.model import Location as Place


def _to_utc(moment: datetime.datetime) -> datetime.datetime:
    """Stored to the millisecond, so answered to the millisecond from the start."""
    moment = moment.astimezone(datetime.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Moment = Annotated[
    AwareDatetime,
    Field(
        ge=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
        le=datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC),
    ),
    AfterValidator(_to_utc),
]
Day = Annotated[datetime.date, Field(ge=datetime.date(2000, 1, 1), le=datetime.date(2200, 1, 1))]
Line = StringConstraints(strip_whitespace=True, max_length=200)
Slug = Annotated[str, StringConstraints(min_length=2, max_length=LONGEST_SLUG, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Version = Annotated[int, Field(ge=1, le=1 << 31, description="As it was read; another one answers 409.")]


class NewLocation(Input):
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    address: str | None = Field(None, max_length=300)


class NewEvent(Input):
    """What is left out takes its default."""

    name: Annotated[str, Line, Field(min_length=1)]
    date: Day
    slug: Slug | None = Field(None, description="Left out: made from the name, or kept.")
    description: str = Field("", max_length=5000)
    timezone: str = Field("Asia/Bangkok", max_length=64, description="An IANA name.")
    venue: Annotated[str, Line] = ""
    location: NewLocation | None = None
    auto_approve: bool = Field(False, description="Photos go on sale without a review.")
    sale_opens_at: Moment | None = None
    sale_closes_at: Moment | None = None
    download_limit: int | None = Field(None, ge=1, le=100, description="Downloads per photo.")
    download_hours: int | None = Field(None, ge=1, le=24 * 365)

    def details(self) -> Details:
        given = {name: getattr(self, name) for name in Details.__dataclass_fields__}
        return Details(**given | {"location": self.location and Place(**self.location.model_dump())})


class ChangedEvent(NewEvent):
    """The whole event as it should be, and the version it was read at."""

    version: Version


class NewStatus(Input):
    status: EventStatus
    version: Version


class EventList(Paging):
    status: EventStatus | None = None
    mine: bool = Field(False, description="Only events that the caller is assigned to as a photographer.")


class Location(Output):
    lat: float
    lon: float
    address: str | None


class Event(Output):
    id: str
    slug: str
    name: str
    date: datetime.date
    description: str
    timezone: str
    venue: str
    location: Location | None
    status: EventStatus
    auto_approve: bool
    sale_opens_at: datetime.datetime | None
    sale_closes_at: datetime.datetime | None
    download_limit: int | None
    download_hours: int | None
    photographers: list[str] = Field(description="User ids; empty for visitors.")
    access: Annotated[Access, BeforeValidator(lambda given: given or Access.PUBLIC)] = Field(
        description="`code`: its photos are for who enters the code of it."
    )
    sold_at: datetime.datetime | None = Field(description="First sale; null for visitors.")
    created_at: datetime.datetime
    updated_at: datetime.datetime
    version: int
