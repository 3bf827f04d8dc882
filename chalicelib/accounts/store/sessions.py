"""Sessions, and the few places that a person has for them."""

from datetime import datetime

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from chalicelib.accounts.model import Place, Session
from chalicelib.accounts.store.keys import user_pk
from chalicelib.core import clock
from chalicelib.core.errors import AppError, Conflict
from chalicelib.core.table import Moment, Record, Write, create, table, update


class PlaceTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("place_taken", "Another session began here at this moment.")


class SessionRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#SES#{}", "-")
    model = Session

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    refresh_digest = UnicodeAttribute()
    device = UnicodeAttribute()
    created_at = Moment()
    rotated_at = Moment()
    expires_at = Moment()
    ended_at = Moment(null=True)
    place = UnicodeAttribute(null=True)
    home = UnicodeAttribute(null=True)


class PlaceRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#USR#{}", "PLACE#{}")
    model = Place

    user = UnicodeAttribute()
    name = UnicodeAttribute()
    session = UnicodeAttribute()
    device = UnicodeAttribute()
    begun_at = Moment()
    expires_at = Moment()
    is_over = BooleanAttribute()


class UserSessionRecord(Record):
    """Release 1.0 kept any number of sessions. These go by TTL within thirty days."""

    Meta = table("accounts")
    keys = ("T#{}#USR#{}", "SES#{}")

    session = UnicodeAttribute()


def find_session(organization: str, session_id: str) -> Session | None:
    record = SessionRecord.fetch(session_pk(organization, session_id), "-")
    found: Session | None = record.value() if record else None
    return found


def sessions_of(organization: str, user_id: str) -> list[Session]:
    """A user's sessions that were begun within thirty days, some of them over."""
    pk = user_pk(organization, user_id)
    known = [place.session for place in places_of(organization, user_id)]
    known += [entry.session for entry in UserSessionRecord.query(pk, UserSessionRecord.sk.startswith("SES#"))]
    keys = [(session_pk(organization, session), "-") for session in known]
    return [record.value() for record in SessionRecord.batch_get(keys, consistent_read=True)]


def places_of(organization: str, user_id: str) -> list[Place]:
    pk = user_pk(organization, user_id)
    found = PlaceRecord.query(pk, PlaceRecord.sk.startswith("PLACE#"), consistent_read=True)
    return [record.value() for record in found]


def add_session(session: Session, place: Place, was: Place | None) -> tuple[Write, Write]:
    """A session in a place where `was` the last one. Refused with PlaceTaken where another one came first."""
    ttl = clock.epoch(session.expires_at)
    record = SessionRecord.of(session, pk=session_pk(session.organization, session.id), sk="-", ttl=ttl)
    taken = _place(session.organization, place, ttl=ttl)
    as_seen = PlaceRecord.session == was.session if was else PlaceRecord.pk.does_not_exist()
    return create(record), Write("put", taken, as_seen, refused=PlaceTaken())


def add_visit(session: Session) -> Write:
    """A session of somebody whose account is in another organization: it is in no list of theirs."""
    pk = session_pk(session.organization, session.id)
    return create(SessionRecord.of(session, pk=pk, sk="-", ttl=clock.epoch(session.expires_at)))


def rotate(session: Session, *, presented: str, successor: str, at: datetime, refused: AppError) -> Write:
    """Make `successor` the current token if `presented` still is; both are digests."""
    return update(
        SessionRecord(session_pk(session.organization, session.id), "-"),
        SessionRecord.refresh_digest.set(successor),
        SessionRecord.rotated_at.set(at),
        condition=(SessionRecord.refresh_digest == presented)
        & SessionRecord.ended_at.does_not_exist()
        & (SessionRecord.expires_at > at),
        refused=refused,
    )


def end(session: Session, at: datetime) -> tuple[Write, ...]:
    """Refused with Conflict where the session has ended before."""
    ended = update(
        SessionRecord(session_pk(session.organization, session.id), "-"),
        SessionRecord.ended_at.set(at),
        condition=SessionRecord.pk.exists() & SessionRecord.ended_at.does_not_exist(),
    )
    if session.place is None:
        return (ended,)
    free = update(
        PlaceRecord(user_pk(session.organization, session.user), f"PLACE#{session.place}"),
        PlaceRecord.is_over.set(True),
        condition=PlaceRecord.session == session.id,
    )
    return ended, free


def displace(organization: str, session_id: str, at: datetime) -> Write:
    """End the session whose place is taken. Refused with PlaceTaken where it has just ended."""
    return update(
        SessionRecord(session_pk(organization, session_id), "-"),
        SessionRecord.ended_at.set(at),
        condition=SessionRecord.pk.exists() & SessionRecord.ended_at.does_not_exist(),
        refused=PlaceTaken(),
    )


def _place(organization: str, place: Place, *, ttl: int) -> PlaceRecord:
    return PlaceRecord.of(place, pk=user_pk(organization, place.user), sk=f"PLACE#{place.name}", ttl=ttl)


def session_pk(organization: str, session_id: str) -> str:
    return f"T#{organization}#SES#{session_id}"
