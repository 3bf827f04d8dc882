"""Files as strangers send them: `BAD` with the code that each is refused with, and `ODD` ones that are photos.

A file that was once refused or taken wrongly joins by adding a line.
"""

import io
import random
import struct
import zlib

from PIL import Image

from chalicelib.media.model import CONTENT_TYPES, MAX_BYTES, Format
from tests.media.photos import (
    FORMATS,
    box,
    camera_exif,
    encoded,
    jpeg_segment,
    picture,
    png_chunk,
    png_header,
    riff,
    with_jpeg_segment,
    with_png_chunk,
)


def other_format(name: str) -> bytes:
    file = io.BytesIO()
    picture().save(file, name)
    return file.getvalue()


def animated(name: str) -> bytes:
    """Two pictures in one file."""
    file = io.BytesIO()
    picture().save(file, name, save_all=True, append_images=[Image.new("RGB", (120, 80), "red")])
    return file.getvalue()


def with_scans(extra: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    content = encoded(picture(), progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * extra + content[-2:]


def jpeg_claiming(width: int, height: int, *, mode: str = "RGB", progressive: bool = False) -> bytes:
    content = bytearray(encoded(picture(mode=mode), progressive=progressive, subsampling=0))
    frame = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def webp_claiming(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(b"WEBP", (b"VP8X", bytes(4) + canvas), (b"VP8 ", bytes(20)))


def heic_with(brand: bytes) -> bytes:
    content = encoded(picture(), "heic")
    length = int.from_bytes(content[:4])
    return content[:8] + brand + bytes(4) + brand * ((length - 16) // 4) + content[length:]


def cut(content: bytes, part: float) -> bytes:
    return content[: int(len(content) * part)]


JPEG, PNG, WEBP, HEIC = (encoded(picture(300, 200), form) for form in FORMATS)
BOMB = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9))

BAD = {
    "zero bytes": (b"", "empty_file"),
    "one byte": (b"\xff", "unsupported_format"),
    "51 MB": (JPEG + bytes(MAX_BYTES), "file_too_large"),
    "text": (b"This is not a photo." * 50, "unsupported_format"),
    "HTML": (b"<!doctype html><script>alert(1)</script>", "unsupported_format"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    "PDF": (b"%PDF-1.7\n" + bytes(500), "unsupported_format"),
    "ZIP": (b"PK\x03\x04" + bytes(500), "unsupported_format"),
    "ELF": (b"\x7fELF" + bytes(500), "unsupported_format"),
    "GIF": (other_format("GIF"), "unsupported_format"),
    "BMP": (other_format("BMP"), "unsupported_format"),
    "TIFF": (other_format("TIFF"), "unsupported_format"),
    "JPEG 2000": (other_format("JPEG2000"), "unsupported_format"),
    "AVIF": (other_format("AVIF"), "unsupported_format"),
    "ICO": (other_format("ICO"), "unsupported_format"),
    "MP4": (box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + bytes(500), "unsupported_format"),
    "AVIF brand over HEIC": (heic_with(b"avif"), "unsupported_format"),
    "WAV": (riff(b"WAVE", (b"fmt ", bytes(16))), "unsupported_format"),
    "script before a JPEG": (b"<script>" + JPEG, "unsupported_format"),
    "JPEG magic only": (b"\xff\xd8\xff", "truncated"),
    "JPEG magic, then zeros": (b"\xff\xd8\xff\xe0" + bytes(2000), "header_corrupt"),
    "JPEG without a frame": (b"\xff\xd8" + jpeg_segment(0xFE, b"hello") + b"\xff\xd9", "header_corrupt"),
    "JPEG cut in its header": (JPEG[:150], "truncated"),
    "JPEG cut in half": (cut(JPEG, 0.5), "truncated"),
    "JPEG without its last two bytes": (JPEG[:-2], "truncated"),
    "JPEG of two pictures in one": (JPEG[:-2] + JPEG, "header_corrupt"),
    "PNG magic only": (PNG[:8], "truncated"),
    "PNG cut in half": (cut(PNG, 0.5), "truncated"),
    "PNG without IEND": (PNG[:-12], "truncated"),
    "PNG with a wrong checksum": (PNG[:29] + b"\0\0\0\0" + PNG[33:], "header_corrupt"),
    "PNG with broken pixels": (
        PNG[: PNG.index(b"IDAT") + 4] + bytes(40) + PNG[PNG.index(b"IDAT") + 44 :],
        "data_corrupt",
    ),
    "PNG with too few pixels": (png_header(800, 600), "truncated"),
    "PNG without pixels": (PNG[:33] + png_chunk(b"IEND", b""), "data_corrupt"),
    "PNG text bomb": (with_png_chunk(PNG, b"zTXt", BOMB[8:-4]), "header_corrupt"),
    "WebP cut in half": (cut(WEBP, 0.5), "truncated"),
    "WebP without a picture": (riff(b"WEBP"), "truncated"),
    "WebP of zeros": (riff(b"WEBP", (b"VP8 ", bytes(200))), "too_small"),
    "WebP frame missing": (webp_claiming(640, 480), "header_corrupt"),
    "HEIC cut in half": (cut(HEIC, 0.5), "truncated"),
    "HEIC header only": (HEIC[: HEIC.index(b"meta") - 4], "header_corrupt"),
    "HEIC whose picture lies in an unknown box": (HEIC.replace(b"mdat", b"mdau"), "data_corrupt"),
    "HEIC with garbled items": (HEIC.replace(b"iloc", b"iXXX"), "header_corrupt"),
    "JPEG of 4 gigapixels": (jpeg_claiming(65_500, 65_500), "side_too_long"),
    "JPEG of 400 megapixels": (jpeg_claiming(20_000, 20_000), "too_many_pixels"),
    "PNG of 400 megapixels": (png_header(20_000, 20_000), "too_many_pixels"),
    "PNG, 2 billion wide": (png_header(2**31 - 1, 100), "side_too_long"),
    "PNG of 0 by 0": (png_header(0, 0), "header_corrupt"),
    "WebP of 268 megapixels": (webp_claiming(16_383, 16_383), "too_many_pixels"),
    "WebP too large for memory": (webp_claiming(10_000, 10_000), "needs_too_much_memory"),
    "PNG too large for memory": (png_header(10_000, 10_000), "needs_too_much_memory"),
    "progressive CMYK too large for memory": (
        jpeg_claiming(12_000, 9_900, mode="CMYK", progressive=True),
        "needs_too_much_memory",
    ),
    "a line": (encoded(Image.new("RGB", (3000, 63))), "too_small"),
    "an icon": (encoded(Image.new("RGB", (32, 32)), "png"), "too_small"),
    "a tape": (encoded(Image.new("L", (30_001, 64)), "png"), "side_too_long"),
    "101 scans": (with_scans(101), "too_many_scans"),
}


# --- cut, and not what it says ------------------------------------------------------------------------------

WHOLE: dict[Format, bytes] = {"jpeg": JPEG, "png": PNG, "webp": WEBP, "heic": HEIC}
for form, content in WHOLE.items():
    for percent in (20, 35, 65, 80, 95, 99):
        BAD[f"{form} cut at {percent} %"] = (cut(content, percent / 100), "truncated")
    BAD[f"{form} behind 512 zeros"] = (bytes(512) + content, "unsupported_format")
    BAD[f"{form} in a ZIP"] = (b"PK\x03\x04\x14\0\0\0" + content, "unsupported_format")
    BAD[f"{form} behind HTML"] = (b"<html><!--" + content, "unsupported_format")

DECLARED: dict[str, tuple[bytes, str]] = {
    f"{form} announced as {other}": (content, CONTENT_TYPES[other])
    for form, content in WHOLE.items()
    for other in WHOLE
    if other != form
}
"""Sound files under another type: the bytes, and what was announced."""

SIGNATURES = {
    "PSD": b"8BPS\0\1",
    "JPEG XL": b"\xff\x0a",
    "JPEG XL in boxes": b"\0\0\0\x0cJXL \r\n\x87\n",
    "CR3": box(b"ftyp", b"crx \0\0\0\1crx isom"),
    "Nikon or Canon RAW": b"II*\0\x10\0\0\0CR\2\0",
    "RAF": b"FUJIFILMCCD-RAW ",
    "RW2": b"IIU\0",
    "X3F": b"FOVb",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0",
    "PPM": b"P6\n64 64\n255\n",
    "PCX": b"\x0a\x05\x01\x08",
    "DDS": b"DDS |\0\0\0",
    "QOI": b"qoif\0\0\0\x40\0\0\0\x40\3\0",
    "WMF": b"\xd7\xcd\xc6\x9a",
    "MOV": box(b"ftyp", b"qt  \0\0\0\0qt  "),
    "AVI": riff(b"AVI ", (b"LIST", bytes(20))),
    "MP3": b"ID3\3\0",
    "gzip": b"\x1f\x8b\x08\0",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "RAR": b"Rar!\x1a\x07\0",
    "EXE": b"MZ\x90\0",
    "Mach-O": b"\xcf\xfa\xed\xfe",
    "class": b"\xca\xfe\xba\xbe\0\0\0\x34",
    "shell script": b"#!/bin/sh\nexit\n",
    "PHP": b"<?php system($_GET[0]); ?>",
    "XML with an entity": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "GIF that is JavaScript": b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
    "PDF with a JPEG in it": b"%PDF-1.4\n" + JPEG,
    "UTF-16 text": "\ufeffHello".encode("utf-16"),
    "zeros": bytes(2000),
    "ones": b"\xff" * 2000,
    "noise": random.Random(1).randbytes(2000),
}
BAD |= {name: (start + bytes(600), "unsupported_format") for name, start in SIGNATURES.items()}


# --- broken inside ------------------------------------------------------------------------------------------


def changed(content: bytes, at: int, to: bytes) -> bytes:
    return content[:at] + to + content[at + len(to) :]


def frame(content: bytes = JPEG) -> int:
    """Where a JPEG's frame header stands."""
    return content.index(b"\xff\xc0")


def scan(content: bytes = JPEG) -> int:
    return content.index(b"\xff\xda")


def png_with_header(**fields: int) -> bytes:
    """A sound PNG under another header, whose checksum is right."""
    values = {"width": 300, "height": 200, "depth": 8, "colour": 2, "method": 0, "filter": 0, "interlace": 0} | fields
    return PNG[:8] + png_chunk(b"IHDR", struct.pack(">IIBBBBB", *values.values())) + PNG[33:]


def png_of(*chunks: bytes) -> bytes:
    return PNG[:8] + b"".join(chunks) + png_chunk(b"IEND", b"")


HEADER = PNG[8:33]
BAD |= {
    "JPEG with two frames": (JPEG[: frame()] + JPEG[frame() : frame() + 19] * 2 + JPEG[frame() + 19 :], "data_corrupt"),
    "JPEG, 12 bits": (changed(JPEG, frame() + 4, b"\x0c"), "header_corrupt"),
    "JPEG, 0 high": (changed(JPEG, frame() + 5, b"\0\0"), "header_corrupt"),
    "JPEG, 0 wide": (changed(JPEG, frame() + 7, b"\0\0"), "header_corrupt"),
    "JPEG of 5 components": (changed(JPEG, frame() + 9, b"\5"), "header_corrupt"),
    "JPEG of no components": (changed(JPEG, frame() + 9, b"\0"), "header_corrupt"),
    "JPEG, sampled 0 by 0": (changed(JPEG, frame() + 11, b"\0"), "data_corrupt"),
    "JPEG, sampled 15 by 15": (changed(JPEG, frame() + 11, b"\xff"), "data_corrupt"),
    "JPEG, lossless": (changed(JPEG, frame() + 1, b"\xc3"), "unsupported_format"),
    "JPEG, hierarchical": (changed(JPEG, frame() + 1, b"\xc5"), "unsupported_format"),
    "JPEG, arithmetic by name only": (changed(JPEG, frame() + 1, b"\xc9"), "unsupported_format"),
    "JPEG with a segment of length 0": (with_jpeg_segment(JPEG, 0xE5, b"")[:4] + b"\0\0" + JPEG[2:], "header_corrupt"),
    "JPEG with a segment of length 1": (JPEG[:2] + b"\xff\xe5\0\1" + JPEG[2:], "header_corrupt"),
    "JPEG with a segment beyond its end": (JPEG[:2] + b"\xff\xe5\xff\xff" + JPEG[2:], "truncated"),
    "JPEG without tables": (JPEG[:20] + JPEG[frame() :], "data_corrupt"),
    "JPEG without a quantization table": (JPEG.replace(b"\xff\xdb", b"\xff\xe6"), "data_corrupt"),
    "JPEG with a table of 17 codes a length": (
        changed(JPEG, JPEG.index(b"\xff\xc4") + 5, b"\xff" * 16),
        "data_corrupt",
    ),
    "JPEG whose scan names no component": (changed(JPEG, scan() + 4, b"\0"), "data_corrupt"),
    "JPEG whose scan names another component": (changed(JPEG, scan() + 5, b"\x77"), "data_corrupt"),
    "JPEG of nothing but comments": (
        b"\xff\xd8" + jpeg_segment(0xFE, bytes(65_000)) * 50 + b"\xff\xd9",
        "header_corrupt",
    ),
    "PNG, 3 bits": (png_with_header(depth=3), "header_corrupt"),
    "PNG, colour 5": (png_with_header(colour=5), "header_corrupt"),
    "PNG, interlaced in a new way": (png_with_header(interlace=9), "header_corrupt"),
    "PNG, compressed in a new way": (png_with_header(method=1), "header_corrupt"),
    "PNG, filtered in a new way": (png_with_header(filter=1), "header_corrupt"),
    "PNG of colours without a palette": (png_with_header(colour=3), "header_corrupt"),
    "PNG without a header": (png_of(PNG[33:-12]), "header_corrupt"),
    "PNG that ends at once": (png_of(), "header_corrupt"),
    "PNG with half a header": (png_of(png_chunk(b"IHDR", bytes(6)), PNG[33:-12]), "header_corrupt"),
    "PNG with a chunk of 2 GB": (PNG[:33] + struct.pack(">I", 2**31 - 1) + b"tEXt" + PNG[33:], "truncated"),
    "PNG with a chunk of 4 GB": (PNG[:33] + struct.pack(">I", 2**32 - 1) + b"tEXt" + PNG[33:], "truncated"),
    "PNG of pixels that never end": (png_of(HEADER, png_chunk(b"IDAT", zlib.compress(bytes(1000))[:-8])), "truncated"),
    "PNG of pixels that are no zlib": (png_of(HEADER, png_chunk(b"IDAT", bytes(500))), "data_corrupt"),
    "PNG with a profile bomb": (
        with_png_chunk(PNG, b"iCCP", b"x\0\0" + zlib.compress(bytes(80_000_000), 9)),
        "header_corrupt",
    ),
    "PNG with a bomb in its description": (
        with_png_chunk(PNG, b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(80_000_000), 9)),
        "header_corrupt",
    ),
    "WebP, shorter than it says": (changed(WEBP, 4, struct.pack("<I", len(WEBP))), "truncated"),
    "WebP, longer than it says": (changed(WEBP, 4, struct.pack("<I", 40)), "truncated"),
    "WebP with a wrong start code": (changed(WEBP, 23, b"\0\0\0"), "header_corrupt"),
    "WebP of pixels that are zeros": (WEBP[:40] + bytes(len(WEBP) - 40), "data_corrupt"),
    "WebP whose canvas is another size": (
        riff(b"WEBP", (b"VP8X", bytes(4) + b"\x63\0\0\x63\0\0"), (b"VP8 ", WEBP[20:])),
        "header_corrupt",
    ),
    "WebP, lossless of nothing": (riff(b"WEBP", (b"VP8L", b"\x2f" + b"\xff" * 40)), "too_many_pixels"),
    "WebP with an animation of no frames": (
        riff(b"WEBP", (b"VP8X", b"\2\0\0\0\x63\0\0\x63\0\0"), (b"ANIM", bytes(6))),
        "header_corrupt",
    ),
    "HEIC with a box of length 1": (HEIC[: HEIC.index(b"meta") - 4] + b"\0\0\0\1meta" + bytes(4), "header_corrupt"),
    "HEIC with a box of 4 GB": (changed(HEIC, HEIC.index(b"meta") - 4, b"\xff\xff\xff\xff"), "truncated"),
    "HEIC without a decoder's settings": (HEIC.replace(b"hvcC", b"hvcX"), "header_corrupt"),
    "HEIC without a size": (HEIC.replace(b"ispe", b"ispX"), "header_corrupt"),
    "HEIC without a first item": (HEIC.replace(b"pitm", b"pitX"), "header_corrupt"),
    "HEIC of pixels that are zeros": (
        HEIC[: HEIC.index(b"mdat") + 4] + bytes(len(HEIC) - HEIC.index(b"mdat") - 4),
        "data_corrupt",
    ),
    "HEIC, 4 billion wide": (changed(HEIC, HEIC.index(b"ispe") + 8, b"\xff\xff\xff\xff"), "header_corrupt"),
    "HEIC, 0 high": (changed(HEIC, HEIC.index(b"ispe") + 12, bytes(4)), "header_corrupt"),
}


ODD = {
    "100 scans": with_scans(100 - encoded(picture(), progressive=True).count(b"\xff\xda")),
    "JPEG then ZIP": JPEG + b"PK\x03\x04" + bytes(5000),
    "JPEG then film": JPEG + box(b"ftyp", b"mp42") + b"\xff\xda" * 500,
    "JPEG with 500 false scans in a comment": with_jpeg_segment(JPEG, 0xFE, b"\xff\xda" * 500),
    "JPEG with script in a comment": with_jpeg_segment(JPEG, 0xFE, b"<script>alert(1)</script>"),
    "huge EXIF": encoded(picture(), exif=camera_exif(lambda e: e.__setitem__(0x010E, "x" * 65_000))),
    "many metadata segments": with_jpeg_segment(
        with_jpeg_segment(JPEG, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(60_000)), 0xED, bytes(60_000)
    ),
    "broken ICC": encoded(picture(), icc_profile=bytes(3000)),
    "CMYK": encoded(picture(mode="CMYK")),
    "progressive CMYK": encoded(picture(mode="CMYK"), progressive=True),
    "grey": encoded(picture(mode="L")),
    "smallest": encoded(Image.new("RGB", (64, 64))),
    "largest side": encoded(Image.new("L", (30_000, 64))),
    "of several pictures": animated("MPO"),
    "animated PNG": animated("PNG"),
    "animated WebP": animated("WEBP"),
    "lossless WebP": encoded(picture(), "webp", lossless=True),
    "transparent WebP": encoded(picture(mode="RGBA"), "webp"),
    "transparent PNG": encoded(picture(mode="RGBA"), "png"),
    "PNG in 8 colours, one of them transparent": encoded(picture().quantize(8), "png", transparency=0),
    "PNG in black and white": encoded(picture(mode="1"), "png"),
    "PNG in 16 bits of grey": encoded(Image.new("I;16", (80, 80), 40_000), "png"),
    "PNG in 16 bits of colour": PNG[:8]
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 80, 80, 16, 2, 0, 0, 0))
    + png_chunk(b"IDAT", zlib.compress(bytes(80 * (1 + 80 * 6))))
    + png_chunk(b"IEND", b""),
    "JPEG of zeros where the picture is": JPEG[: scan() + 14] + bytes(2000) + b"\xff\xd9",
    "JPEG that ends with its header": JPEG[: scan() + 14] + b"\xff\xd9",
    "PNG, taller than its pixels": png_with_header(height=20_000),
    "PNG with a broken profile": with_png_chunk(PNG, b"iCCP", b"x\0\0" + bytes(40)),
    "PNG with 60,000 chunks": PNG[:33] + png_chunk(b"tEXt", b"a\0b") * 60_000 + PNG[33:],
}


# --- large ones, made when they are asked for -----------------------------------------------------------------


def large(form: Format, width: int, height: int, **options: object) -> bytes:
    """A photo of that size, with something to see in it."""
    return encoded(picture(width, height), form, **options)


LARGE = {
    "JPEG of 119 megapixels": lambda: large("jpeg", 12_000, 9_900),
    "progressive JPEG of 48 megapixels": lambda: large("jpeg", 8_000, 6_000, progressive=True),
    "PNG of 70 megapixels": lambda: large("png", 10_000, 7_000),
    "WebP of 40 megapixels": lambda: large("webp", 8_000, 5_000, method=0),
    "HEIC of 12 megapixels": lambda: large("heic", 4_000, 3_000),
}
"""About as much as each format may bring."""


# --- damage ---------------------------------------------------------------------------------------------------

SMALL = [
    encoded(picture(72, 64), "jpeg", exif=camera_exif(), comment=b"note"),
    encoded(picture(72, 64), "jpeg", progressive=True),
    encoded(picture(72, 64), "png", exif=camera_exif()),
    encoded(picture(72, 64).quantize(8), "png"),
    encoded(picture(72, 64), "webp", exif=camera_exif().tobytes(), xmp=b"<x/>"),
    encoded(picture(72, 64), "webp", lossless=True),
    encoded(picture(72, 64), "heic", exif=camera_exif().tobytes()),
]


def damaged(rng: random.Random) -> bytes:
    """A sound photo with up to six injuries; half of them where the structure is."""
    content = bytearray(rng.choice(SMALL))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(max(1, rng.choice([min(600, len(content)), len(content)])))
        match rng.choice(["flip", "fill", "insert", "delete", "cut"]):
            case "flip" if at < len(content):
                content[at] ^= 1 << rng.randrange(8)
            case "fill":
                content[at : at + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
            case "insert":
                content[at:at] = rng.randbytes(rng.randint(1, 20))
            case "delete":
                del content[at : at + rng.randint(1, 20)]
            case "cut":
                del content[max(at, 1) :]
    return bytes(content)
