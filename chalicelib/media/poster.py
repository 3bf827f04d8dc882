"""A poster with a QR code: one page of A4, black on white, as PDF."""

import io
import time

import segno
from PIL import Image, ImageDraw, ImageFont

from chalicelib.media.watermark import lettering_font

DPI = 300
PAGE = (round(210 / 25.4 * DPI), round(297 / 25.4 * DPI))
MARGIN = 200
QR_SIDE = 1500
_LARGEST, _SMALLEST = 200, 60
_NEVER = time.gmtime(0)
"""The same poster is the same file."""


def poster(title: str, lines: list[str], link: str) -> bytes:
    """See `service.poster`."""
    sheet = Image.new("L", PAGE, 255)
    at = MARGIN + 100
    for row in _rows(title):
        at += _centred(sheet, row, at, _LARGEST) + 40
    code = segno.make(link, error="m", micro=False)
    side = code.symbol_size(border=4)[0]
    image = io.BytesIO()
    code.save(image, kind="png", scale=max(1, QR_SIDE // side), border=4)
    with Image.open(image) as drawn:
        square = drawn.convert("L")
    sheet.paste(square, ((PAGE[0] - square.width) // 2, at + 60))
    at += square.height + 160
    for line in [*lines, link]:
        at += _centred(sheet, line, at, _SMALLEST + 20) + 30
    made = io.BytesIO()
    # Black and white is written as it is, at a few kilobytes; grey would be written as a JPEG.
    plain = sheet.convert("1", dither=Image.Dither.NONE)
    plain.save(made, "PDF", resolution=DPI, title=title, creationDate=_NEVER, modDate=_NEVER)
    return made.getvalue()


def _rows(title: str) -> list[str]:
    """Up to three rows of words, none of them much longer than the others."""
    words, rows = title.split(), [""]
    for word in words:
        longer = f"{rows[-1]} {word}".strip()
        if len(longer) > 22 and rows[-1] and len(rows) < 3:
            rows.append(word)
        else:
            rows[-1] = longer
    return rows


def _centred(sheet: Image.Image, text: str, top: int, height: int) -> int:
    """Draw a line of text, smaller where it would be too wide; how high it became."""
    font: ImageFont.FreeTypeFont = lettering_font(height)
    width = font.getlength(text)
    widest = PAGE[0] - 2 * MARGIN
    if width > widest:
        font = lettering_font(max(12, int(height * widest / width)))
    left, _, right, bottom = font.getbbox(text)
    ImageDraw.Draw(sheet).text(((PAGE[0] - (right - left)) / 2 - left, top), text, 0, font)
    return round(bottom)
