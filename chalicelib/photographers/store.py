"""Photographers, in the table of profiles.

| access                             | key                                                |
|------------------------------------|----------------------------------------------------|
| what a photographer tells          | pk T#{org}#PHOTOGRAPHER#{user} / sk -              |
| the sum of what buyers gave        | pk T#{org}#PHOTOGRAPHER#{user} / sk RATING         |
| what the buyer of an order gave    | pk T#{org}#PHOTOGRAPHER#{user} / sk RATED#{order}  |

Who gave a rating is known to its order alone: whoever is forgotten there is forgotten here.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Moment,
    Record,
    Typed,
    Write,
    check,
    create,
    delete,
    replace,
    table,
    update,
)
from chalicelib.photographers.model import Link, Photographer, Rating, Status


class PhotographerRecord(Record):
    Meta = table("profiles")
    keys = ("T#{}#PHOTOGRAPHER#{}", "-")
    model = Photographer

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    bio = UnicodeAttribute()
    specialities = Typed[tuple[str, ...]](tuple[str, ...])
    links = Typed[tuple[Link, ...]](tuple[Link, ...])
    photos = Typed[tuple[str, ...]](tuple[str, ...])
    status = Choice(Status)
    bank_account = UnicodeAttribute(null=True)
    tax_id = UnicodeAttribute(null=True)
    changed_at = Moment(null=True)


class RatingRecord(Record):
    Meta = table("profiles")
    keys = ("T#{}#PHOTOGRAPHER#{}", "RATING")

    raters = NumberAttribute(null=True)
    total = NumberAttribute(null=True)


class RatedRecord(Record):
    Meta = table("profiles")
    keys = ("T#{}#PHOTOGRAPHER#{}", "RATED#{}")

    stars = NumberAttribute()
    rated_at = Moment()


def find(organization: str, user: str) -> Photographer | None:
    record = PhotographerRecord.fetch(_pk(organization, user), "-")
    return record.value() if record else None


def save(photographer: Photographer, *, was: Photographer) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    record = PhotographerRecord.of(photographer, pk=_pk(photographer.organization, photographer.user), sk="-")
    refused = Conflict("version_conflict", "This was changed meanwhile. Load it again.", field="version")
    return replace(record, was.version, refused) if was.version else create(record, refused)


# --- ratings ------------------------------------------------------------------------------------------------


def rating_of(organization: str, user: str) -> Rating:
    record = RatingRecord.fetch(_pk(organization, user), "RATING")
    return Rating(int(record.raters or 0), int(record.total or 0)) if record else Rating()


def stars_of(organization: str, order: str, users: Iterable[str]) -> dict[str, int]:
    """What the buyer of an order gave to whom of these."""
    keys = {_pk(organization, user): user for user in users}
    found = RatedRecord.batch_get([(pk, f"RATED#{order}") for pk in keys], consistent_read=True)
    return {keys[record.pk]: int(record.stars) for record in found}


def rate(organization: str, user: str, order: str, stars: int, was: int | None, at: datetime) -> list[Write]:
    """The writes that put a rating where `was` stands, None being none, and move the sums along.

    Raises NotFound once the photographer is gone.
    """
    pk = _pk(organization, user)
    gone = NotFound("photographer_not_found", "There is no such photographer.")
    there = check(PhotographerRecord(pk, "-"), PhotographerRecord.pk.exists(), gone)
    sums = RatingRecord(pk, "RATING")
    if was is None:
        given = create(RatedRecord(pk, f"RATED#{order}", stars=stars, rated_at=at))
        return [there, given, update(sums, RatingRecord.total.add(stars), RatingRecord.raters.add(1))]
    row = RatedRecord(pk, f"RATED#{order}")
    changes = RatedRecord.stars.set(stars), RatedRecord.rated_at.set(at)
    given = update(row, *changes, condition=RatedRecord.stars == was)
    return [there, given, update(sums, RatingRecord.total.add(stars - was))]


def forget(organization: str, user: str) -> Iterator[Write]:
    """Writes that remove all of a photographer; what they told goes first, and nobody rates them any more."""
    pk = _pk(organization, user)
    yield delete(PhotographerRecord(pk, "-"))
    yield delete(RatingRecord(pk, "RATING"))
    given = RatedRecord.query(pk, RatedRecord.sk.startswith("RATED#"), consistent_read=True)
    yield from (delete(RatedRecord(pk, record.sk)) for record in given)


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#PHOTOGRAPHER#{user}"
