"""Everything that is shown of a photo, from one decode."""

import hashlib
import io
from pathlib import Path

from blurhash import encode as blurhash
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from chalicelib.media.color import adobe_rgb_profile, to_srgb
from chalicelib.media.decoders import opened
from chalicelib.media.memory import keep_freed
from chalicelib.media.model import SIZES, Inspection, Rendering, Rendition, Size, Watermark
from chalicelib.media.quality import measured
from chalicelib.media.watermark import stamped

# EXIF orientation -> what turns the stored pixels upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

AVATAR_SIDE = 400  # pixels


def render(path: Path, inspection: Inspection, watermark: Watermark) -> Rendering:
    """See `service.render`."""
    keep_freed()
    image = _decoded(path, inspection, SIZES[0].long_side)
    renditions, pictures = [], {}
    for size in SIZES:
        pictures[size.name] = image = _resized(image, fitted((inspection.width, inspection.height), size.long_side))
        renditions.append(_rendition(stamped(image, watermark) if size.watermarked else image, size))
    tiny = _resized(image, fitted(image.size, 24))
    quality = measured(pictures["medium"])
    return Rendering(tuple(renditions), _placeholder(tiny), _difference_hash(image), _dominant_colour(tiny), quality)


def avatar(path: Path, inspection: Inspection) -> bytes:
    """See `service.avatar`."""
    keep_freed()
    image = _decoded(path, inspection, 2 * AVATAR_SIDE)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = _resized(image.crop((left, top, left + side, top + side)), fitted((side, side), AVATAR_SIDE))
    file = io.BytesIO()
    square.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()


def upright(path: Path, inspection: Inspection, long_side: int) -> bytes:
    """See `service.upright`."""
    keep_freed()
    file = io.BytesIO()
    _decoded(path, inspection, long_side).save(file, "JPEG", quality=90)
    return file.getvalue()


def pixels(jpeg: bytes) -> tuple[int, int, bytes]:
    """See `service.pixels`."""
    with JpegImageFile(io.BytesIO(jpeg)) as picture:
        return picture.width, picture.height, picture.convert("RGB").tobytes()


def _decoded(path: Path, inspection: Inspection, long_side: int) -> Image.Image:
    """The upright sRGB picture at the largest size shown, without any metadata."""
    with opened(path, inspection.format) as picture:
        target = fitted(picture.size, long_side)
        profile = picture.info.get("icc_profile") or (adobe_rgb_profile() if inspection.adobe_rgb else None)
        if inspection.format == "jpeg":
            # Decoding at 1/2, 1/4 or 1/8 costs a fraction: the smallest that is still large enough. What is left to
            # shrink is less than twofold: Hamming takes two thirds of bicubic's time, but blurs where little is left.
            drafted = picture.draft(None, target)
            box = drafted[1] if drafted else None
            near = picture.width < 1.3 * target[0]
            picture.load()
            resampling = Image.Resampling.BICUBIC if near else Image.Resampling.HAMMING
            image = _plain(picture).resize(target, resampling, box=box)
        else:
            picture.load()
            image = _plain(picture).resize(target, Image.Resampling.BICUBIC, reducing_gap=1.5)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    image = to_srgb(image, profile)
    turn = UPRIGHT.get(inspection.exif.orientation)
    image = image.transpose(turn) if turn is not None else image
    image.info.clear()  # savers write comments and profiles they find here
    return image


def _plain(picture: ImageFile.ImageFile) -> Image.Image:
    """One of the modes RGB, RGBA, L, CMYK."""
    if picture.mode.startswith("I"):
        return picture.point(lambda level: level / 257).convert("L")  # convert alone would clip 16 bits to white
    if picture.mode in ("RGBA", "L", "RGB", "CMYK") and "transparency" not in picture.info:
        return picture  # convert would copy it
    alpha = "transparency" in picture.info or picture.mode in ("LA", "PA", "RGBA")
    return picture.convert("RGBA" if alpha else "RGB")


def fitted(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """The size in pixels with its long side at most `long_side`; nothing is enlarged."""
    scale = min(1.0, long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    # Whole multiples are averaged away first, so that the filter works on a fraction of the pixels.
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)


def _rendition(image: Image.Image, size: Size) -> Rendition:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=size.quality, optimize=True)
    content = file.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    return Rendition(size.name, image.width, image.height, len(content), sha256, content)


def _placeholder(image: Image.Image) -> str:
    pixels = [[image.getpixel((x, y)) for x in range(image.width)] for y in range(image.height)]
    return str(blurhash(pixels, components_x=4, components_y=3))


def _difference_hash(image: Image.Image) -> str:
    """64 bits, row by row: is a cell of an 8x8 grid darker than its right neighbour?"""
    grid = image.convert("L").resize((9, 8), Image.Resampling.BOX)
    levels = grid.tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            bits = bits << 1 | (levels[row * 9 + column] < levels[row * 9 + column + 1])
    return f"{bits:016x}"


def _dominant_colour(image: Image.Image) -> str:
    palette = image.quantize(8, Image.Quantize.MEDIANCUT).convert("RGB")
    _, colour = max(palette.getcolors(8) or [(0, (0, 0, 0))])
    red, green, blue = colour if isinstance(colour, tuple) else (0, 0, 0)
    return f"#{red:02x}{green:02x}{blue:02x}"
