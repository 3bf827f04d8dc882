"""Who somebody is, and by which address they are found."""

import json
from collections.abc import Iterable
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.accounts.addresses import is_phone
from chalicelib.accounts.model import Language, Phone, User
from chalicelib.accounts.store.keys import folded, people_pk, staff_pk, user_pk
from chalicelib.core import ids, tallies
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import (
    Item,
    Moment,
    Record,
    Several,
    Typed,
    Write,
    check,
    create,
    index,
    replace,
    table,
    update,
)
from chalicelib.organizations.service import STAFF

KIND, REGISTERED = "users", "registered"
_LONGEST_NAME = 100  # a letter may become eighteen by folding, and a key has 1 KB


class EmailTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("email_taken", "This e-mail address has an account.", field="email")


class PhoneTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("phone_taken", "This phone number belongs to another account.", field="phone")


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


class CountedRecord(Record):
    """Beside a user who is in the organization's counts."""

    Meta = table("accounts")
    keys = ("T#{}#USR#{}", "COUNTED")


class EmailRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#EMAIL#{}", "-")

    user = UnicodeAttribute()


class PhoneRecord(Record):
    Meta = table("accounts")
    keys = ("T#{}#PHONE#{}", "-")

    user = UnicodeAttribute()


def find(organization: str, user_id: str) -> User | None:
    record = UserRecord.fetch(user_pk(organization, user_id), "-")
    found: User | None = record.value() if record else None
    return found


def find_all(organization: str, user_ids: Iterable[str]) -> dict[str, User]:
    keys = [(user_pk(organization, user_id), "-") for user_id in user_ids]
    return {record.id: record.value() for record in UserRecord.batch_get(keys, consistent_read=True)}


def get(organization: str, user_id: str) -> User:
    """Raises NotFound, for a foreign user too."""
    user = find(organization, user_id)
    if user is None:
        raise NotFound("user_not_found", "There is no such user.")
    return user


def find_by_address(organization: str, address: str) -> User | None:
    """`address` in its normal form. Two reads for an unknown one too, so that time does not tell."""
    kind, pk = pointer(organization, address)
    held = kind.fetch(pk, "-")
    return find(organization, held.user if held else nobody(address))


def nobody(address: str) -> str:
    """A user id that no user has: an unknown address is looked up and guessed at like a known one."""
    return ids.derived("usr", "nobody", address)


def add(user: User) -> tuple[Write, Write]:
    """A user, counted, and its claim on the address it registers with."""
    return claim_address(user, user.address), create(_user(user)).taking(count(user.organization, user.id))


def count(organization: str, user_id: str) -> list[Write]:
    """The writes that count a user who is not counted yet."""
    mark = CountedRecord(user_pk(organization, user_id), "COUNTED")
    return [create(mark), *tallies.moved(organization, KIND, user_id, was=None, now=REGISTERED)]


def is_counted(organization: str, user_id: str) -> bool:
    return CountedRecord.fetch(user_pk(organization, user_id), "COUNTED") is not None


def uncount(organization: str, user_id: str) -> Write:
    """Forgets a user in the counts, once."""
    mark = CountedRecord(user_pk(organization, user_id), "COUNTED")
    gone = tallies.moved(organization, KIND, user_id, was=REGISTERED, now=None)
    return Write("delete", mark, CountedRecord.pk.exists()).taking(gone)


def claim_address(user: User, address: str) -> Write:
    """An address has one user in an organization. Refused with EmailTaken or PhoneTaken."""
    kind, pk = pointer(user.organization, address)
    return create(kind(pk, "-", user=user.id), PhoneTaken() if kind is PhoneRecord else EmailTaken())


def free_address(user: User, address: str) -> Write:
    kind, pk = pointer(user.organization, address)
    return Write("delete", kind(pk, "-"), kind.user == user.id)


def take_over(user: User, address: str, holder: User) -> tuple[Write, Write]:
    """Give `user` the address of somebody who registered and never proved it, and is forgotten."""
    kind, pk = pointer(user.organization, address)
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
        UserRecord(user_pk(organization, user_id), "-"),
        UserRecord.session_version.add(1),
        UserRecord.signed_out_at.set(at),
        UserRecord.version.add(1),
        condition=UserRecord.pk.exists(),
    )


def _user(user: User) -> UserRecord:
    number = user.phones[0].number if user.phones else None
    keys = _list_keys(user.organization, user.id, user.name, user.email, user.phone or number, user.roles)
    return UserRecord.of(user, pk=user_pk(user.organization, user.id), sk="-", **keys)


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


def pointer(organization: str, address: str) -> tuple[type[EmailRecord] | type[PhoneRecord], str]:
    digest = ids.digest(address)
    if is_phone(address):
        return PhoneRecord, f"T#{organization}#PHONE#{digest}"
    return EmailRecord, f"T#{organization}#EMAIL#{digest}"
