"""Accounts.

| access                        | key                                            |
|-------------------------------|------------------------------------------------|
| one user                      | pk T#{org}#USR#{id} / sk -                     |
| a user's places for sessions  | pk T#{org}#USR#{id} / sk PLACE#{00-09}         |
| sessions begun by release 1.0 | pk T#{org}#USR#{id} / sk SES#{session}         |
| the user behind an address    | pk T#{org}#EMAIL#{sha256 of address} / sk -    |
| the user behind a phone       | pk T#{org}#PHONE#{sha256 of number} / sk -     |
| one session                   | pk T#{org}#SES#{id} / sk -                     |
| the code a user must bring    | pk T#{org}#CODE#{purpose}#{user} / sk -        |
| failed log-ins of an address  | pk T#{org}#TRIES#{sha256 of address} / sk -    |

How people are searched for stands in administration/store.py.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.accounts.addresses import is_phone
from chalicelib.accounts.model import (
    CODE_TRIES,
    LOCKED_FOR,
    LOG_IN_TRIES,
    Challenge,
    Language,
    Phone,
    Place,
    Purpose,
    Session,
    User,
)
from chalicelib.core import clock, ids
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import (
    Choice,
    Item,
    Moment,
    Record,
    Several,
    Typed,
    Write,
    check,
    create,
    delete,
    index,
    replace,
    table,
    update,
)
from chalicelib.organizations.service import STAFF

_LONGEST_NAME = 100  # a letter may become eighteen by folding, and a key has 1 KB


class EmailTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("email_taken", "This e-mail address has an account.", field="email")


class PhoneTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("phone_taken", "This phone number belongs to another account.", field="phone")


class PlaceTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("place_taken", "Another session began here at this moment.")


def _found_again(item: Item) -> Item:
    """Gives a user the keys of the lists; an index's own item has too little to tell them."""
    if "roles" not in item:
        return item
    text = {name: item[name]["S"] for name in ("id", "organization", "name", "email", "roles") if name in item}
    phones = (phone["M"]["number"]["S"] for phone in item.get("phones", {}).get("L", ()))
    keys = _list_keys(
        text["organization"], text["id"], text["name"], text.get("email"), next(phones, None), json.loads(text["roles"])
    )
    return item | {name: {"S": key} for name, key in keys.items()}


class UserRecord(Record):
    """Schema 2 can be searched for, and blocked."""

    Meta = table("accounts")
    keys = ("T#{}#USR#{}", "-")
    model = User
    upgrades = (_found_again,)

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    email = UnicodeAttribute(null=True)
    name = UnicodeAttribute()
    roles = Typed[frozenset[str]](frozenset[str])
    password = UnicodeAttribute()
    language = Typed[Language](Language)
    verified_at = Moment(null=True)
    session_version = NumberAttribute()
    created_at = Moment()
    phones = Several(Phone)
    signed_out_at = Moment(null=True)
    blocked_at = Moment(null=True)
    block_reason = UnicodeAttribute(null=True)
    name_pk = UnicodeAttribute(null=True)
    name_sk = UnicodeAttribute(null=True)
    email_pk = UnicodeAttribute(null=True)
    email_sk = UnicodeAttribute(null=True)
    phone_pk = UnicodeAttribute(null=True)
    phone_sk = UnicodeAttribute(null=True)
    staff_pk = UnicodeAttribute(null=True)
    staff_sk = UnicodeAttribute(null=True)
    by_name = index("by_name")
    by_email = index("by_email")
    by_phone = index("by_phone")
    by_staff = index("by_staff")


class EmailRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#EMAIL#{}", "-")

    user = UnicodeAttribute()


class PhoneRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#PHONE#{}", "-")

    user = UnicodeAttribute()


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


# --- users --------------------------------------------------------------------------------------------------


def find(organization: str, user_id: str) -> User | None:
    record = UserRecord.fetch(_user_pk(organization, user_id), "-")
    found: User | None = record.value() if record else None
    return found


def find_all(organization: str, user_ids: Iterable[str]) -> dict[str, User]:
    keys = [(_user_pk(organization, user_id), "-") for user_id in user_ids]
    return {record.id: record.value() for record in UserRecord.batch_get(keys, consistent_read=True)}


def get(organization: str, user_id: str) -> User:
    """Raises NotFound, for a foreign user too."""
    user = find(organization, user_id)
    if user is None:
        raise NotFound("user_not_found", "There is no such user.")
    return user


def find_by_address(organization: str, address: str) -> User | None:
    """`address` in its normal form. Two reads for an unknown one too, so that time does not tell."""
    kind, pk = _pointer(organization, address)
    pointer = kind.fetch(pk, "-")
    return find(organization, pointer.user if pointer else nobody(address))


def nobody(address: str) -> str:
    """A user id that no user has: an unknown address is looked up and guessed at like a known one."""
    return ids.derived("usr", "nobody", address)


def add(user: User) -> tuple[Write, Write]:
    """A user and its claim on the address it registers with."""
    return claim_address(user, user.address), create(_user(user))


def claim_address(user: User, address: str) -> Write:
    """An address has one user in an organization. Refused with EmailTaken or PhoneTaken."""
    kind, pk = _pointer(user.organization, address)
    return create(kind(pk, "-", user=user.id), PhoneTaken() if kind is PhoneRecord else EmailTaken())


def free_address(user: User, address: str) -> Write:
    kind, pk = _pointer(user.organization, address)
    return Write("delete", kind(pk, "-"), kind.user == user.id)


def take_over(user: User, address: str, holder: User) -> tuple[Write, Write]:
    """Give `user` the address of somebody who registered and never proved it, and is forgotten."""
    kind, pk = _pointer(user.organization, address)
    claimed = Write("put", kind(pk, "-", user=user.id), kind.user == holder.id)
    return claimed, Write("delete", _user(holder), UserRecord.version == holder.version)


def save(user: User, *, was: User) -> Write:
    """A write that holds only while the stored version is `was.version`."""
    return replace(_user(user), was.version)


def keeps_password(user: User, refused: AppError) -> Write:
    """Holds while the user has a password to log in with."""
    return check(_user(user), UserRecord.password != "", refused)


def unchanged(user: User) -> Write:
    """Holds while the stored version is the user's. Refused with Conflict."""
    changed = Conflict("changed_meanwhile", "Somebody changed this at the same moment. Read it again.")
    return check(_user(user), UserRecord.version == user.version, changed)


def sign_out(organization: str, user_id: str, at: datetime) -> Write:
    """End all sessions that began before `at`, whatever else changes the user at that moment."""
    return update(
        UserRecord(_user_pk(organization, user_id), "-"),
        UserRecord.session_version.add(1),
        UserRecord.signed_out_at.set(at),
        UserRecord.version.add(1),
        condition=UserRecord.pk.exists(),
    )


# --- sessions -----------------------------------------------------------------------------------------------


def find_session(organization: str, session_id: str) -> Session | None:
    record = SessionRecord.fetch(_session_pk(organization, session_id), "-")
    found: Session | None = record.value() if record else None
    return found


def sessions_of(organization: str, user_id: str) -> list[Session]:
    """A user's sessions that were begun within thirty days, some of them over."""
    pk = _user_pk(organization, user_id)
    known = [place.session for place in places_of(organization, user_id)]
    known += [entry.session for entry in UserSessionRecord.query(pk, UserSessionRecord.sk.startswith("SES#"))]
    keys = [(_session_pk(organization, session), "-") for session in known]
    return [record.value() for record in SessionRecord.batch_get(keys, consistent_read=True)]


def places_of(organization: str, user_id: str) -> list[Place]:
    pk = _user_pk(organization, user_id)
    found = PlaceRecord.query(pk, PlaceRecord.sk.startswith("PLACE#"), consistent_read=True)
    return [record.value() for record in found]


def add_session(session: Session, place: Place, was: Place | None) -> tuple[Write, Write]:
    """A session in a place where `was` the last one. Refused with PlaceTaken where another one came first."""
    ttl = clock.epoch(session.expires_at)
    record = SessionRecord.of(session, pk=_session_pk(session.organization, session.id), sk="-", ttl=ttl)
    taken = _place(session.organization, place, ttl=ttl)
    as_seen = PlaceRecord.session == was.session if was else PlaceRecord.pk.does_not_exist()
    return create(record), Write("put", taken, as_seen, refused=PlaceTaken())


def add_visit(session: Session) -> Write:
    """A session of somebody whose account is in another organization: it is in no list of theirs."""
    pk = _session_pk(session.organization, session.id)
    return create(SessionRecord.of(session, pk=pk, sk="-", ttl=clock.epoch(session.expires_at)))


def rotate(session: Session, *, presented: str, successor: str, at: datetime, refused: AppError) -> Write:
    """Make `successor` the current token if `presented` still is; both are digests."""
    return update(
        SessionRecord(_session_pk(session.organization, session.id), "-"),
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
        SessionRecord(_session_pk(session.organization, session.id), "-"),
        SessionRecord.ended_at.set(at),
        condition=SessionRecord.pk.exists() & SessionRecord.ended_at.does_not_exist(),
    )
    if session.place is None:
        return (ended,)
    free = update(
        PlaceRecord(_user_pk(session.organization, session.user), f"PLACE#{session.place}"),
        PlaceRecord.is_over.set(True),
        condition=PlaceRecord.session == session.id,
    )
    return ended, free


def displace(organization: str, session_id: str, at: datetime) -> Write:
    """End the session whose place is taken. Refused with PlaceTaken where it has just ended."""
    return update(
        SessionRecord(_session_pk(organization, session_id), "-"),
        SessionRecord.ended_at.set(at),
        condition=SessionRecord.pk.exists() & SessionRecord.ended_at.does_not_exist(),
        refused=PlaceTaken(),
    )


# --- codes --------------------------------------------------------------------------------------------------


def find_challenge(organization: str, purpose: Purpose, user_id: str) -> Challenge | None:
    record = ChallengeRecord.fetch(_challenge_pk(organization, purpose, user_id), "-")
    found: Challenge | None = record.value() if record else None
    return found


def challenge(issued: Challenge) -> Write:
    """The newest code is the only one: an older one stops working."""
    pk = _challenge_pk(issued.organization, issued.purpose, issued.user)
    return Write("put", ChallengeRecord.of(issued, pk=pk, sk="-", ttl=clock.epoch(issued.expires_at)))


def count_try(organization: str, purpose: Purpose, user_id: str, nonce: str, at: datetime, refused: AppError) -> Write:
    """Count a guess before anybody looks at it. Refused once guesses are used up or the code has expired."""
    return update(
        ChallengeRecord(_challenge_pk(organization, purpose, user_id), "-"),
        ChallengeRecord.tries.add(1),
        condition=(ChallengeRecord.nonce == nonce)
        & (ChallengeRecord.tries < CODE_TRIES)
        & (ChallengeRecord.expires_at > at),
        refused=refused,
    )


def use_up(met: Challenge, refused: AppError) -> Write:
    """Take the code away, for the first who brings it."""
    record = ChallengeRecord(_challenge_pk(met.organization, met.purpose, met.user), "-")
    return Write("delete", record, ChallengeRecord.nonce == met.nonce, refused=refused)


# --- failed log-ins -----------------------------------------------------------------------------------------


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


# --- everything of a user -----------------------------------------------------------------------------------


def forget(user: User) -> Iterator[Write]:
    """Writes that remove all of a user, the account itself last: who is interrupted finds the rest again by it."""
    organization = user.organization
    for session in sessions_of(organization, user.id):
        yield delete(SessionRecord(_session_pk(organization, session.id), "-"))
    for purpose in Purpose:
        yield delete(ChallengeRecord(_challenge_pk(organization, purpose, user.id), "-"))
    addresses = {user.email, *(phone.number for phone in user.phones)} - {None}
    for address in sorted(map(str, addresses)):
        yield delete(TriesRecord(_tries_pk(organization, address), "-"))
        kind, pk = _pointer(organization, address)
        pointer = kind.fetch(pk, "-")
        if pointer is not None and pointer.user == user.id:  # a number that was never proven may be another's
            yield delete(pointer)
    own = UserSessionRecord.query(_user_pk(organization, user.id), consistent_read=True)
    rows = sorted(((row.pk, row.sk) for row in own), key=lambda key: key[1] == "-")
    yield from (delete(UserSessionRecord(pk, sk)) for pk, sk in rows)


# --- keys ---------------------------------------------------------------------------------------------------


def _user(user: User) -> UserRecord:
    number = user.phones[0].number if user.phones else None
    keys = _list_keys(user.organization, user.id, user.name, user.email, user.phone or number, user.roles)
    return UserRecord.of(user, pk=_user_pk(user.organization, user.id), sk="-", **keys)


def _list_keys(
    organization: str, user_id: str, name: str, email: str | None, phone: str | None, roles: Iterable[str]
) -> dict[str, str]:
    """Where the lists of administration/store.py have somebody."""
    people, by_name = people_pk(organization), f"{folded(name)[:_LONGEST_NAME]}#{user_id}"
    keys = {"name_pk": people, "name_sk": by_name}
    if email:
        keys |= {"email_pk": people, "email_sk": f"{email}#{user_id}"}
    if phone:
        keys |= {"phone_pk": people, "phone_sk": f"{phone}#{user_id}"}
    if not STAFF.isdisjoint(roles):
        keys |= {"staff_pk": staff_pk(organization), "staff_sk": by_name}
    return keys


def people_pk(organization: str) -> str:
    return f"T#{organization}#PEOPLE"


def staff_pk(organization: str) -> str:
    return f"T#{organization}#STAFF"


def folded(text: str) -> str:
    """As it is searched for: one spelling of each letter, large or small."""
    return unicodedata.normalize("NFKC", text).casefold()


def _place(organization: str, place: Place, *, ttl: int) -> PlaceRecord:
    return PlaceRecord.of(place, pk=_user_pk(organization, place.user), sk=f"PLACE#{place.name}", ttl=ttl)


def _user_pk(organization: str, user_id: str) -> str:
    return f"T#{organization}#USR#{user_id}"


def _pointer(organization: str, address: str) -> tuple[type[EmailRecord] | type[PhoneRecord], str]:
    digest = ids.digest(address)
    if is_phone(address):
        return PhoneRecord, f"T#{organization}#PHONE#{digest}"
    return EmailRecord, f"T#{organization}#EMAIL#{digest}"


def _session_pk(organization: str, session_id: str) -> str:
    return f"T#{organization}#SES#{session_id}"


def _challenge_pk(organization: str, purpose: Purpose, user_id: str) -> str:
    return f"T#{organization}#CODE#{purpose}#{user_id}"


def _tries_pk(organization: str, address: str) -> str:
    return f"T#{organization}#TRIES#{ids.digest(address)}"
