"""Profiles and addresses on the wire."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from chalicelib.accounts.model import Language
from chalicelib.core.wire import Input, Output
from chalicelib.profiles import model
from chalicelib.profiles.model import LARGEST_AVATAR, AddressBook, AvatarType
from chalicelib.profiles.service.people import Shown

Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


# --- profile ------------------------------------------------------------------------------------------------


class ShownNationalId(Output):
    country: str
    masked: str


class Profile(Output):
    """`avatar_url` works for some minutes. `avatar_failure` says why the last file could not be taken."""

    id: str
    email: str | None
    phone: str | None
    name: str
    language: Language
    verified: bool
    roles: list[str]
    first_name: str | None
    last_name: str | None
    birth_date: date | None
    national_id: ShownNationalId | None
    avatar_url: str | None
    avatar_pending: bool
    avatar_failure: str | None
    changed_at: datetime | None
    version: int

    @classmethod
    def of(cls, shown: Shown) -> "Profile":
        user, profile = shown.user, shown.profile
        return cls(
            id=user.id,
            email=user.email,
            phone=user.phone,
            name=user.name,
            language=user.language,
            verified=user.verified,
            roles=sorted(user.roles),
            first_name=profile.first_name,
            last_name=profile.last_name,
            birth_date=profile.birth_date,
            national_id=ShownNationalId.model_validate(shown.national_id) if shown.national_id else None,
            avatar_url=shown.avatar_url,
            avatar_pending=profile.avatar.pending,
            avatar_failure=profile.avatar.failure,
            changed_at=profile.changed_at,
            version=profile.version,
        )


class NationalId(Input):
    """The number as its country writes it; spaces and hyphens do not count."""

    country: Country
    number: str = Field(min_length=1, max_length=40, repr=False)


class ProfileUpdate(Input):
    """`version` as last read; of the rest only what is to change. Null takes away what may be missing."""

    version: int = Field(ge=0, le=1 << 31)
    name: Name = ""
    language: Language = "th"
    first_name: Name | None = None
    last_name: Name | None = None
    birth_date: date | None = None
    national_id: NationalId | None = None

    def told(self) -> dict[str, Any]:
        """The fields that were sent."""
        sent = {name: getattr(self, name) for name in self.model_fields_set - {"version"}}
        if self.national_id is not None:
            sent["national_id"] = (self.national_id.country, self.national_id.number)
        return sent


class AvatarFile(Input):
    size: int = Field(ge=1, le=LARGEST_AVATAR)
    type: AvatarType
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)] = Field(
        description="Of the whole file, in hex."
    )


class Form(Output):
    """Post `fields`, then the file as `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


# --- addresses ----------------------------------------------------------------------------------------------


class AddressInput(Input):
    label: Line | None = None
    recipient: Line
    phone: Annotated[str, StringConstraints(max_length=25, pattern=r"^\+?[0-9 ()-]{5,24}$")] | None = None
    country: Country
    region: Line | None = None
    city: Line
    postal_code: Annotated[str, StringConstraints(min_length=1, max_length=16)] | None = None
    line1: Line
    line2: Line | None = None

    def address(self, id: str = "") -> model.Address:
        return model.Address(id, **self.model_dump(by_alias=False))


class Address(Output):
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
    is_default: bool

    @classmethod
    def of(cls, book: AddressBook, address: model.Address) -> "Address":
        fields = {name: getattr(address, name) for name in model.Address.__dataclass_fields__}
        return cls(**fields, is_default=book.default == address.id)


class Addresses(Output):
    """The oldest first."""

    items: list[Address]

    @classmethod
    def of(cls, book: AddressBook) -> "Addresses":
        return cls(items=[Address.of(book, address) for address in book.addresses])
