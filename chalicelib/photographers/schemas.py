"""Wire shapes of photographers."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.lines.photos.schemas import Photo
from chalicelib.organizations.schemas import BankAccount, ShownAccount
from chalicelib.photographers import model, service
from chalicelib.photographers.model import MOST_LINKS, MOST_PHOTOS, MOST_SPECIALITIES, Status

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https://[^\s<>\"']+$")]
PhotoId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Link(Input):
    title: Line
    url: Url


class PhotographerUpdate(Input):
    """`version` as last read; of the rest only what is to change. Null takes away a bank account or a tax id."""

    version: int = Field(ge=0, le=1 << 31)
    bio: Text = ""
    specialities: list[Line] = Field(default_factory=list, max_length=MOST_SPECIALITIES)
    links: list[Link] = Field(default_factory=list, max_length=MOST_LINKS)
    photos: list[PhotoId] = Field(
        default_factory=list, max_length=MOST_PHOTOS, description="Of one's own that are on sale."
    )
    status: Status = Field(Status.ACTIVE, strict=False)
    bank_account: BankAccount | None = None
    tax_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{5,20}$")] | None = Field(None, repr=False)

    def told(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.model_fields_set - {"version"}}
        for name in ("specialities", "photos"):
            if name in told:
                told[name] = tuple(dict.fromkeys(told[name]))
        if "links" in told:
            told["links"] = tuple(model.Link(link.title, link.url) for link in self.links)
        if self.bank_account is not None:
            told["bank_account"] = self.bank_account.account()
        return told


class ShownLink(Output):
    title: str
    url: str


class Rating(Output):
    average: float | None = Field(description="Of 1 to 5 stars; null before the first.")
    count: int


class Payable(Output):
    """Where the money of a photographer goes."""

    user_id: str = Field(validation_alias="user")
    bank_account: ShownAccount | None
    tax_id: str | None = Field(description="Its last four characters.")


class OwnPage(Output):
    """A photographer as they see themselves."""

    bio: str
    specialities: list[str]
    links: list[ShownLink]
    photos: list[str]
    status: Status
    bank_account: ShownAccount | None
    tax_id: str | None
    rating: Rating
    changed_at: datetime | None
    version: int

    @classmethod
    def of(cls, own: service.Own) -> "OwnPage":
        held, payable = own.photographer, own.payable
        return cls(
            bio=held.bio,
            specialities=list(held.specialities),
            links=[ShownLink.model_validate(link) for link in held.links],
            photos=list(held.photos),
            status=held.status,
            bank_account=ShownAccount.model_validate(payable.bank_account) if payable.bank_account else None,
            tax_id=payable.tax_id,
            rating=Rating.model_validate(own.rating),
            changed_at=held.changed_at,
            version=held.version,
        )


class Photographer(Output):
    """A photographer as everybody sees them."""

    id: str
    name: str
    bio: str
    specialities: list[str]
    links: list[ShownLink]
    status: Status
    rating: Rating
    photos: list[Photo]

    @classmethod
    def of(cls, page: service.Page) -> "Photographer":
        held = page.photographer
        return cls(
            id=held.user,
            name=page.user.name,
            bio=held.bio,
            specialities=list(held.specialities),
            links=[ShownLink.model_validate(link) for link in held.links],
            status=held.status,
            rating=Rating.model_validate(page.rating),
            photos=[Photo.model_validate(photo) for photo in page.portfolio],
        )


class NewRating(Input):
    order: str = Field(min_length=1, max_length=64, description="A completed order with a photo of theirs.")
    stars: int = Field(ge=1, le=5)
