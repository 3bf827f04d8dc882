"""The image capability: a file in, values out. It knows no events, photos or orders and calls no network.

Importing this module is cheap: Pillow and its plugins are loaded by the first call.
"""

from collections.abc import Sequence
from pathlib import Path

from chalicelib.media.model import (
    ADVICE,
    CONTENT_TYPES,
    MAX_BYTES,
    SIZES,
    Column,
    Exif,
    Format,
    Gps,
    Inspection,
    Quality,
    Rejected,
    Rendering,
    Rendition,
    Row,
    Size,
    Watermark,
)

__all__ = [
    "ADVICE",
    "CONTENT_TYPES",
    "MAX_BYTES",
    "SIZES",
    "Column",
    "Exif",
    "Format",
    "Gps",
    "Inspection",
    "Quality",
    "Rejected",
    "Rendering",
    "Rendition",
    "Row",
    "Size",
    "Watermark",
    "avatar",
    "check_watermark",
    "deliverable",
    "document",
    "inspect",
    "pixels",
    "poster",
    "render",
    "upright",
    "with_xmp",
]


def inspect(path: Path, declared_type: str | None = None) -> Inspection:
    """Reads headers and metadata, decodes nothing. Raises Rejected for a file that cannot become a photo.

    `declared_type` is the content type the uploader announced; it must be the file's real one.
    """
    from chalicelib.media import inspect as inspection

    return inspection.inspect(path, declared_type)


def render(path: Path, inspection: Inspection, watermark: Watermark) -> Rendering:
    """Makes every rendition from one decode. Raises Rejected for damaged data, Invalid for a bad logo."""
    from chalicelib.media import render as rendering

    return rendering.render(path, inspection, watermark)


def avatar(path: Path, inspection: Inspection) -> bytes:
    """The middle of a picture as a square JPEG of at most 400 pixels a side, without metadata. Raises Rejected."""
    from chalicelib.media import render as rendering

    return rendering.avatar(path, inspection)


def upright(path: Path, inspection: Inspection, long_side: int) -> bytes:
    """A picture as an upright sRGB JPEG of at most `long_side` pixels a side. Raises Rejected."""
    from chalicelib.media import render as rendering

    return rendering.upright(path, inspection, long_side)


def pixels(jpeg: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGB bytes, row by row, of a JPEG of our own."""
    from chalicelib.media import render as rendering

    return rendering.pixels(jpeg)


def deliverable(path: Path, inspection: Inspection, out: Path) -> str:
    """Writes to `out` what a buyer receives and returns its SHA-256 in hex.

    The coded pixels stay byte for byte; what could tell where, by whom or with whose camera is gone.
    Raises Rejected, and then leaves `out` alone.
    """
    from chalicelib.media import deliver

    return deliver.deliverable(path, inspection, out)


def check_watermark(watermark: Watermark) -> None:
    """Raises Invalid if the logo is not a usable PNG: for the form that takes it, before a photo meets it."""
    from chalicelib.media import watermark as marks

    marks.check(watermark)


def with_xmp(jpeg: bytes, packet: bytes) -> bytes:
    """The JPEG with one more segment, an XMP packet; all its other bytes as they are.

    Raises Unprocessable `not_embeddable` for what is no JPEG, has a packet already, or for a packet that is too large.
    """
    from chalicelib.media import xmp

    return xmp.with_xmp(jpeg, packet)


def poster(title: str, lines: list[str], link: str) -> bytes:
    """A page of A4 as PDF: the title, a QR code of the link, some lines and the link.

    The font has Thai and Latin letters; others show as boxes.
    """
    from chalicelib.media import poster as posters

    return posters.poster(title, lines, link)


def document(
    title: str, lines: Sequence[str], columns: Sequence[Column], rows: Sequence[Row], notes: Sequence[str] = ()
) -> bytes:
    """Pages of A4 as PDF: the title, some lines, a table whose headings stand on each page, and what is to be noted.

    What is too long for its place is broken into lines. The fonts, of which the file has the letters that it needs,
    know Thai, Latin and Cyrillic; others show as question marks. A hundred rows take half a second.
    """
    from chalicelib.media import document as documents

    return documents.document(title, lines, columns, rows, notes)
