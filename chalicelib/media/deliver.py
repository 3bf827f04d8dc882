"""The file a buyer receives: the photographer's pixels, without what the file tells about people and places.

Every format works by a list of what stays; whatever is not on it goes, known or unknown.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from chalicelib.media import containers, heic
from chalicelib.media.containers import PNG_SIGNATURE, Part
from chalicelib.media.model import Inspection, Rejected
from chalicelib.media.privacy import filtered_exif

EXIF_HEADER = b"Exif\0\0"
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# Frames, their tables (0xC4 Huffman, 0xCC arithmetic), then EOI, SOS, quantization, lines, restarts.
PICTURE_SEGMENTS = {*range(0xC0, 0xD0), 0xD9, 0xDA, 0xDB, 0xDC, 0xDD} - {0xC8}

PICTURE_CHUNKS = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS",
    b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"pHYs",
    b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip

CODED_CHUNKS = {b"VP8 ", b"VP8L", b"ALPH"}
WEBP_CHUNKS = {*CODED_CHUNKS, b"VP8X", b"ICCP", b"ANIM"}
ANIMATION_FRAME_HEADER = 16
VP8X_EXIF, VP8X_XMP = 0x08, 0x04


def deliverable(path: Path, inspection: Inspection, out: Path) -> str:
    """See `service.deliverable`."""
    data = path.read_bytes()
    orientation = inspection.exif.orientation
    try:
        if inspection.format == "jpeg":
            pieces = [*_jpeg(data, orientation)]
        elif inspection.format == "png":
            pieces = [*_png(data, orientation)]
        elif inspection.format == "webp":
            pieces = [_webp(data, orientation)]
        else:
            pieces = [heic.cleaned(data, orientation)]
    except containers.Cut as error:
        raise Rejected("truncated") from error
    except heic.Locked as error:
        raise Rejected("metadata_locked") from error
    except (containers.Malformed, struct.error) as error:
        raise Rejected("data_corrupt") from error
    digest = hashlib.sha256()
    with out.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def _jpeg(data: bytes, orientation: int) -> Iterator[bytes]:
    yield data[:2]
    exif_written = False
    for segment in containers.jpeg_segments(data):
        marker, body = segment.kind[0], data[segment.body : segment.end]
        if marker == APP0 and body.startswith(b"JFIF\0") and len(body) >= 14:
            yield _jpeg_segment(APP0, body[:12] + b"\0\0")  # no thumbnail
        elif marker == APP1 and body.startswith(EXIF_HEADER) and not exif_written:
            yield _jpeg_segment(APP1, EXIF_HEADER + filtered_exif(body[6:], orientation))
            exif_written = True
        elif marker == APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            yield _jpeg_segment(APP14, body[:12])  # says how the colour channels are coded
        elif marker in PICTURE_SEGMENTS or (marker == APP2 and body.startswith(b"ICC_PROFILE\0")):
            yield data[segment.start : segment.end]


def _jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _png(data: bytes, orientation: int) -> Iterator[bytes]:
    yield PNG_SIGNATURE
    exif_written = False
    for chunk in containers.png_chunks(data):
        body = data[chunk.body : chunk.end - 4]
        if chunk.kind == b"eXIf" and not exif_written:
            yield _png_chunk(chunk.kind, filtered_exif(body, orientation))
            exif_written = True
        elif chunk.kind in PICTURE_CHUNKS:
            yield _png_chunk(chunk.kind, body)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp(data: bytes, orientation: int) -> bytes:
    written = b"WEBP"
    flags_at, exif_written = None, False
    for chunk in containers.webp_chunks(data):
        body = data[chunk.body : chunk.end]
        if chunk.kind == b"EXIF" and not exif_written:
            written += _riff_chunk(chunk.kind, filtered_exif(body.removeprefix(EXIF_HEADER), orientation))
            exif_written = True
        elif chunk.kind == b"ANMF":
            written += _riff_chunk(chunk.kind, _webp_frame(data, chunk))
        elif chunk.kind in WEBP_CHUNKS:
            if chunk.kind == b"VP8X":
                flags_at = len(written) + 8
            written += _riff_chunk(chunk.kind, body)
    content = bytearray(written)
    if flags_at is not None:
        content[flags_at] = content[flags_at] & ~(VP8X_EXIF | VP8X_XMP) | VP8X_EXIF * exif_written
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _webp_frame(data: bytes, frame: Part) -> bytes:
    coded = frame.body + ANIMATION_FRAME_HEADER
    written = data[frame.body : coded]
    for chunk in containers.riff_chunks(data, coded, frame.end):
        if chunk.kind in CODED_CHUNKS:
            written += _riff_chunk(chunk.kind, data[chunk.body : chunk.end])
    return written


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
