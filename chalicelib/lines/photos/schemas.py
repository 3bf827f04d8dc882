"""Wire shapes of photos. Sizes of files are bytes, prices whole minor units of `currency`, times UTC."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.events.schemas import Moment
from chalicelib.lines.photos import model
from chalicelib.lines.photos.model import (
    Approval,
    Faces,
    FileOffer,
    FileState,
    Flag,
    Processing,
    Shelf,
    Shown,
    Step,
    Verdict,
    Wanted,
)
from chalicelib.lines.photos.pricing import MOST_PACKAGES, Licence
from chalicelib.lines.photos.pricing import Package as PricedPackage
from chalicelib.lines.photos.pricing import PriceList as PricedPackages
from chalicelib.lines.photos.service import Statistics as EventStatistics
from chalicelib.lines.photos.times import Times
from chalicelib.media.service import MAX_BYTES

MOST_FILES = 100
MOST_MONEY = 100_000_000
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
AlbumId = Annotated[str, StringConstraints(pattern=r"^alb_[0-9A-Z]{26}$")]
LocationId = Annotated[str, StringConstraints(pattern=r"^loc_[0-9A-Z]{26}$")]
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
    album_id: AlbumId | None = Field(None, description="What is new comes into this album.")
    location_id: LocationId | None = Field(None, description="Where what is new was taken.")

    def offers(self) -> list[FileOffer]:
        return [FileOffer(file.name, file.size, file.type, file.sha256) for file in self.files]

    def albums(self) -> list[str]:
        return [album for album in (self.album_id, self.location_id) if album is not None]


class NewPhotos(NewUpload):
    event_id: str = Field(min_length=1, max_length=100, description="Or its slug.")


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
        return fields | {"shelf": given.photo.shelf, "flags": given.photo.flags, "sizes": given.sizes}


class Photo(_Flat):
    """What anybody may know of a photo."""

    id: str
    event_id: str = Field(validation_alias="event")
    width: int
    height: int
    placeholder: str = Field(description="A BlurHash to show until the image is here.")
    dominant: str = Field(description="The main colour, #rrggbb.")
    taken_at: datetime | None
    album_id: str | None = Field(validation_alias="album")
    location_id: str | None = Field(validation_alias="location")
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
    flags: list[Flag] = Field(description="What is probably wrong with it.")
    sizes: dict[str, Image]
    offered_at: datetime
    uploaded_at: datetime | None
    ready_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: str | None
    bibs: list[str] = Field(description="Numbers that were read in it.")
    album_id: str | None = Field(validation_alias="album")
    location_id: str | None = Field(validation_alias="location")


class Rejection(Input):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ShelfPage(Paging):
    shelf: Shelf = Shelf.PENDING


class Lookalikes(Output):
    """Photos that look nearly alike; `best` is the sharpest of them."""

    best: str
    photos: list[str]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if not isinstance(given, model.Lookalikes):
            return given
        return {"best": given.best.id, "photos": [photo.id for photo in given.photos]}


class Decision(Input):
    """`reason` goes with `reject`. `reconsider` puts a photo back among those that wait."""

    photo_id: str = Field(min_length=1, max_length=64)
    verdict: Verdict
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _has_its_reason(self) -> Self:
        if (self.verdict is Verdict.REJECT) != (self.reason is not None):
            raise ValueError("a reason goes with a rejection, and only with one")
        return self


class Decisions(Input):
    decisions: list[Decision] = Field(min_length=1, max_length=MOST_FILES)

    @model_validator(mode="after")
    def _decides_once(self) -> Self:
        if len({each.photo_id for each in self.decisions}) < len(self.decisions):
            raise ValueError("each photo may be decided on once")
        return self

    def verdicts(self) -> list[model.Decision]:
        return [model.Decision(each.photo_id, each.verdict, each.reason) for each in self.decisions]


class Decided(Output):
    """What became of one photo: where it stands now, or why nothing changed."""

    photo_id: str = Field(validation_alias="photo")
    approval: Approval | None
    error: str | None


class AllDecided(Output):
    items: list[Decided]


class Counts(Output):
    total: int
    pending: int
    approved: int
    rejected: int


class GalleryPage(Paging):
    """Those of one photographer come by upload, the newest first, and a page may hold fewer than asked for."""

    sort: Literal["oldest", "newest"] = Field("oldest", description="By the time they were taken.")
    since: AwareDatetime | None = Field(None, ge=_FIRST, le=_LAST, description="Taken at this moment or later.")
    until: AwareDatetime | None = Field(None, ge=_FIRST, le=_LAST, description="Taken before this moment.")
    photographer: str | None = Field(None, max_length=40, pattern=r"^usr_[0-9A-Z]{26}$")
    bib: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{0,2}-?[0-9]{2,6}$", to_upper=True)] | None = None
    album: AlbumId | None = None
    location: LocationId | None = None

    def wanted(self) -> Wanted:
        since, until = (moment.astimezone(UTC) if moment else None for moment in (self.since, self.until))
        newest_first = self.sort == "newest"
        return Wanted(newest_first, self.bib, self.photographer, since, until, self.album, self.location)


class Timeline(Output):
    """Null for what has not happened. `uploaded` is by storage's clock."""

    offered: datetime | None
    uploaded: datetime | None
    received: datetime | None
    ready: datetime | None
    approved: datetime | None
    live: datetime | None


class Metadata(Output):
    photo: ManagedPhoto
    timeline: Timeline


class Sales(Output):
    """`amount` is in minor units of `currency`."""

    orders: int
    photos: int = Field(validation_alias="files")
    amount: int
    currency: str
    downloads: int


class UploadToSale(Output):
    """How long photos took from storage to sale: half of them, and 95 of 100, at most so many seconds.

    Both are at most a quarter too high; null before the first photo is on sale.
    """

    photos: int
    p50_seconds: float | None
    p95_seconds: float | None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if not isinstance(given, Times):
            return given
        return {"photos": given.total, "p50_seconds": given.within(0.5), "p95_seconds": given.within(0.95)}


class Poster(Output):
    url: str = Field(description="Fetch it with a plain GET before `expiresAt`.")
    expires_at: datetime


class Statistics(Output):
    event_id: str = Field(validation_alias="event")
    photos: Counts
    sales: Sales
    upload_to_sale: UploadToSale = Field(validation_alias="times")

    @classmethod
    def of(cls, found: EventStatistics, currency: str) -> Self:
        sales = asdict(found.sales) | {"currency": currency}
        return cls.model_validate({"event": found.event, "photos": found.photos, "sales": sales, "times": found.times})


# --- packages -----------------------------------------------------------------------------------------------


class Package(Output):
    code: str
    name: str
    photos: int | None = Field(description="Null: all of one's photos of the event.")
    price: int
    extra: int | None = Field(description="What each further photo costs; null: there are none.")
    licence: Licence
    opens_at: datetime | None = Field(description="Sold from then on.")
    closes_at: datetime | None = Field(description="Sold before then.")


class PriceList(Output):
    event_id: str | None = Field(description="Null: the organization's.")
    currency: str
    items: list[Package]
    version: int = Field(description="0 while there are none of its own: then those above it hold, or the default.")

    @classmethod
    def of(cls, prices: PricedPackages, currency: str) -> Self:
        items = [Package.model_validate(package) for package in prices.packages]
        return cls(event_id=prices.event, currency=currency, items=items, version=prices.version)


class PackageDetails(Input):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    photos: int | None = Field(ge=1, le=1000)
    price: int = Field(ge=0, le=MOST_MONEY)
    extra: int | None = Field(None, ge=0, le=MOST_MONEY)
    licence: Licence = Field(Licence.PERSONAL, strict=False)
    opens_at: Moment | None = None
    closes_at: Moment | None = None

    def package(self, code: str) -> PricedPackage:
        names = ("name", "photos", "price", "extra", "licence", "opens_at", "closes_at")
        return PricedPackage(code, **{name: getattr(self, name) for name in names})


class NewPackage(PackageDetails):
    code: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$")

    def package(self, code: str | None = None) -> PricedPackage:
        return super().package(code or self.code)


class ChangedPackage(PackageDetails):
    version: AnyVersion


class NewPriceList(Input):
    items: list[NewPackage] = Field(min_length=1, max_length=MOST_PACKAGES)
    version: AnyVersion

    def packages(self) -> tuple[PricedPackage, ...]:
        return tuple(new.package() for new in self.items)
