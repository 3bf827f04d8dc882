"""Photos built for the tests: small, never equal when turned or mirrored, with chosen metadata."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pillow_heif
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from chalicelib.media.model import Format, Watermark

NO_MARK = Watermark()
FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp", "heic")

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005


def picture(width: int = 120, height: int = 80, mode: str = "RGB") -> Image.Image:
    """Red grows to the right, green downwards, a blue block stands at the top left."""
    red = Image.linear_gradient("L").rotate(90).resize((width, height))
    green = Image.linear_gradient("L").resize((width, height))
    blue = Image.new("L", (width, height))
    blue.paste(255, (0, 0, width // 3, height // 3))
    return Image.merge("RGB", (red, green, blue)).convert(mode)


def encoded(image: Image.Image, form: Format = "jpeg", **options: object) -> bytes:
    file = io.BytesIO()
    if form == "heic":
        pillow_heif.from_pillow(image).save(file, quality=90, **options)
    else:
        image.save(file, form.upper(), **options)
    return file.getvalue()


def camera_exif(change: Callable[[Image.Exif], object] = lambda exif: None) -> Image.Exif:
    """What a careful camera writes; `change` spoils it."""
    exif = Image.Exif()
    exif[0x010F] = "Fujifilm"
    exif[0x0110] = "X-T5"
    exif[0x0112] = 1
    exif[0x0132] = "2026:04:13 10:00:00"
    camera = exif.get_ifd(EXIF_IFD)
    camera[0x829A] = IFDRational(1, 250)
    camera[0x829D] = IFDRational(28, 10)
    camera[0x8827] = 640
    camera[0x9003] = "2026:04:13 09:08:07"
    camera[0x9011] = "+07:00"
    camera[0x9291] = "25"
    camera[0x9209] = 0x19
    camera[0x920A] = IFDRational(56, 1)
    camera[0xA434] = "XF56mmF1.2 R WR"
    gps = exif.get_ifd(GPS_IFD)
    gps[1], gps[2] = "N", (IFDRational(18), IFDRational(47), IFDRational(1872, 100))
    gps[3], gps[4] = "E", (IFDRational(98), IFDRational(59), IFDRational(672, 100))
    gps[5], gps[6] = b"\0", IFDRational(3105, 10)
    change(exif)
    return exif


def saved(folder: Path, content: bytes, name: str = "photo") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_jpeg_segment(content: bytes, marker: int, body: bytes) -> bytes:
    return content[:2] + jpeg_segment(marker, body) + content[2:]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_png_chunk(content: bytes, kind: bytes, body: bytes, *, before: bytes = b"IDAT") -> bytes:
    at = content.index(before) - 4
    return content[:at] + png_chunk(kind, body) + content[at:]


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG that claims a size and brings next to no data for it."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def riff(kind: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    body = kind + b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body
