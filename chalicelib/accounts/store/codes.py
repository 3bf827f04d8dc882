"""Codes that people bring, and log-ins that failed."""

from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.accounts.model import CODE_TRIES, LOCKED_FOR, LOG_IN_TRIES, Challenge, Purpose
from chalicelib.core import clock, ids
from chalicelib.core.errors import AppError
from chalicelib.core.table import Choice, Moment, Record, Write, delete, table, update


class ChallengeRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#CODE#{}#{}", "-")
    model = Challenge

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    purpose = Choice(Purpose)
    nonce = UnicodeAttribute()
    tries = NumberAttribute()
    expires_at = Moment()
    address = UnicodeAttribute(null=True)


class TriesRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#TRIES#{}", "-")

    n = NumberAttribute()
    until = Moment()


def find_challenge(organization: str, purpose: Purpose, user_id: str) -> Challenge | None:
    record = ChallengeRecord.fetch(challenge_pk(organization, purpose, user_id), "-")
    found: Challenge | None = record.value() if record else None
    return found


def challenge(issued: Challenge) -> Write:
    """The newest code is the only one: an older one stops working."""
    pk = challenge_pk(issued.organization, issued.purpose, issued.user)
    return Write("put", ChallengeRecord.of(issued, pk=pk, sk="-", ttl=clock.epoch(issued.expires_at)))


def count_try(organization: str, purpose: Purpose, user_id: str, nonce: str, at: datetime, refused: AppError) -> Write:
    """Count a guess before anybody looks at it. Refused once guesses are used up or the code has expired."""
    return update(
        ChallengeRecord(challenge_pk(organization, purpose, user_id), "-"),
        ChallengeRecord.tries.add(1),
        condition=(ChallengeRecord.nonce == nonce)
        & (ChallengeRecord.tries < CODE_TRIES)
        & (ChallengeRecord.expires_at > at),
        refused=refused,
    )


def use_up(met: Challenge, refused: AppError) -> Write:
    """Take the code away, for the first who brings it."""
    record = ChallengeRecord(challenge_pk(met.organization, met.purpose, met.user), "-")
    return Write("delete", record, ChallengeRecord.nonce == met.nonce, refused=refused)


def count_log_in(organization: str, address: str, at: datetime, refused: AppError) -> Write:
    """Count a log-in before the password is looked at, so that guesses sent together count too.

    Each one moves the end of the count on, up to the last: refused from then until `LOCKED_FOR` has passed.
    """
    return update(
        TriesRecord(_tries_pk(organization, address), "-"),
        TriesRecord.n.add(1),
        TriesRecord.until.set(at + LOCKED_FOR),
        TriesRecord.ttl.set(clock.epoch(at + LOCKED_FOR)),
        condition=TriesRecord.pk.does_not_exist() | ((TriesRecord.n < LOG_IN_TRIES) & (TriesRecord.until > at)),
        refused=refused,
    )


def count_first_log_in(organization: str, address: str, at: datetime, refused: AppError) -> Write:
    """Start the count again where the last one has run out."""
    until = at + LOCKED_FOR
    record = TriesRecord(_tries_pk(organization, address), "-", n=1, until=until, ttl=clock.epoch(until))
    return Write("put", record, TriesRecord.until <= at, refused=refused)


def forget_log_ins(organization: str, address: str) -> Write:
    return delete(TriesRecord(_tries_pk(organization, address), "-"))


def log_in_count_ends(organization: str, address: str) -> datetime | None:
    record = TriesRecord.fetch(_tries_pk(organization, address), "-")
    return record.until if record else None


def challenge_pk(organization: str, purpose: Purpose, user_id: str) -> str:
    return f"T#{organization}#CODE#{purpose}#{user_id}"


def _tries_pk(organization: str, address: str) -> str:
    return f"T#{organization}#TRIES#{ids.digest(address)}"
