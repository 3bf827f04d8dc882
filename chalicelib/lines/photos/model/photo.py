"""A photo: from the promise to upload one to its place on sale."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.lines.photos.albums.model import Album, Kind
from chalicelib.lines.photos.model.states import Approval, Faces, Flag, Processing, Shelf, Step
from chalicelib.media.service import Exif, Inspection, Quality, Rendering, Rendition

STUCK_AFTER = timedelta(minutes=15)
"""Longer than all redeliveries take: what is processed for longer never gets ready by itself."""
ERASED = "erased"

_SHARP = 3.0  # of sixteen cameras' pictures the softest has 6.8, and none has 2.2 after a blur of three pixels
_DARK_SHARE, _BRIGHT_SHARE = 0.6, 0.3
_EARLIEST_PHOTO = datetime(1990, 1, 1, tzinfo=UTC)
_CLOCK_AHEAD = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # beyond these no clock can be put right
_BURST = timedelta(seconds=10)
_ALIKE_BITS = 8  # of 64
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}


@dataclass(frozen=True, slots=True)
class FileOffer:
    """A file that a photographer has: `size` in bytes, `sha256` in hex."""

    name: str
    size: int
    content_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a photo was not accepted; `message` tells the photographer what to do."""

    code: str
    message: str


class NotAsPromised(Unprocessable):
    """What is stored is not the file that was offered."""

    ADVICE: ClassVar[dict[str, str]] = {
        "file_missing": "The file is not there any more. Upload it again.",
        "hash_mismatch": "The file changed on its way. Upload it again.",
    }

    def __init__(self, code: str) -> None:
        super().__init__(code, self.ADVICE[code])


@dataclass(frozen=True, slots=True)
class Photo:
    """`size` and `sha256` are what the photographer promised; a photo that is ready kept the promise.

    `attempt` counts offers of the file; `object_version` is the stored version that was processed. `width`
    and `height` are pixels as displayed. `taken_at` is UTC, whatever the camera's zone; `exif` keeps the
    camera's words. `delivered_sha256` is of the file that buyers get. `correlation` is that of the request that last
    had the file processed: its offer, or a retry. Storage's own notice brings none. `upload` is the one that it
    was last offered with. `stored_at` is when storage had the file, by its own clock; `sellable_at` is when the photo
    came on sale for the first time. `bibs` are the numbers that were read in it. `counted` ones are part of what their
    photographer has used of a quota. `clock_offset` is how many seconds were added to the camera's time.
    `tallied` ones are in the organization's counts. `album` and `location` are the ids of those it is in.
    One with `removed_at` is gone for everybody but the job that deletes its files.
    """

    id: str
    organization: str
    event: str
    photographer: str
    filename: str
    content_type: str
    size: int
    sha256: str
    offered_at: datetime
    attempt: int = 1
    processing: Processing = Processing.AWAITING
    thumbnail: Step = Step.WAITING
    watermark: Step = Step.WAITING
    faces: Faces = Faces.NOT_REQUESTED
    approval: Approval = Approval.PENDING
    uploaded_at: datetime | None = None
    processing_at: datetime | None = None
    object_version: str | None = None
    failure: Failure | None = None
    ready_at: datetime | None = None
    width: int | None = None
    height: int | None = None
    exif: Exif | None = None
    taken_at: datetime | None = None
    delivered_sha256: str | None = None
    renditions: tuple[Rendition, ...] = ()
    placeholder: str | None = None
    dhash: str | None = None
    dominant: str | None = None
    quality: Quality | None = None
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    rejection: str | None = None
    correlation: str | None = None
    upload: str | None = None
    stored_at: datetime | None = None
    sellable_at: datetime | None = None
    bibs: tuple[str, ...] = ()
    counted: bool | None = None
    clock_offset: int | None = None
    removed_at: datetime | None = None
    tallied: bool | None = None
    album: str | None = None
    location: str | None = None
    version: int = 1

    # --- what it is ---

    @property
    def for_sale(self) -> bool:
        return self.shelf is Shelf.APPROVED

    @property
    def flags(self) -> list[Flag]:
        """What is probably wrong with it; nothing for photos of before quality was measured."""
        if self.quality is None:
            return []
        found = {
            Flag.BLURRED: self.quality.sharpness < _SHARP,
            Flag.TOO_DARK: self.quality.dark > _DARK_SHARE,
            Flag.BLOWN_OUT: self.quality.bright > _BRIGHT_SHARE,
        }
        return [flag for flag, holds in found.items() if holds]

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.approval if self.processing is Processing.READY else self.processing)

    @property
    def shelved_at(self) -> datetime:
        """What its shelf is sorted by: on sale by the time it was taken, elsewhere by arrival."""
        arrived = self.uploaded_at or self.offered_at
        return self.taken_at or arrived if self.for_sale else arrived

    @property
    def upload_key(self) -> str:
        return f"uploads/{self._folder}"

    @property
    def delivery_key(self) -> str:
        return f"deliveries/{self._folder}"

    def rendition_key(self, name: str) -> str:
        return f"previews/{self._folder}/{name}.jpg"

    def folder_in(self, place: str) -> str:
        """What the keys of all its attempts begin with."""
        return f"{place}/{self.organization}/{self.event}/{self.id}/"

    @property
    def _folder(self) -> str:
        return f"{self.organization}/{self.event}/{self.id}/{self.attempt}"

    def delivery_name(self, event_slug: str) -> str:
        """The name a buyer saves it under: says where it is from, unique within the event."""
        return f"{event_slug}-{self.id[-8:].lower()}.{_EXTENSIONS[self.content_type]}"

    # --- arriving ---

    def is_stuck(self, at: datetime) -> bool:
        since = self.processing_at
        return self.processing is Processing.PROCESSING and since is not None and since + STUCK_AFTER <= at

    def reoffered(
        self, offer: FileOffer, photographer: str, upload: str, form_lasts: timedelta, at: datetime, correlation: str
    ) -> "Photo | None":
        """The photo after the same file was offered again; None when it is on its way or here already.

        A photo that waits for its photographer's file keeps its key: whichever of two uploads arrives counts.
        After a failure, and when another photographer takes over what was never sent, the new attempt has its
        own key.
        """
        mine = photographer == self.photographer
        if self.processing is Processing.AWAITING and mine:
            told = replace(self, filename=offer.name, content_type=offer.content_type, size=offer.size)
            return replace(told, upload=upload)
        abandoned = self.processing is Processing.AWAITING and self.offered_at + form_lasts <= at
        if not (abandoned or self.processing is Processing.FAILED or self.is_stuck(at)):
            return None
        return Photo(
            id=self.id,
            organization=self.organization,
            event=self.event,
            photographer=photographer,
            filename=offer.name,
            content_type=offer.content_type,
            size=offer.size,
            sha256=self.sha256,
            offered_at=at,
            attempt=self.attempt + 1,
            correlation=correlation,
            upload=upload,
            counted=self.counted if mine else True,
            album=self.album if mine else None,
            location=self.location if mine else None,
            version=self.version,
        )

    def takes(self, attempt: int, object_version: str | None) -> bool:
        """Whether an arrived object is news: of this attempt, and not the one that is here or failed already.

        Any good version makes a photo ready, so the order in which versions are told does not matter.
        """
        if attempt != self.attempt or self.processing is Processing.READY:
            return False
        return self.processing is not Processing.FAILED or object_version != self.object_version

    def arrived(self, object_version: str | None, at: datetime) -> "Photo":
        return replace(
            self,
            processing=Processing.PROCESSING,
            thumbnail=Step.WAITING,
            watermark=Step.WAITING,
            failure=None,
            object_version=object_version,
            uploaded_at=self.uploaded_at or at,
            processing_at=at,
        )

    def failed(self, failure: Failure, object_version: str | None) -> "Photo":
        return replace(
            self,
            processing=Processing.FAILED,
            thumbnail=Step.FAILED,
            watermark=Step.FAILED,
            failure=failure,
            object_version=object_version,
        )

    def retried(self, at: datetime, correlation: str) -> "Photo":
        """Back to processing what is stored. Raises Conflict unless it failed."""
        if self.processing is not Processing.FAILED and not self.is_stuck(at):
            raise Conflict("photo_not_failed", "Only a photo that failed can be tried again.")
        return replace(self.arrived(self.object_version, at), correlation=correlation)

    def ready(
        self,
        found: Inspection,
        rendering: Rendering,
        delivered_sha256: str,
        object_version: str | None,
        zone: str,
        approve: bool,
        at: datetime,
        clock_offset: int = 0,
    ) -> "Photo":
        return replace(
            self,
            processing=Processing.READY,
            thumbnail=Step.DONE,
            watermark=Step.DONE,
            failure=None,
            object_version=object_version,
            approval=Approval.APPROVED if approve else Approval.PENDING,
            content_type=found.content_type,
            width=found.width,
            height=found.height,
            exif=found.exif,
            taken_at=taken_at(found.exif, zone, at, clock_offset),
            clock_offset=clock_offset or None,
            delivered_sha256=delivered_sha256,
            renditions=tuple(replace(made, content=b"") for made in rendering.renditions),
            placeholder=rendering.placeholder,
            dhash=rendering.dhash,
            dominant=rendering.dominant,
            quality=rendering.quality,
            ready_at=at,
            sellable_at=(self.sellable_at or at) if approve else self.sellable_at,
        )

    # --- by another clock ---

    def clocked(self, offset: int, zone: str, at: datetime) -> "Photo":
        """As taken by a camera whose clock is so many seconds behind. One that is not ready notes it, no more."""
        if (self.clock_offset or 0) == offset:
            return self
        noted = replace(self, clock_offset=offset or None)
        if self.exif is None:
            return noted
        return replace(noted, taken_at=taken_at(self.exif, zone, at, offset))

    # --- being kept without its photographer ---

    def without_photographer(self) -> "Photo":
        """What buyers paid for, and nothing that tells who took it, where, or with which camera."""
        return replace(
            self,
            photographer=ERASED,
            filename=self.delivery_name(ERASED),
            exif=None,
            correlation=None,
            upload=None,
            counted=None,
        )

    # --- in albums ---

    def put_into(self, albums: Iterable[Album]) -> "Photo":
        """It is in one of each kind at most."""
        held = {Kind.ALBUM: self.album, Kind.LOCATION: self.location} | {album.kind: album.id for album in albums}
        return replace(self, album=held[Kind.ALBUM], location=held[Kind.LOCATION])

    def taken_out_of(self, album: str) -> "Photo":
        left = (None if held == album else held for held in (self.album, self.location))
        return replace(self, album=next(left), location=next(left))

    # --- being looked at ---

    def with_faces(self, faces: Faces) -> "Photo":
        return replace(self, faces=faces)

    def with_bibs(self, bibs: tuple[str, ...]) -> "Photo":
        return replace(self, bibs=bibs)

    # --- reviewing ---

    def approved(self, by: str, at: datetime) -> "Photo":
        return self._reviewed(Approval.APPROVED, None, by, at)

    def rejected(self, reason: str, by: str, at: datetime) -> "Photo":
        return self._reviewed(Approval.REJECTED, reason, by, at)

    def reconsidered(self, by: str, at: datetime) -> "Photo":
        return self._reviewed(Approval.PENDING, None, by, at)

    def is_near(self, other: "Photo") -> bool:
        """Whether both look nearly alike and were taken by the same photographer within seconds."""
        if self.photographer != other.photographer or not (self.dhash and other.dhash):
            return False
        if self.taken_at and other.taken_at and abs(self.taken_at - other.taken_at) > _BURST:
            return False
        return (int(self.dhash, 16) ^ int(other.dhash, 16)).bit_count() <= _ALIKE_BITS

    def _reviewed(self, approval: Approval, reason: str | None, by: str, at: datetime) -> "Photo":
        if self.processing is not Processing.READY:
            raise Conflict("photo_not_ready", "The photo is not processed yet.")
        if (self.approval, self.rejection) == (approval, reason):
            return self
        first = at if approval is Approval.APPROVED and self.sellable_at is None else self.sellable_at
        return replace(self, approval=approval, rejection=reason, reviewed_by=by, reviewed_at=at, sellable_at=first)


def taken_at(exif: Exif, zone: str, now: datetime, offset: int = 0) -> datetime | None:
    """When the photo was taken, in UTC to the millisecond; a camera without a zone means the event's.

    `offset` is how many seconds the camera's clock is known to be behind.
    None for a camera whose clock was never set or runs ahead: such a photo sorts by its arrival.
    """
    if exif.taken_at is None or not _FIRST_YEAR <= exif.taken_at.year <= _LAST_YEAR:
        return None
    told = exif.taken_at + timedelta(seconds=offset)
    if not _EARLIEST_PHOTO.year <= told.year <= now.year + 1:
        return None
    aware = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))
    moment = aware.astimezone(UTC)
    if not _EARLIEST_PHOTO <= moment <= now + _CLOCK_AHEAD:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
