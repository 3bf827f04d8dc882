"""Pillow as the first answer on the web uses it: everything decoded, each size made from the whole picture."""

import io
from functools import cache

import pillow_heif
from PIL import Image, ImageCms, ImageOps

from infra.bench.engines.protocol import Output, serve

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None
SRGB = ImageCms.createProfile("sRGB")


def made(path: str, outputs: list[Output]) -> list[bytes]:
    image = ImageOps.exif_transpose(Image.open(path))
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = image.point(lambda level: level / 257).convert("L")
    image = image.convert("RGB")
    if profile:
        converted = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
        assert converted is not None  # only an in-place call returns None
        image = converted
    return [_jpeg(image, output) for output in outputs]


def _jpeg(image: Image.Image, output: Output) -> bytes:
    small = image.resize((output.width, output.height), Image.Resampling.LANCZOS)
    small.info.clear()
    if output.overlay:
        overlay = _overlay(output.overlay)
        small.paste(overlay, (0, 0), overlay)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=output.quality, optimize=True)
    return file.getvalue()


@cache
def _overlay(path: str) -> Image.Image:
    with Image.open(path) as overlay:
        return overlay.convert("RGBA")


if __name__ == "__main__":
    serve(made)
