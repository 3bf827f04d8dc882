"""What the image capability takes and gives: plain values, no pixel library, nothing slow to import.

Every dataclass but `Watermark` and `Rendering` goes through `pydantic.TypeAdapter` to JSON and back unchanged
(`Rendition.content` stays behind: bytes belong in a bucket, not in a record).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.core.errors import Invalid, Unprocessable

Format = Literal["jpeg", "png", "webp", "heic"]

CONTENT_TYPES: dict[Format, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "heic": "image/heic",
}

MAX_BYTES = 50 * 1024 * 1024
MAX_PIXELS = 120_000_000
MIN_SIDE = 64
MAX_SIDE = 30_000
MAX_SCANS = 100

ADVICE = {
    "empty_file": "The file is empty. Upload it again from the original.",
    "file_too_large": "The file is larger than 50 MB. Export it as a JPEG with a lower quality setting.",
    "unsupported_format": "Only JPEG, PNG, WebP and HEIC photos are accepted. Export the photo as a JPEG.",
    "type_mismatch": "The file is not of the type it was announced as. Upload it under its real type.",
    "header_corrupt": "The start of the file is damaged. Export the photo again and upload the new file.",
    "truncated": "The file ends too early. Copy it from the card again and upload that copy.",
    "data_corrupt": "The picture data is damaged. Export the photo again and upload the new file.",
    "too_many_pixels": "The photo has more than 120 megapixels. Export it smaller.",
    "side_too_long": "One side of the photo is longer than 30,000 pixels. Crop it or export it smaller.",
    "too_small": "Each side of the photo must have at least 64 pixels. Upload the full-size photo.",
    "too_many_scans": "The JPEG is split into more than 100 scans. Export it again as a standard JPEG.",
    "needs_too_much_memory": "The photo is too large for its format. Export it as a baseline JPEG.",
    "metadata_locked": "Private details in this file cannot be removed safely. Export the photo as a JPEG.",
}


class Rejected(Unprocessable):
    """The file cannot become a photo. `code` is a key of `ADVICE`; the message says what to do about it."""

    def __init__(self, code: str) -> None:
        super().__init__(code, ADVICE[code])


@dataclass(frozen=True, slots=True)
class Gps:
    """Degrees (north and east positive), metres above sea level."""

    lat: float
    lon: float
    altitude: float | None = None


@dataclass(frozen=True, slots=True)
class Exif:
    """What the camera wrote, cleaned: a value that makes no sense is None, never an error.

    `orientation` is what still has to be done to the stored pixels (1..8, EXIF tag 0x0112). `taken_at` is
    aware only if the camera recorded its offset; otherwise it is the camera's local time.
    """

    make: str | None = None
    model: str | None = None
    lens: str | None = None
    focal_length_mm: float | None = None
    aperture: float | None = None
    shutter_s: float | None = None
    iso: int | None = None
    flash: bool | None = None
    gps: Gps | None = None
    orientation: int = 1
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """`width` and `height` are pixels as displayed, orientation applied.

    `adobe_rgb`: the camera declared Adobe RGB without embedding a profile (DCF option file).
    """

    format: Format
    content_type: str
    width: int
    height: int
    exif: Exif
    adobe_rgb: bool = False


@dataclass(frozen=True, slots=True)
class Watermark:
    """Text, a PNG logo, both (logo above text) or neither (no watermark). Raises Invalid if out of range."""

    text: str | None = None
    image_png: bytes | None = field(default=None, repr=False)
    style: Literal["tiled", "corner"] = "tiled"
    opacity: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.opacity <= 1:
            raise Invalid("watermark_opacity", "Opacity must be above 0 and at most 1.", field="opacity")
        if self.text is not None and not (0 < len(self.text) <= 60 and self.text.isprintable()):
            raise Invalid("watermark_text", "The text must be one line of 1 to 60 characters.", field="text")


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    long_side: int
    quality: int
    watermarked: bool = True


# Largest first: each is made from the one before it.
SIZES = (
    Size("preview", 1920, quality=82),
    Size("medium", 800, quality=82),
    Size("small", 300, quality=80),
    Size("thumb", 150, quality=80, watermarked=False),
)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One JPEG made from a photo: sRGB, upright, without metadata. `sha256` is of `content`, in hex."""

    name: str
    width: int
    height: int
    bytes_size: int
    sha256: str
    content: Annotated[bytes, Field(exclude=True)] = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured at 800 pixels: `sharpness` is the spread of the Laplacian in levels of grey, the others are shares."""

    sharpness: float
    dark: float
    bright: float


@dataclass(frozen=True, slots=True)
class Rendering:
    """All that is shown of a photo before it is bought.

    `renditions` are in the order of `SIZES`; `placeholder` is a BlurHash of 4x3 components; `dhash` 16 hex
    digits whose Hamming distance tells how alike two photos are; `dominant` a colour as #rrggbb.
    """

    renditions: tuple[Rendition, ...]
    placeholder: str
    dhash: str
    dominant: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class Column:
    """Of a document's table. `width` is its share, beside those of the others; `right`: its texts end there."""

    title: str
    width: int
    right: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A text for each column."""

    cells: tuple[str, ...]
    strong: bool = False
