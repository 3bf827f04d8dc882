"""Profiles.

| access                                 | key                                            |
|----------------------------------------|------------------------------------------------|
| one profile                            | pk T#{org}#USR#{user} / sk -                   |
| a user's addresses                     | pk T#{org}#USR#{user} / sk ADDRESSES           |
| what a user likes, the newest things   | pk T#{org}#USR#{user} / sk FAVORITE#{ref}      |
"""

from collections.abc import Iterator
from datetime import date

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core.table import Moment, Page, PageRequest, Record, Typed, Write, create, delete, page, replace, table
from chalicelib.profiles.model import Address, AddressBook, Avatar, Favorite, NationalId, Profile, VersionConflict


class ProfileRecord(Record):
    Meta = table("profiles")
    keys = ("T#{}#USR#{}", "-")
    model = Profile

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    first_name = UnicodeAttribute(null=True)
    last_name = UnicodeAttribute(null=True)
    birth_date = Typed[date](date, null=True)
    national_id = Typed[NationalId](NationalId, null=True)
    avatar = Typed[Avatar](Avatar)
    changed_at = Moment(null=True)


class AddressBookRecord(Record):
    Meta = table("profiles")
    keys = ("T#{}#USR#{}", "ADDRESSES")
    model = AddressBook

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    addresses = Typed[tuple[Address, ...]](tuple[Address, ...])
    default = UnicodeAttribute(null=True)


class FavoriteRecord(Record):
    Meta = table("profiles")
    keys = ("T#{}#USR#{}", "FAVORITE#{}")
    model = Favorite

    organization = UnicodeAttribute()
    user = UnicodeAttribute()
    kind = UnicodeAttribute()
    ref = UnicodeAttribute()
    added_at = Moment()


def profile_of(organization: str, user: str) -> Profile:
    """As it is stored, or an empty one of version 0."""
    record = ProfileRecord.fetch(_pk(organization, user), "-")
    return record.value() if record else Profile(organization, user)


def save(profile: Profile, *, was: Profile) -> Write:
    """A write that holds only while the stored version is `was.version`; 0 stands for nothing stored."""
    return _put(ProfileRecord.of(profile, pk=_pk(profile.organization, profile.user), sk="-"), was.version)


def addresses_of(organization: str, user: str) -> AddressBook:
    """As it is stored, or an empty one of version 0."""
    record = AddressBookRecord.fetch(_pk(organization, user), "ADDRESSES")
    return record.value() if record else AddressBook(organization, user)


def save_addresses(book: AddressBook, *, was: AddressBook) -> Write:
    """Holds like `save`."""
    return _put(AddressBookRecord.of(book, pk=_pk(book.organization, book.user), sk="ADDRESSES"), was.version)


def favorites_of(organization: str, user: str, request: PageRequest) -> Page[Favorite]:
    """The newest things first: ids sort by when a thing was made."""
    liked = FavoriteRecord.sk.startswith("FAVORITE#")
    found = page(
        FavoriteRecord, FavoriteRecord, _pk(organization, user), request, newest_first=True, range_condition=liked
    )
    return found.map(FavoriteRecord.value)


def find_favorite(organization: str, user: str, ref: str) -> Favorite | None:
    record = FavoriteRecord.fetch(_pk(organization, user), f"FAVORITE#{ref}")
    return record.value() if record else None


def add_favorite(favorite: Favorite) -> Write:
    """Refused with Conflict where it is there already."""
    pk = _pk(favorite.organization, favorite.user)
    return create(FavoriteRecord.of(favorite, pk=pk, sk=f"FAVORITE#{favorite.ref}"))


def remove_favorite(organization: str, user: str, ref: str) -> Write:
    return delete(FavoriteRecord(_pk(organization, user), f"FAVORITE#{ref}"))


def all_favorites(organization: str, user: str) -> Iterator[Favorite]:
    found = FavoriteRecord.query(
        _pk(organization, user), FavoriteRecord.sk.startswith("FAVORITE#"), consistent_read=True
    )
    return (record.value() for record in found)


def forget(organization: str, user: str) -> Iterator[Write]:
    """Writes that remove all of a user."""
    pk = _pk(organization, user)
    yield delete(ProfileRecord(pk, "-"))
    yield delete(AddressBookRecord(pk, "ADDRESSES"))
    yield from (delete(FavoriteRecord(pk, f"FAVORITE#{liked.ref}")) for liked in all_favorites(organization, user))


def _put(record: Record, version: int) -> Write:
    return replace(record, version, VersionConflict()) if version else create(record, VersionConflict())


def _pk(organization: str, user: str) -> str:
    return f"T#{organization}#USR#{user}"
