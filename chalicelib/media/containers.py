"""Where the parts of an image file begin and end, without decoding any of them.

Sources: ITU-T T.81 annex B (JPEG), PNG third edition section 5, RFC 9649 (WebP), ISO/IEC 14496-12 (HEIC).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.media.model import Format

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
STANDALONE = {0x00, 0x01, *range(0xD0, 0xD8)}  # stuffing, TEM and restarts carry no length
# Within coded data 0xFF is followed by 0x00 (stuffing) or a restart marker; anything else ends the scan.
NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


class Malformed(ValueError):
    """The parts do not fit together."""


class Cut(Malformed):
    """A part reaches beyond the end of the file, or the closing part is missing."""


@dataclass(frozen=True, slots=True)
class Part:
    """`start` is the first byte of the part, `body` of its payload, `end` one past its last."""

    kind: bytes
    start: int
    body: int
    end: int


def sniff(head: bytes) -> Format | None:
    """The format by its first bytes (64 are enough), None for any other."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(PNG_SIGNATURE):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        brands = {
            head[8:12],
            *(head[i : i + 4] for i in range(16, min(len(head), int.from_bytes(head[:4])), 4)),
        }
        if brands & HEVC_BRANDS:
            return "heic"
    return None


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """Segments after SOI up to and including EOI; `kind` is the marker code, an SOS holds its coded data."""
    position = 2
    while True:
        start = data.find(b"\xff", position)  # stray bytes between segments are skipped, as libjpeg does
        code = start + 1
        while start >= 0 and data[code : code + 1] == b"\xff":
            code += 1
        if start < 0 or code >= len(data):
            raise Cut("no end of image")
        marker = data[code]
        if marker in STANDALONE:
            position = code + 1
            continue
        if marker == EOI:
            yield Part(bytes([EOI]), code - 1, code + 1, code + 1)
            return
        if marker == SOI:
            raise Malformed("an image within the image")
        length = int.from_bytes(data[code + 1 : code + 3])
        end = code + 1 + length
        if length < 2:
            raise Malformed("segment without a length")
        if end > len(data):
            raise Cut("segment beyond the end")
        if marker == SOS:
            following = NEXT_MARKER.search(data, end)
            if following is None:
                raise Cut("scan without an end")
            end = following.start()
        yield Part(bytes([marker]), code - 1, code + 3, end)
        position = end


def png_chunks(data: bytes) -> Iterator[Part]:
    """Chunks up to and including IEND; `end` is past the CRC."""
    position = len(PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise Cut("no IEND")
        kind = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4])
        if end > len(data):
            raise Cut("chunk beyond the end")
        yield Part(kind, position, position + 8, end)
        position = end


def riff_chunks(data: bytes, start: int, end: int) -> Iterator[Part]:
    """Chunks between two offsets; `end` excludes the padding byte of an odd length."""
    position = start
    while position < end:
        if position + 8 > end:
            raise Malformed("half a chunk header")
        (length,) = struct.unpack_from("<I", data, position + 4)
        if position + 8 + length > end:
            raise Cut("chunk beyond the end")
        yield Part(data[position : position + 4], position, position + 8, position + 8 + length)
        position += 8 + length + length % 2


def webp_chunks(data: bytes) -> Iterator[Part]:
    """Chunks of the file's own RIFF list; bytes after it are not part of the picture."""
    (length,) = struct.unpack_from("<I", data, 4)
    if 8 + length > len(data):
        raise Cut("file shorter than it says")
    return riff_chunks(data, 12, 8 + length)


def webp_size(data: bytes) -> tuple[int, int]:
    """Canvas width and height."""
    chunk = next(webp_chunks(data), None)
    body = data[chunk.body : min(chunk.end, chunk.body + 10)] if chunk else b""
    if chunk is None or len(body) < (5 if chunk.kind == b"VP8L" else 10):
        raise Cut("no picture")
    if chunk.kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk.kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def boxes(data: bytes, start: int, end: int) -> Iterator[Part]:
    """ISO media boxes between two offsets."""
    position = start
    while position < end:
        if position + 8 > end:
            raise Cut("half a box header")
        length, body = int.from_bytes(data[position : position + 4]), position + 8
        if length == 1:
            length, body = int.from_bytes(data[body : body + 8]), body + 8
        elif length == 0:
            length = end - position
        if position + length < body:
            raise Malformed("box shorter than its header")
        if position + length > end:
            raise Cut("box beyond the end")
        yield Part(data[position + 4 : position + 8], position, body, position + length)
        position += length
