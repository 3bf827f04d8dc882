"""What the renderer makes of one photo of every class, as hashes.

`python -m tests.media.golden D-0xx` writes them anew, under the decision that allows the change.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import PIL
from PIL import Image

from chalicelib.media import service
from chalicelib.media.color import adobe_rgb_profile
from chalicelib.media.model import Watermark
from infra.bench.photos import sixteen_bit_png
from tests.media.photos import NO_MARK, camera_exif, encoded, picture

HASHES = Path(__file__).with_name("golden.json")
HEIC = Path(__file__).with_name("golden.heic")  # kept as a file: encoders of HEVC promise no equal bytes
THAI = Watermark("ภาพถ่ายงานวิ่ง")


def scene(width: int, height: int) -> Image.Image:
    """Colour everywhere and edges of every size, the same on every machine."""
    fractal = Image.effect_mandelbrot((640, 480), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    blended = Image.blend(fractal.resize((width, height), Image.Resampling.BICUBIC), picture(width, height), 0.4)
    return blended.convert("RGB")


def turned(exif: Image.Exif) -> None:
    exif[0x0112] = 6


def translucent() -> Image.Image:
    image = scene(2400, 1600).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def sixteen_bits(mode: str) -> bytes:
    levels = np.asarray(scene(2100, 1400).convert(mode)).astype(np.uint16)
    return sixteen_bit_png(levels * 256 + np.arange(2100, dtype=np.uint16)[:, *[None] * (levels.ndim - 2)] % 256)


def logo() -> bytes:
    return encoded(Image.new("RGBA", (80, 40), (255, 255, 255, 180)), "png")


PHOTOS: dict[str, tuple[Callable[[], bytes], Watermark]] = {
    "jpeg": (lambda: encoded(scene(2600, 1700)), NO_MARK),
    "jpeg, turned, marked": (lambda: encoded(scene(2600, 1700), exif=camera_exif(turned).tobytes()), THAI),
    "jpeg, decoded at half, mark in the corner": (
        lambda: encoded(scene(4000, 3000), subsampling=1),
        Watermark("ThePixStock", logo(), style="corner", opacity=0.6),
    ),
    "jpeg, progressive, Adobe RGB": (
        lambda: encoded(scene(2400, 1600), progressive=True, subsampling=0, icc_profile=adobe_rgb_profile()),
        NO_MARK,
    ),
    "jpeg, CMYK": (lambda: encoded(scene(1000, 700).convert("CMYK")), NO_MARK),
    "png": (lambda: encoded(scene(3000, 2000), "png", compress_level=1), THAI),
    "png, translucent": (lambda: encoded(translucent(), "png", compress_level=1), NO_MARK),
    "png, 16 bits": (lambda: sixteen_bits("RGB"), NO_MARK),
    "png, 16 bits, grey": (lambda: sixteen_bits("L"), NO_MARK),
    "webp": (lambda: encoded(scene(1000, 700), "webp", lossless=True, method=0), NO_MARK),
    "heic": (HEIC.read_bytes, NO_MARK),
}


def hashes(photo: str, folder: Path) -> dict[str, str]:
    """SHA-256 of each JPEG, and the values made beside them."""
    content, watermark = PHOTOS[photo]
    path = folder / "photo"
    path.write_bytes(content())
    made = service.render(path, service.inspect(path), watermark)
    files = {rendition.name: rendition.sha256 for rendition in made.renditions}
    return files | {"placeholder": made.placeholder, "dhash": made.dhash, "dominant": made.dominant}


def main(decision: str) -> None:
    if not HEIC.exists():
        HEIC.write_bytes(encoded(picture(320, 200), "heic"))
    with TemporaryDirectory() as folder:
        made = {photo: hashes(photo, Path(folder)) for photo in PHOTOS}
    content = {"decision": decision, "pillow": PIL.__version__, "photos": made}
    HASHES.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
