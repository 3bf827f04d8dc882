"""Cleaning a HEIC file in place: nothing moves, so every offset stays valid and the coded picture untouched.

Sources: ISO/IEC 14496-12 (item information and item location boxes), ISO/IEC 23008-12 (HEIF).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.media.containers import Malformed, Part, boxes
from chalicelib.media.privacy import filtered_exif

# Items that are, or derive, a picture. All others (XMP, maker data, anything new) are emptied; Exif is
# filtered.
PICTURE_ITEMS = {b"hvc1", b"grid", b"iden", b"iovl", b"tmap", b"jpeg", b"av01", b"unci"}
STRUCTURE = {b"ftyp", b"meta", b"mdat", b"moov", b"mini"}

Span = tuple[int, int]


class Locked(Malformed):
    """An item lies where it cannot be reached (another file, or inside another item)."""


@dataclass(frozen=True, slots=True)
class Item:
    kind: bytes
    spans: tuple[Span, ...]


class _Fields:
    """Big-endian numbers read one after another."""

    def __init__(self, data: bytes | bytearray, position: int, end: int) -> None:
        self._data, self.position, self._end = data, position, end

    def number(self, size: int) -> int:
        start, self.position = self.position, self.position + size
        if self.position > self._end:
            raise Malformed("box shorter than its contents")
        return int.from_bytes(self._data[start : self.position])


def cleaned(data: bytes, orientation: int) -> bytes:
    """The file with private items, unknown boxes and unreferenced media bytes emptied at equal length.

    Raises Malformed where that would change a picture: in a damaged file items and boxes may overlap.
    """
    top = top_level(data)
    meta = next((box for box in top if box.kind == b"meta"), None)
    if meta is None:
        raise Malformed("no meta box")
    children = {box.kind: box for box in boxes(data, meta.body + 4, meta.end)}
    items = _items(data, children)
    clean = bytearray(data[: top[-1].end])  # what follows the last box is not part of the picture

    for box in top:
        if box.kind not in STRUCTURE:
            _empty(clean, (box.body, box.end))
    if not any(box.kind == b"moov" for box in top):  # its samples are referenced from elsewhere
        used = sorted(span for item in items for span in item.spans)
        for box in top:
            if box.kind == b"mdat":
                _empty_gaps(clean, box, used)
    for item in items:
        if item.kind == b"Exif":
            _filter_exif(clean, item, orientation)
        elif item.kind not in PICTURE_ITEMS:
            for span in item.spans:
                _empty(clean, span)
    for description in _descriptions(data, children.get(b"iprp")):
        _empty(clean, (description.body + 4, description.end))
    pictures = (span for item in items if item.kind in PICTURE_ITEMS for span in item.spans)
    if any(clean[start:end] != data[start:end] for start, end in pictures):
        raise Malformed("a picture lies where something private or unknown does")
    return bytes(clean)


def top_level(data: bytes) -> list[Part]:
    """The file's boxes. What cameras append after the media data need not be boxes."""
    found: list[Part] = []
    try:
        for box in boxes(data, 0, len(data)):
            found.append(box)  # noqa: PERF402 - what came before the damage counts
    except Malformed:
        if not {b"ftyp", b"meta", b"mdat"} <= {box.kind for box in found}:
            raise
    return found


def _empty(clean: bytearray, span: Span) -> None:
    clean[span[0] : span[1]] = bytes(span[1] - span[0])


def _empty_gaps(clean: bytearray, box: Part, used: list[Span]) -> None:
    position = box.body
    for start, end in used:
        if position < start:
            _empty(clean, (position, min(start, box.end)))
        position = min(max(position, end), box.end)
    _empty(clean, (position, box.end))


def _filter_exif(clean: bytearray, item: Item, orientation: int) -> None:
    payload = b"".join(clean[start:end] for start, end in item.spans)
    tiff_at = 4 + int.from_bytes(payload[:4])  # the item starts with the distance to the TIFF header
    kept = filtered_exif(payload[tiff_at:], orientation)
    if tiff_at + len(kept) <= len(payload):
        payload = (payload[:4] + bytes(tiff_at - 4) + kept).ljust(len(payload), b"\0")
    else:
        payload = bytes(len(payload))
    for start, end in item.spans:
        clean[start:end], payload = payload[: end - start], payload[end - start :]


def _items(data: bytes, children: dict[bytes, Part]) -> list[Item]:
    if not {b"iinf", b"iloc"} <= children.keys():
        raise Malformed("no items")
    kinds = dict(_kinds(data, children[b"iinf"]))
    return [Item(kinds.get(number, b""), spans) for number, spans in _locations(data, children)]


def _kinds(data: bytes, iinf: Part) -> Iterator[tuple[int, bytes]]:
    fields = _Fields(data, iinf.body, iinf.end)
    fields.number(fields_size := 4)
    fields.number(2 if data[iinf.body] == 0 else fields_size)
    for infe in boxes(data, fields.position, iinf.end):
        entry = _Fields(data, infe.body, infe.end)
        version = entry.number(1)
        entry.number(3)
        number = entry.number(4 if version >= 3 else 2)
        entry.number(2)
        kind = entry.number(4).to_bytes(4) if version >= 2 else b""
        yield number, kind


def _locations(data: bytes, children: dict[bytes, Part]) -> Iterator[tuple[int, tuple[Span, ...]]]:
    iloc, idat = children[b"iloc"], children.get(b"idat")
    fields = _Fields(data, iloc.body, iloc.end)
    version = fields.number(1)
    fields.number(3)
    sizes = fields.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(fields.number(2 if version < 2 else 4)):
        number = fields.number(2 if version < 2 else 4)
        method = fields.number(2) & 15 if version else 0
        reference = fields.number(2)
        base = fields.number(base_size)
        extents = []
        for _ in range(fields.number(2)):
            fields.number(index_size)
            extents.append((base + fields.number(offset_size), fields.number(length_size)))
        yield number, tuple(_span(extent, method, reference, idat, len(data)) for extent in extents)


def _span(extent: tuple[int, int], method: int, reference: int, idat: Part | None, size: int) -> Span:
    if reference != 0 or method not in (0, 1):
        raise Locked("item out of reach")
    origin, limit = (0, size) if method == 0 else (idat.body, idat.end) if idat else (0, 0)
    start = origin + extent[0]
    end = start + extent[1] if extent[1] else limit
    if not origin <= start <= end <= limit:
        raise Malformed("item outside the file")
    return start, end


def _descriptions(data: bytes, properties: Part | None) -> Iterator[Part]:
    """User descriptions: names, captions and tags, as free text."""
    if properties is not None:
        for container in boxes(data, properties.body, properties.end):
            if container.kind == b"ipco":
                yield from (box for box in boxes(data, container.body, container.end) if box.kind == b"udes")
