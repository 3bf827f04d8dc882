"""Wire shapes of photos. Sizes of files are bytes, prices whole minor units of `currency`, times UTC."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.lines.photos.model import (
    Approval,
    Faces,
    FileOffer,
    FileState,
    Processing,
    Shelf,
    Shown,
    Step,
    Wanted,
)
from chalicelib.lines.photos.pricing import Package as PricedPackage
from chalicelib.media.service import MAX_BYTES

CURRENCY = "THB"
MOST_FILES = 100
MOST_PACKAGES = 20
MOST_MONEY = 100_000_000
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
AnyVersion = Annotated[int, Field(ge=0, le=1 << 31, description="As it was read; another one answers 409.")]


# --- uploads ------------------------------------------------------------------------------------------------


class OfferedFile(Input):
    name: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")
    size: int = Field(ge=1, le=MAX_BYTES)
    type: Literal["image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)] = Field(
        description="Of the whole file, in hex."
    )


class NewUpload(Input):
    files: list[OfferedFile] = Field(min_length=1, max_length=MOST_FILES)

    def offers(self) -> list[FileOffer]:
        return [FileOffer(file.name, file.size, file.type, file.sha256) for file in self.files]


class Form(Output):
    """Post `fields`, then the file as `file`, as multipart/form-data to `url`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Failure(Output):
    code: str
    message: str = Field(description="What to do about it.")


class UploadFile(Output):
    photo_id: str = Field(validation_alias="photo")
    name: str
    status: FileState = Field(validation_alias="state")
    failure: Failure | None
    upload: Form | None = Field(validation_alias="form", description="Null when there is nothing to send.")


class Upload(Output):
    id: str
    event_id: str = Field(validation_alias="event")
    created_at: datetime
    files: list[UploadFile]


# --- photos -------------------------------------------------------------------------------------------------


class Image(Output):
    url: str = Field(description="Works for some minutes; ask again then.")
    width: int
    height: int


class _Flat(Output):
    """Reads a `Shown`: the photo's own attributes beside its sizes."""

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, given: Any) -> Any:
        if not isinstance(given, Shown):
            return given
        fields = {name: getattr(given.photo, name) for name in given.photo.__dataclass_fields__}
        return fields | {"shelf": given.photo.shelf, "sizes": given.sizes}


class Photo(_Flat):
    """What anybody may know of a photo."""

    id: str
    event_id: str = Field(validation_alias="event")
    width: int
    height: int
    placeholder: str = Field(description="A BlurHash to show until the image is here.")
    dominant: str = Field(description="The main colour, #rrggbb.")
    taken_at: datetime | None
    sizes: dict[str, Image] = Field(description="`thumb`, `small`, `medium`, `preview`: watermarked JPEGs.")


class Gps(Output):
    lat: float
    lon: float
    altitude: float | None


class Camera(Output):
    make: str | None
    model: str | None
    lens: str | None
    focal_length_mm: float | None
    aperture: float | None
    shutter_s: float | None
    iso: int | None
    flash: bool | None
    gps: Gps | None
    orientation: int
    taken_at: datetime | None = Field(description="As the camera wrote it, without an offset if it wrote none.")


class ManagedPhoto(_Flat):
    """What staff and its photographer know of a photo."""

    id: str
    event_id: str = Field(validation_alias="event")
    photographer_id: str = Field(validation_alias="photographer")
    filename: str
    content_type: str
    size: int
    sha256: str
    attempt: int
    shelf: Shelf
    processing: Processing
    thumbnail: Step
    watermark: Step
    faces: Faces
    approval: Approval
    failure: Failure | None
    rejection: str | None
    width: int | None
    height: int | None
    exif: Camera | None
    taken_at: datetime | None
    placeholder: str | None
    dominant: str | None
    dhash: str | None
    sizes: dict[str, Image]
    offered_at: datetime
    uploaded_at: datetime | None
    ready_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: str | None
    bibs: list[str] = Field(description="Numbers that were read in it.")


class Rejection(Input):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class WantedPhotos(Paging):
    bib: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{0,2}-?[0-9]{2,6}$", to_upper=True)] | None = None
    photographer: str | None = Field(None, pattern=r"^usr_[0-9A-Z]{26}$", description="A user id.")
    taken_from: AwareDatetime | None = Field(None, ge=_FIRST, le=_LAST)
    taken_until: AwareDatetime | None = Field(None, ge=_FIRST, le=_LAST)

    def wanted(self) -> Wanted:
        return Wanted(self.bib, self.photographer, self.taken_from, self.taken_until)


class ShelfPage(Paging):
    shelf: Shelf = Shelf.PENDING


class Counts(Output):
    total: int
    pending: int
    approved: int
    rejected: int


# --- packages -----------------------------------------------------------------------------------------------


class Package(Output):
    code: str
    name: str
    photos: int | None = Field(description="Null: all of one's photos of the event.")
    price: int


class PriceList(Output):
    event_id: str = Field(validation_alias="event")
    currency: str = CURRENCY
    items: list[Package] = Field(validation_alias="packages")
    version: int = Field(description="0 while the event sells at the default packages.")


class NewPackage(Input):
    code: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$")
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    photos: int | None = Field(ge=1, le=1000)
    price: int = Field(ge=0, le=MOST_MONEY)


class NewPriceList(Input):
    items: list[NewPackage] = Field(min_length=1, max_length=MOST_PACKAGES)
    version: AnyVersion

    def packages(self) -> tuple[PricedPackage, ...]:
        return tuple(PricedPackage(new.code, new.name, new.photos, new.price) for new in self.items)
