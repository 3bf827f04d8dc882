"""Photos as cameras and phones store them, made from the few that ship with scikit-image: every class of file that
costs a renderer something else. Grain is random, so two machines measure alike photos, not the same ones."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from chalicelib.media.color import adobe_rgb_profile
from infra.local.samples import camera_exif, camera_photo, real_photos, srgb_profile


@dataclass(frozen=True)
class Photo:
    """A file to render and, in words, what is special about it."""

    path: Path
    kind: str


GRAIN = 0.2  # gives the files of real cameras: a fifth to a quarter of a byte a pixel
# (name, made from, width and height, EXIF orientation, how it is saved, what is special)
_MADE: tuple[tuple[str, str, int, int, int, dict[str, Any], str], ...] = (
    ("8mp.jpg", "chelsea.png", 3264, 2448, 1, {}, "no profile, too small to be decoded smaller"),
    ("12mp-srgb.jpg", "astronaut.png", 4000, 3000, 6, {"icc_profile": srgb_profile()}, "sRGB profile, turned"),
    ("20mp.jpg", "motorcycle_left.png", 5472, 3648, 1, {"quality": 95, "subsampling": 1}, "no profile, 4:2:2"),
    ("24mp.jpg", "coffee.png", 6000, 4000, 8, {}, "no profile, turned"),
    ("24mp-adobe.jpg", "rocket.jpg", 6000, 4000, 1, {"icc_profile": adobe_rgb_profile()}, "Adobe RGB profile"),
    ("24mp-444.jpg", "astronaut.png", 6000, 4000, 1, {"progressive": True, "subsampling": 0}, "progressive 4:4:4"),
    ("48mp.jpg", "coffee.png", 8064, 6048, 6, {"icc_profile": adobe_rgb_profile()}, "Adobe RGB profile, turned"),
    ("12mp.heic", "chelsea.png", 4000, 3000, 1, {"quality": 85}, "HEIC"),
    ("24mp.png", "coffee.png", 6000, 4000, 1, {}, "PNG"),
    ("12mp-16bit.png", "coffee.png", 4000, 3000, 1, {"mode": "RGB"}, "PNG, 16 bits a channel"),
    ("12mp-16bit-grey.png", "coffee.png", 4000, 3000, 1, {"mode": "L"}, "PNG, 16 bits, grey"),
    ("24mp.webp", "astronaut.png", 6000, 4000, 1, {"quality": 85, "method": 2}, "WebP"),
)


def how_many() -> int:
    return len(_MADE)


def made_in(folder: Path) -> Iterator[Photo]:
    """One by one; they are kept in `folder` for the next time."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source, width, height, orientation, options, kind in _MADE:
        path = folder / name
        if not path.exists():
            unfinished = path.with_suffix(".part")
            image = camera_photo(real_photos() / source, width, height, orientation, 0, GRAIN)
            unfinished.write_bytes(_encoded(image, path.suffix, orientation, options))
            unfinished.replace(path)
        yield Photo(path, kind)


def _encoded(image: Image.Image, suffix: str, orientation: int, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    if suffix == ".jpg":
        image.save(file, "JPEG", exif=camera_exif(orientation, 0), **{"quality": 92} | options)
    elif suffix == ".heic":
        pillow_heif.from_pillow(image).save(file, **options)
    elif "mode" in options:
        return sixteen_bit_png(np.asarray(image.convert(options["mode"])).astype(np.uint16) * 257)
    else:
        image.save(file, suffix[1:], **options)
    return file.getvalue()


def from_folder(folder: Path) -> list[Photo]:
    """The files directly inside a folder that the product may accept, by name."""
    suffixes = (".jpg", ".jpeg", ".png", ".webp", ".heic")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    return [Photo(path, path.suffix[1:].lower()) for path in files]


def sixteen_bit_png(levels: npt.NDArray[np.uint16]) -> bytes:
    """A PNG of rows x columns (grey) or rows x columns x 3 (RGB) of 0..65535, which Pillow cannot write in colour."""
    height, width = levels.shape[:2]
    rows = levels.astype(">u2").tobytes()
    length = len(rows) // height
    filtered = b"".join(b"\0" + rows[start : start + length] for start in range(0, len(rows), length))
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if levels.ndim == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
