"""Colour to sRGB, the only space a browser is sure to show right without a profile."""

import io
import struct
from functools import lru_cache
from itertools import chain, product

from PIL import Image, ImageChops, ImageCms

# Adobe RGB (1998): gamma 563/256; the D65 primaries as colorants adapted to the profile white D50 (Bradford).
ADOBE_GAMMA = 563
ADOBE_COLORANTS = {
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}
D50 = (0.9642, 1.0, 0.8249)


@lru_cache(maxsize=1)
def adobe_rgb_profile() -> bytes:
    """A matrix profile for cameras that say Adobe RGB without embedding one (ICC.1:2001-04, version 2.1)."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    def text(kind: bytes, words: bytes) -> bytes:
        tail = struct.pack(">I", len(words) + 1) + words + b"\0" + bytes(78) if kind == b"desc" else words + b"\0"
        return kind + bytes(4) + tail

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, ADOBE_GAMMA)
    tags = {
        b"desc": text(b"desc", b"Adobe RGB (1998) compatible"),
        b"cprt": text(b"text", b"Public domain"),
        b"wtpt": xyz(D50),
        **{name: xyz(values) for name, values in ADOBE_COLORANTS.items()},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12s4s28x3i48x",
        128 + len(table) + len(body), b"\0\0\0\0", 0x02100000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp",
        *(round(value * 65536) for value in D50),
    )  # fmt: skip
    return header + table + body


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An RGB image from an RGB, L or CMYK one. A profile that cannot be used is ignored, as browsers do."""
    transform = _transform(profile, image.mode) if profile else None
    if transform is None or (image.mode == "RGB" and _is_identity(transform)):
        return image if image.mode == "RGB" else image.convert("RGB")
    return _applied(transform, image)


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return None


@lru_cache(maxsize=8)
def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether an RGB transform moves no colour by more than one level of 255. The profile's name proves nothing."""
    levels = range(0, 256, 15)
    colours = Image.frombytes("RGB", (18 * 18, 18), bytes(chain.from_iterable(product(levels, repeat=3))))
    moved = ImageChops.difference(colours, _applied(transform, colours))
    return max(moved.tobytes()) <= 1


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only an in-place call returns None
    return converted
