"""What of a photo's EXIF a buyer may see: every tag not named here is dropped, private or merely unknown.

Entries are copied as bytes, never parsed and written anew: a kept value is exactly the camera's, byte order
included.
Tag numbers and types: CIPA DC-008 (Exif 3.0), TIFF 6.0.
"""

import struct
from dataclasses import dataclass

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}
SHORT, LONG = 3, 4
MAX_VALUE = 512  # bytes: no kept tag needs more, so none can carry a stowaway

ORIENTATION, EXIF_IFD, INTEROP_IFD = 0x0112, 0x8769, 0xA005
KEPT_IMAGE = {
    0x010F: "Make",
    0x0110: "Model",
    ORIENTATION: "Orientation",
    0x011A: "XResolution",
    0x011B: "YResolution",
    0x0128: "ResolutionUnit",
    0x0132: "DateTime",
    0x0213: "YCbCrPositioning",
    0x8298: "Copyright",
}
KEPT_EXIF = {
    0x829A: "ExposureTime",
    0x829D: "FNumber",
    0x8822: "ExposureProgram",
    0x8827: "PhotographicSensitivity",
    0x8830: "SensitivityType",
    0x8831: "StandardOutputSensitivity",
    0x8832: "RecommendedExposureIndex",
    0x8833: "ISOSpeed",
    0x9000: "ExifVersion",
    0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized",
    0x9010: "OffsetTime",
    0x9011: "OffsetTimeOriginal",
    0x9012: "OffsetTimeDigitized",
    0x9101: "ComponentsConfiguration",
    0x9201: "ShutterSpeedValue",
    0x9202: "ApertureValue",
    0x9203: "BrightnessValue",
    0x9204: "ExposureBiasValue",
    0x9205: "MaxApertureValue",
    0x9207: "MeteringMode",
    0x9208: "LightSource",
    0x9209: "Flash",
    0x920A: "FocalLength",
    0x9290: "SubSecTime",
    0x9291: "SubSecTimeOriginal",
    0x9292: "SubSecTimeDigitized",
    0xA000: "FlashpixVersion",
    0xA001: "ColorSpace",
    0xA002: "PixelXDimension",
    0xA003: "PixelYDimension",
    0xA402: "ExposureMode",
    0xA403: "WhiteBalance",
    0xA404: "DigitalZoomRatio",
    0xA405: "FocalLengthIn35mmFilm",
    0xA406: "SceneCaptureType",
    0xA432: "LensSpecification",
    0xA433: "LensMake",
    0xA434: "LensModel",
}
KEPT_INTEROP = {0x0001: "InteroperabilityIndex", 0x0002: "InteroperabilityVersion"}  # R03 means Adobe RGB


@dataclass(frozen=True, slots=True)
class Entry:
    tag: int
    kind: int
    count: int
    value: bytes


def filtered_exif(tiff: bytes, orientation: int) -> bytes:
    """The TIFF structure (without any `Exif\\0\\0` before it) reduced to the kept tags.

    `orientation` is the one the previews were shown with: whatever the tag's state, the delivered photo stands as
    they did. If the source cannot be followed, it alone is left.
    """
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[tiff[:4]]
        first = struct.unpack_from(order + "I", tiff, 4)[0]
        image = _entries(tiff, order, first, {*KEPT_IMAGE, EXIF_IFD})
        exif = _pointed(tiff, order, image, EXIF_IFD, {*KEPT_EXIF, INTEROP_IFD})
        interop = _pointed(tiff, order, exif, INTEROP_IFD, set(KEPT_INTEROP))
    except (KeyError, struct.error):
        order, image, exif, interop = ">", {}, {}, {}
    image[ORIENTATION] = Entry(ORIENTATION, SHORT, 1, struct.pack(order + "H", orientation))
    return _written(order, image, exif, interop)


def _pointed(tiff: bytes, order: str, entries: dict[int, Entry], pointer: int, kept: set[int]) -> dict[int, Entry]:
    """The directory that a pointer tag leads to; the tag is taken out, to be written with its new offset."""
    entry = entries.pop(pointer, None)
    if entry is None or (entry.kind, entry.count) != (LONG, 1):
        return {}
    return _entries(tiff, order, struct.unpack(order + "I", entry.value)[0], kept)


def _entries(tiff: bytes, order: str, offset: int, kept: set[int]) -> dict[int, Entry]:
    found: dict[int, Entry] = {}
    (count,) = struct.unpack_from(order + "H", tiff, offset)
    for position in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", tiff, position)
        length = TYPE_SIZES.get(kind, 0) * values
        if tag not in kept or tag in found or not 0 < length <= MAX_VALUE:
            continue
        start = position + 8 if length <= 4 else struct.unpack_from(order + "I", tiff, position + 8)[0]
        value = tiff[start : start + length]
        if len(value) == length:
            found[tag] = Entry(tag, kind, values, value)
    return found


def _written(order: str, image: dict[int, Entry], exif: dict[int, Entry], interop: dict[int, Entry]) -> bytes:
    if interop:
        exif = {**exif, INTEROP_IFD: Entry(INTEROP_IFD, LONG, 1, bytes(4))}
    if exif:
        image = {**image, EXIF_IFD: Entry(EXIF_IFD, LONG, 1, bytes(4))}
    exif_at = 8 + len(_directory(order, image, 0))
    if exif:
        image[EXIF_IFD] = Entry(EXIF_IFD, LONG, 1, struct.pack(order + "I", exif_at))
    interop_at = exif_at + len(_directory(order, exif, 0))
    if interop:
        exif[INTEROP_IFD] = Entry(INTEROP_IFD, LONG, 1, struct.pack(order + "I", interop_at))
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    written = header + _directory(order, image, 8)
    if exif:
        written += _directory(order, exif, exif_at)
    if interop:
        written += _directory(order, interop, interop_at)
    return written


def _directory(order: str, entries: dict[int, Entry], offset: int) -> bytes:
    """One IFD placed at `offset`, its longer values after it, no next IFD (that would be the thumbnail's)."""
    table = struct.pack(order + "H", len(entries))
    values = b""
    values_at = offset + 2 + 12 * len(entries) + 4
    for tag in sorted(entries):
        entry = entries[tag]
        table += struct.pack(order + "HHI", tag, entry.kind, entry.count)
        if len(entry.value) <= 4:
            table += entry.value.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", values_at + len(values))
            values += entry.value + b"\0" * (len(entry.value) % 2)
    return table + bytes(4) + values
