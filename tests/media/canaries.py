"""Photos that hold something private in every place that a format has for it."""

import struct
import zlib

from PIL import ImageCms

from chalicelib.media import containers
from tests.media.photos import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    box,
    camera_exif,
    encoded,
    jpeg_segment,
    picture,
    with_png_chunk,
)

CANARY = b"CANARY-7f3a91"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + CANARY + b"</x:xmpmeta>"


def private_exif(orientation=6):
    """Every private tag holds the canary, and so does a thumbnail directory."""

    def change(exif):
        exif[0x0112] = orientation
        exif[0x8298] = "(c) 2026 Somchai"
        for tag in (0x010E, 0x013B, 0x0131, 0x013C, 0x9C9B, 0x9C9D):
            exif[tag] = CANARY.decode()
        camera = exif.get_ifd(EXIF_IFD)
        for tag in (0xA430, 0xA431, 0xA435, 0xA420):
            camera[tag] = CANARY.decode()
        camera[0x927C] = b"MakerNote " + CANARY * 20
        camera[0x9286] = b"ASCII\0\0\0" + CANARY
        camera[INTEROP_IFD] = {1: "R03", 2: b"0100", 0x1000: CANARY.decode()}
        exif.get_ifd(GPS_IFD)[27] = CANARY
        exif.get_ifd(GPS_IFD)[29] = CANARY.decode()

    tiff = camera_exif(change).tobytes()[6:]
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, first)
    thumbnail = encoded(picture(64, 64)) + CANARY
    at = len(tiff) + 2 + 2 * 12 + 4
    directory = struct.pack(order + "H", 2)
    directory += struct.pack(order + "HHII", 0x0201, 4, 1, at)
    directory += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    next_at = first + 2 + 12 * count
    linked = tiff[:next_at] + struct.pack(order + "I", len(tiff)) + tiff[next_at + 4 :]
    return b"Exif\0\0" + linked + directory + thumbnail


def private_photo(form):
    options = {"exif": private_exif(), "icc_profile": PROFILE}
    if form == "jpeg":
        content = encoded(picture(200, 120), xmp=XMP, **options)
        for marker, body in (
            (0xFE, CANARY),
            (0xED, b"Photoshop 3.0\0" + CANARY),
            (0xE2, b"FPXR\0" + CANARY),
            (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + CANARY),
            (0xE1, b"Exif\0\0" + CANARY),
            (0xE0, b"JFXX\0\x10" + CANARY),
            (0xEF, CANARY),
        ):
            at = next(part.start for part in containers.jpeg_segments(content) if part.kind == b"\xdb")
            content = content[:at] + jpeg_segment(marker, body) + content[at:]
        return content + CANARY + encoded(picture(64, 64))
    if form == "png":
        content = encoded(picture(200, 120), "png", **options)
        content = with_png_chunk(content, b"tEXt", b"Author\0" + CANARY)
        content = with_png_chunk(content, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        content = with_png_chunk(content, b"zTXt", b"Comment\0\0" + zlib.compress(CANARY))
        content = with_png_chunk(content, b"prVt", CANARY, before=b"IEND")
        return content + CANARY
    if form == "webp":
        content = encoded(picture(200, 120), "webp", xmp=XMP, **options)
        secret = b"PRVT" + struct.pack("<I", len(CANARY)) + CANARY + b"\0"
        (length,) = struct.unpack_from("<I", content, 4)
        return content[:4] + struct.pack("<I", length + len(secret)) + content[8:] + secret + CANARY
    content = encoded(picture(200, 120), "heic", xmp=XMP, **options)
    return content + box(b"free", CANARY) + box(b"uuid", CANARY) + CANARY
