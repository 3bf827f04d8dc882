"""What people tell of themselves: profile, picture, addresses. Pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, Self

from chalicelib.core.errors import Conflict, Invalid, NotFound

AvatarType = Literal["image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"]

LARGEST_AVATAR = 10 * 1024 * 1024
MOST_ADDRESSES = 20
OLDEST = date(1900, 1, 1)


class VersionConflict(Conflict):
    def __init__(self) -> None:
        super().__init__("version_conflict", "This was changed meanwhile. Load it again.", field="version")


@dataclass(frozen=True, slots=True)
class NationalId:
    """`sealed` is the number as `core.sealing` keeps it; `country` is ISO 3166-1 alpha-2."""

    country: str
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Avatar:
    """The picture of somebody. Attempts to upload one count from 1, and only the last one offered is taken.

    `sha256` is of the file that was offered last. `shown` is the attempt that is seen, `failed` the last whose file was
    at fault, with `failure` as its code; 0 is none.
    """

    offered: int = 0
    sha256: str | None = None
    shown: int = 0
    failed: int = 0
    failure: str | None = None

    @property
    def pending(self) -> bool:
        """Whether a file is waited for."""
        return self.offered > max(self.shown, self.failed)

    def takes(self, attempt: int) -> bool:
        return self.pending and attempt == self.offered

    def offer(self, sha256: str) -> Self:
        """A file that is waited for may be offered again: that is the same attempt."""
        if self.pending and self.sha256 == sha256:
            return self
        return replace(self, offered=self.offered + 1, sha256=sha256, failure=None)

    def taken(self, attempt: int) -> Self:
        return replace(self, shown=attempt, failure=None)

    def refused(self, attempt: int, code: str) -> Self:
        return replace(self, failed=attempt, failure=code)

    def removed(self) -> Self:
        """A file that is on its way comes too late."""
        return replace(self, shown=0, failed=self.offered, failure=None)


@dataclass(frozen=True, slots=True)
class Profile:
    """`version` 0 is one that was never stored."""

    organization: str
    user: str
    first_name: str | None = None
    last_name: str | None = None
    birth_date: date | None = None
    national_id: NationalId | None = None
    avatar: Avatar = Avatar()
    changed_at: datetime | None = None
    version: int = 0

    def changed(self, version: int, told: Mapping[str, Any], at: datetime) -> Self:
        """The version after `version`, with `told` (field -> value). Raises Conflict or Invalid."""
        if version != self.version:
            raise VersionConflict
        profile = replace(self, **told, changed_at=at, version=version + 1)
        for name in ("first_name", "last_name"):
            _check_line(getattr(profile, name), field={"first_name": "firstName", "last_name": "lastName"}[name])
        if profile.birth_date is not None and not OLDEST <= profile.birth_date <= at.date():
            raise Invalid("invalid_birth_date", "Nobody was born on that day.", field="birthDate")
        return profile

    def with_avatar(self, avatar: Avatar, at: datetime) -> Self:
        return replace(self, avatar=avatar, changed_at=at, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is sent. `country` is ISO 3166-1 alpha-2, `label` what its owner calls it."""

    id: str
    label: str | None
    recipient: str
    phone: str | None
    country: str
    region: str | None
    city: str
    postal_code: str | None
    line1: str
    line2: str | None

    def is_like(self, other: "Address") -> bool:
        return replace(self, id=other.id) == other


@dataclass(frozen=True, slots=True)
class AddressBook:
    """All addresses of one person, the oldest first; one of them is the default as long as there is any."""

    organization: str
    user: str
    addresses: tuple[Address, ...] = ()
    default: str | None = None
    version: int = 0

    def find(self, address_id: str) -> Address:
        """Raises NotFound."""
        found = next((address for address in self.addresses if address.id == address_id), None)
        if found is None:
            raise NotFound("address_not_found", "There is no such address.")
        return found

    def same_as(self, address: Address) -> Address | None:
        return next((known for known in self.addresses if known.is_like(address)), None)

    def add(self, address: Address) -> Self:
        """Raises Conflict when the book is full."""
        if len(self.addresses) >= MOST_ADDRESSES:
            raise Conflict("too_many_addresses", f"There is room for {MOST_ADDRESSES} addresses.")
        return self._with((*self.addresses, address), self.default or address.id)

    def change(self, address: Address) -> Self:
        self.find(address.id)
        return self._with(tuple(address if known.id == address.id else known for known in self.addresses), self.default)

    def remove(self, address_id: str) -> Self:
        """The oldest that is left becomes the default where that is removed."""
        self.find(address_id)
        left = tuple(address for address in self.addresses if address.id != address_id)
        default = self.default if self.default != address_id else left[0].id if left else None
        return self._with(left, default)

    def make_default(self, address_id: str) -> Self:
        return self._with(self.addresses, self.find(address_id).id)

    def _with(self, addresses: tuple[Address, ...], default: str | None) -> Self:
        return replace(self, addresses=addresses, default=default, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Favorite:
    """Something that is sold and that somebody likes: `ref` is its id within the line of sale `kind`."""

    organization: str
    user: str
    kind: str
    ref: str
    added_at: datetime


def checked(address: Address) -> Address:
    """The address, if each of its parts is one printable line. Raises Invalid."""
    names = ("label", "recipient", "phone", "region", "city", "line1", "line2")
    for name in names:
        _check_line(getattr(address, name), field=name)
    _check_line(address.postal_code, field="postalCode")
    return address


def _check_line(text: str | None, *, field: str) -> None:
    if text is not None and not (text.strip() and text.isprintable()):
        raise Invalid("one_line_expected", "Write one line of plain text.", field=field)
