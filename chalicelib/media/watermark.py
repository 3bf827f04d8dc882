"""The mark that makes a preview worth buying the photo for: drawn once per size, then only pasted."""

import io
import math
from functools import lru_cache

import fontpkg  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngImageFile

from chalicelib.core.errors import Invalid
from chalicelib.media.model import Watermark

FONT_FAMILY = "Noto Sans Thai"  # covers Latin and Thai, SIL Open Font License
FONT_WEIGHT = 700
SMALLEST_TEXT = 13  # pixels: below it letters run together
# Parts of the long side:
TEXT_HEIGHT = 0.04
LOGO_SIDE = 0.2
MARGIN = 0.025
HALO = 0.0018
GAP = 0.075
ANGLE = 30
MAX_LOGO_BYTES, MAX_LOGO_PIXELS, MIN_LOGO_SIDE = 2 * 1024 * 1024, 16_000_000, 16


def check(watermark: Watermark) -> None:
    """See `service.check_watermark`."""
    if watermark.image_png is not None:
        _logo(watermark.image_png)


def stamped(image: Image.Image, watermark: Watermark) -> Image.Image:
    """A copy of an RGB image with the mark on it; the image itself if there is nothing to draw."""
    if watermark.text is None and watermark.image_png is None:
        return image
    overlay, corner = mark_for(watermark, image.size)
    marked = image.copy()
    marked.paste(overlay, corner, overlay)
    return marked


@lru_cache(maxsize=8)
def mark_for(watermark: Watermark, size: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """What is pasted on a picture of this size, and where: empty margins would cost as much time as the mark."""
    mark = _mark(watermark, size)
    overlay = _tiled(mark, size) if watermark.style == "tiled" else _corner(mark, size)
    levels = [round(level * watermark.opacity) for level in range(256)]
    overlay.putalpha(overlay.getchannel("A").point(levels))
    left, top, right, bottom = overlay.getbbox() or (0, 0, 1, 1)
    return overlay.crop((left, top, right, bottom)), (left, top)


def _corner(mark: Image.Image, size: tuple[int, int]) -> Image.Image:
    overlay = Image.new("RGBA", size)
    margin = round(MARGIN * max(size))
    overlay.paste(mark, (size[0] - mark.width - margin, size[1] - mark.height - margin))
    return overlay


def _tiled(mark: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Rows of marks rising to the right, each row shifted by half a step, one mark in the very centre."""
    step, row = mark.width + GAP * max(size), mark.height + GAP * max(size)
    cos, sin = math.cos(math.radians(ANGLE)), math.sin(math.radians(ANGLE))
    mark = mark.rotate(ANGLE, Image.Resampling.BICUBIC, expand=True)
    pad_x, pad_y = mark.size  # lets marks hang over every edge
    overlay = Image.new("RGBA", (size[0] + 2 * pad_x, size[1] + 2 * pad_y))
    reach = math.hypot(*size) / 2
    rows, columns = math.ceil(reach / row) + 1, math.ceil(reach / step) + 1
    for r in range(-rows, rows + 1):
        for c in range(-columns, columns + 1):
            along, across = (c + r % 2 / 2) * step, r * row
            x = round((size[0] - mark.width) / 2 + along * cos + across * sin) + pad_x
            y = round((size[1] - mark.height) / 2 - along * sin + across * cos) + pad_y
            if 0 <= x <= overlay.width - mark.width and 0 <= y <= overlay.height - mark.height:
                overlay.alpha_composite(mark, (x, y))
    return overlay.crop((pad_x, pad_y, pad_x + size[0], pad_y + size[1]))


def _mark(watermark: Watermark, size: tuple[int, int]) -> Image.Image:
    """Logo above text, whichever of them there is, as large as the picture's size asks for."""
    long_side = max(size)
    parts = []
    if watermark.image_png is not None:
        logo = _logo(watermark.image_png)
        scale = LOGO_SIDE * long_side / max(logo.size)
        parts.append(logo.resize((max(1, round(logo.width * scale)), max(1, round(logo.height * scale)))))
    if watermark.text is not None:
        height = max(SMALLEST_TEXT, round(TEXT_HEIGHT * long_side))
        if watermark.style == "tiled":
            parts.append(_lettering(watermark.text, height, long_side / 2, SMALLEST_TEXT))
        else:
            parts.append(_lettering(watermark.text, height, size[0] * (1 - 4 * MARGIN), 1))
    halo = max(1, round(HALO * long_side))
    width, height = max(part.width for part in parts), sum(part.height for part in parts)
    mark = Image.new("RGBA", (width + 4 * halo, height + 4 * halo))
    y = 2 * halo
    for part in parts:
        mark.paste(part, ((mark.width - part.width) // 2, y))
        y += part.height
    return _haloed(mark, halo)


def _haloed(mark: Image.Image, radius: int) -> Image.Image:
    """The mark before a soft dark shadow of itself, so that white shows on snow as on a night sky."""
    shadow = mark.getchannel("A").filter(ImageFilter.GaussianBlur(radius)).point([min(255, 2 * n) for n in range(256)])
    dark = Image.new("RGBA", mark.size)
    dark.putalpha(shadow)
    return Image.alpha_composite(dark, mark)


def _lettering(text: str, height: int, widest: float, smallest: int) -> Image.Image:
    """White letters of the wanted height in pixels, or less where the text would be wider than `widest`."""
    font = lettering_font(height)
    width = font.getbbox(text)[2]
    if width > widest:
        font = lettering_font(max(smallest, int(height * widest / width)))
    left, top, right, bottom = font.getbbox(text)
    letters = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)))
    ImageDraw.Draw(letters).text((-left, -top), text, 255, font)
    white = Image.new("RGBA", letters.size, "white")
    white.putalpha(letters)
    return white


def lettering_font(height: int, weight: int = FONT_WEIGHT) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(fontpkg.path(FONT_FAMILY)), height)
    font.set_variation_by_axes(
        [weight if axis["name"] == b"Weight" else axis["default"] or 0 for axis in font.get_variation_axes()]
    )
    return font


@lru_cache(maxsize=4)
def _logo(png: bytes) -> Image.Image:
    if len(png) > MAX_LOGO_BYTES:
        raise Invalid("watermark_image", "The logo must be smaller than 2 MB.", field="image")
    try:
        with PngImageFile(io.BytesIO(png)) as picture:
            if min(picture.size) < MIN_LOGO_SIDE or picture.width * picture.height > MAX_LOGO_PIXELS:
                raise Invalid("watermark_image", "The logo must have 16 pixels a side to 16 megapixels.", field="image")
            return picture.convert("RGBA")
    except Invalid:
        raise
    except Exception as error:
        raise Invalid("watermark_image", "The logo is not a readable PNG.", field="image") from error
