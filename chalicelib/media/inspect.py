"""Is this file a photo we can take, and what does it say about itself? Headers only, nothing is decoded."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile

from chalicelib.media import containers, heic
from chalicelib.media.decoders import opened
from chalicelib.media.model import (
    CONTENT_TYPES,
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SCANS,
    MAX_SIDE,
    MIN_SIDE,
    Exif,
    Format,
    Gps,
    Inspection,
    Rejected,
)

MEMORY_BUDGET = 800 * 1024 * 1024
# Measured peaks of decoding and shrinking. A JPEG is decoded small, unless it is progressive.
BYTES_PER_PIXEL: dict[Format, int] = {"jpeg": 1, "png": 11, "webp": 19, "heic": 10}

# Lossless, hierarchical, arithmetic: libjpeg reads some of them, browsers none.
RARE_JPEGS = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
PALETTE = 3

ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/heif": "image/heic"}

IFD0_MAKE, IFD0_MODEL, IFD0_ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = (
    0x010F,
    0x0110,
    0x0112,
    0x8769,
    0x8825,
    0xA005,
)
EXPOSURE_TIME, F_NUMBER, SENSITIVITY, FLASH, FOCAL_LENGTH = 0x829A, 0x829D, 0x8827, 0x9209, 0x920A
RECOMMENDED_EXPOSURE_INDEX, ISO_SPEED, COLOR_SPACE, LENS_MODEL = 0x8832, 0x8833, 0xA001, 0xA434
# (date, sub-seconds, offset) of exposure, then of digitizing; DateTime is left out: editors change it.
TAKEN = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012))


def inspect(path: Path, declared_type: str | None = None) -> Inspection:
    """See `service.inspect`."""
    size = path.stat().st_size
    if size == 0:
        raise Rejected("empty_file")
    if size > MAX_BYTES:
        raise Rejected("file_too_large")
    data = path.read_bytes()
    form = containers.sniff(data[:64])
    if form is None:
        raise Rejected("unsupported_format")
    if declared_type is not None and _normalized(declared_type) != CONTENT_TYPES[form]:
        raise Rejected("type_mismatch")
    late_exif = _check_container(data, form)
    del data

    with opened(path, form) as picture:
        width, height = picture.size
        _check_size(width, height, form)
        if picture.info.get("progressive"):
            _check_coefficients(picture)
        directories = _Directories(late_exif or picture.info.get("exif"))
        # libheif applies a HEIC's rotation itself; its EXIF orientation is only a note.
        exif = directories.exif(orientation=1 if form == "heic" else directories.orientation())
        adobe_rgb = not picture.info.get("icc_profile") and directories.declares_adobe_rgb()
    if exif.orientation >= 5:
        width, height = height, width
    return Inspection(form, CONTENT_TYPES[form], width, height, exif, adobe_rgb)


def _normalized(content_type: str) -> str:
    name = content_type.partition(";")[0].strip().lower()
    return ALIASES.get(name, name)


def _check_container(data: bytes, form: Format) -> bytes | None:
    """Walks the parts; returns a PNG's EXIF wherever it stands (Pillow sees it before the pixels only)."""
    try:
        if form == "jpeg":
            kinds = Counter(part.kind[0] for part in containers.jpeg_segments(data))
            if not RARE_JPEGS.isdisjoint(kinds):
                raise Rejected("unsupported_format")
            if kinds[containers.SOS] > MAX_SCANS:
                raise Rejected("too_many_scans")
        elif form == "png":
            chunks = [*containers.png_chunks(data)]
            _check_png_header(data, chunks)
            for chunk in chunks:
                if chunk.kind == b"eXIf":
                    return data[chunk.body : chunk.end - 4]
        elif form == "webp":
            # The decoder allocates its canvas as soon as it opens a file.
            _check_size(*containers.webp_size(data), form)
        else:
            heic.top_level(data)
    except containers.Cut as error:
        raise Rejected("truncated") from error
    except containers.Malformed as error:
        raise Rejected("header_corrupt") from error
    return None


def _check_png_header(data: bytes, chunks: list[containers.Part]) -> None:
    """What our decoder overlooks and the programs of buyers do not."""
    if chunks[0].kind != b"IHDR" or chunks[0].end - chunks[0].body != 17:
        raise containers.Malformed("no header")
    colour, compression, filtering, interlacing = data[chunks[0].body + 9 : chunks[0].body + 13]
    if compression or filtering or interlacing > 1:
        raise containers.Malformed("made in a way that nobody knows")
    if colour == PALETTE and all(chunk.kind != b"PLTE" for chunk in chunks):
        raise containers.Malformed("colours without a palette")


def _check_size(width: int, height: int, form: Format) -> None:
    if min(width, height) < MIN_SIDE:
        raise Rejected("too_small")
    if max(width, height) > MAX_SIDE:
        raise Rejected("side_too_long")
    if width * height > MAX_PIXELS:
        raise Rejected("too_many_pixels")
    if width * height * BYTES_PER_PIXEL[form] > MEMORY_BUDGET:
        raise Rejected("needs_too_much_memory")


def _check_coefficients(picture: ImageFile.ImageFile) -> None:
    """A progressive JPEG is held whole: two bytes a coefficient, each component at its own sampling."""
    width, height = picture.size
    layers: list[tuple[int, int, int, int]] = getattr(picture, "layer", [])
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    if sum(2 * width * height * h * v // (across * down) for _, h, v, _ in layers) > MEMORY_BUDGET:
        raise Rejected("needs_too_much_memory")


class _Directories:
    """An EXIF block as cameras really write it: any directory and any value may be missing or nonsense."""

    def __init__(self, raw: bytes | None) -> None:
        exif = Image.Exif()
        self._image: Mapping[int, Any] = {}
        self._camera: Mapping[int, Any] = {}
        self._gps: Mapping[int, Any] = {}
        self._interop: Mapping[int, Any] = {}
        # Pillow raises what the damage happens to cause (SyntaxError, struct.error, KeyError, ...): no reason
        # to refuse the photo, and what was read before it still counts.
        with suppress(Exception):
            exif.load(raw or b"")
            self._image = exif
            self._camera = exif.get_ifd(EXIF_IFD)
            self._interop = exif.get_ifd(INTEROP_IFD)
        with suppress(Exception):
            self._gps = exif.get_ifd(GPS_IFD)

    def orientation(self) -> int:
        value = _value(self._image, IFD0_ORIENTATION)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1

    def declares_adobe_rgb(self) -> bool:
        """DCF 2.0: interoperability index R03; some cameras write only colour space 2."""
        index = _value(self._interop, 1)
        return str(index).startswith("R03") or _value(self._camera, COLOR_SPACE) == 2

    def exif(self, orientation: int) -> Exif:
        flash = _value(self._camera, FLASH)
        return Exif(
            make=_text(_value(self._image, IFD0_MAKE)),
            model=_text(_value(self._image, IFD0_MODEL)),
            lens=_text(_value(self._camera, LENS_MODEL)),
            focal_length_mm=_positive(_value(self._camera, FOCAL_LENGTH)),
            aperture=_positive(_value(self._camera, F_NUMBER)),
            shutter_s=_positive(_value(self._camera, EXPOSURE_TIME)),
            iso=self._sensitivity(),
            flash=bool(flash & 1) if isinstance(flash, int) else None,
            gps=self._position(),
            orientation=orientation,
            taken_at=self._taken_at(),
        )

    def _sensitivity(self) -> int | None:
        for tag in (SENSITIVITY, ISO_SPEED, RECOMMENDED_EXPOSURE_INDEX):
            value = _value(self._camera, tag)
            number = _positive(value[0] if isinstance(value, tuple) and value else value)
            if number and number != 0xFFFF:  # the 16-bit field's "more than I can hold"
                return round(number)
        return None

    def _taken_at(self) -> datetime | None:
        for date_tag, subsecond_tag, offset_tag in TAKEN:
            with suppress(ValueError, OverflowError):
                date = _text(_value(self._camera, date_tag)) or ""
                taken = datetime.strptime(date, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - camera-local
                fraction = re.match(r"\d+", _text(_value(self._camera, subsecond_tag)) or "")
                if fraction:
                    taken = taken.replace(microsecond=int(fraction[0][:6].ljust(6, "0")))
                offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", _text(_value(self._camera, offset_tag)) or "")
                if offset:
                    ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
                    if ahead < timedelta(hours=24):
                        taken = taken.replace(tzinfo=timezone(-ahead if offset[1] == "-" else ahead))
                return taken
        return None

    def _position(self) -> Gps | None:
        status = _text(_value(self._gps, 9))
        lat = _degrees(_value(self._gps, 2), _text(_value(self._gps, 1)), "NS", 90)
        lon = _degrees(_value(self._gps, 4), _text(_value(self._gps, 3)), "EW", 180)
        # V is "void"; exactly 0, 0 is a receiver without a fix, not a photo in the Gulf of Guinea.
        if lat is None or lon is None or status == "V" or (lat, lon) == (0, 0):
            return None
        altitude = _positive(_value(self._gps, 6))
        if altitude is not None and _value(self._gps, 5) in (b"\x01", 1):
            altitude = -altitude
        return Gps(lat, lon, altitude)


def _value(directory: Mapping[int, Any], tag: int) -> Any:
    """Values are decoded on access, so access is where a broken one raises."""
    with suppress(Exception):
        return directory.get(tag)
    return None


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if not isinstance(value, str):
        return None
    visible = "".join(c if c.isprintable() else " " for c in value.partition("\0")[0])
    return " ".join(visible.split())[:100] or None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 < number < 1e9 else None


def _degrees(parts: Any, reference: str | None, signs: str, limit: int) -> float | None:
    """Degrees, minutes, seconds and a hemisphere letter as signed decimal degrees."""
    if not isinstance(parts, tuple) or len(parts) != 3 or reference is None or reference[0] not in signs:
        return None
    numbers = [_number(part) for part in parts]
    if any(number is None or number < 0 for number in numbers):
        return None
    degrees, minutes, seconds = (number or 0.0 for number in numbers)
    value = degrees + minutes / 60 + seconds / 3600
    if value > limit:
        return None
    return round(-value if reference[0] == signs[1] else value, 7)
