"""A record with an attribute of every kind, for tests that need any record."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.core import table
from chalicelib.core.table import Choice, Moment, Record, Typed, index


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Size:
    wide: int
    high: int


@dataclass(frozen=True, slots=True)
class Parcel:
    id: str
    name: str
    weight: int
    fragile: bool
    packed_at: datetime
    colour: Colour
    sizes: tuple[Size, ...]
    version: int
    due_on: date | None = None
    note: str | None = None
    sent_at: datetime | None = None
    price: int | None = None
    second_colour: Colour | None = None
    insured: bool | None = None


class ParcelRecord(Record):
    Meta = table.table("events")
    model = Parcel

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    weight = NumberAttribute()
    fragile = BooleanAttribute()
    packed_at = Moment()
    colour = Choice(Colour)
    sizes = Typed[tuple[Size, ...]](tuple[Size, ...])
    due_on = Typed[date](date, null=True)
    note = UnicodeAttribute(null=True)
    sent_at = Moment(null=True)
    price = NumberAttribute(null=True)
    second_colour = Choice(Colour, null=True)
    insured = BooleanAttribute(null=True)
    list_pk = UnicodeAttribute(null=True)
    list_sk = UnicodeAttribute(null=True)
    by_list = index("by_list")


PARCEL = Parcel(
    id="par_1",
    name="Lamp",
    weight=900,
    fragile=False,
    packed_at=datetime(2026, 11, 20, 8, 0, 0, 123_000, UTC),
    colour=Colour.RED,
    sizes=(Size(1, 2), Size(3, 4)),
    version=1,
)


def record(id: str = "par_1", **changes: object) -> ParcelRecord:
    return ParcelRecord.of(replace(PARCEL, id=id, **changes), pk=f"T#org_1#PAR#{id}", sk="-")  # type: ignore[arg-type]


def stored(id: str = "par_1") -> Parcel | None:
    found = ParcelRecord.fetch(f"T#org_1#PAR#{id}", "-")
    value: Parcel | None = found.value() if found else None
    return value
