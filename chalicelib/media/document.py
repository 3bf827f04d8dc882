"""Pages of A4 with a table, black on white, as PDF: drawn like posters, with the same font."""

import io
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

from PIL import Image, ImageDraw, ImageFont

from chalicelib.media.model import Column, Row
from chalicelib.media.watermark import lettering_font

DPI = 200
PAGE = (round(210 / 25.4 * DPI), round(297 / 25.4 * DPI))
MARGIN = 120
_TITLE, _TEXT, _LINE = 56, 30, 46
_PLAIN, _STRONG = 400, 700
_GAP = 16
_NEVER = time.gmtime(0)
"""The same document is the same file."""


def document(title: str, lines: Sequence[str], columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    """See `service.document`."""
    on_first = (PAGE[1] - 2 * MARGIN - 2 * _TITLE) // _LINE - len(lines) - 3
    on_others = (PAGE[1] - 2 * MARGIN) // _LINE - 3
    starts = [0, *range(on_first, len(rows), on_others)]
    parts = [rows[start : start + (on_others if start else on_first)] for start in starts]
    first, *others = _pages(title, lines, columns, parts)
    made = io.BytesIO()
    about = {"resolution": DPI, "title": title, "creationDate": _NEVER, "modDate": _NEVER}
    first.save(made, "PDF", save_all=True, append_images=others, **about)
    return made.getvalue()


def _pages(
    title: str, lines: Sequence[str], columns: Sequence[Column], parts: Sequence[Sequence[Row]]
) -> Iterator[Image.Image]:
    plain, strong = lettering_font(_TEXT, _PLAIN), lettering_font(_TEXT, _STRONG)
    share = (PAGE[0] - 2 * MARGIN) / sum(column.width for column in columns)
    lefts = [MARGIN + round(share * width) for width in accumulate((column.width for column in columns), initial=0)]
    for number, rows in enumerate(parts, start=1):
        sheet = Image.new("1", PAGE, 1)
        draw = ImageDraw.Draw(sheet)
        at = MARGIN
        if number == 1:
            large = lettering_font(_TITLE, _STRONG)
            draw.text((MARGIN, at), _fitted(title, large, PAGE[0] - 2 * MARGIN), 0, large)
            at += 2 * _TITLE
            for line in lines:
                draw.text((MARGIN, at), _fitted(line, plain, PAGE[0] - 2 * MARGIN), 0, plain)
                at += _LINE
        headings = Row(tuple(column.title for column in columns), strong=True)
        for row in (headings, *rows):
            font = strong if row.strong else plain
            for column, cell, left, right in zip(columns, row.cells, lefts, lefts[1:], strict=False):
                text = _fitted(cell, font, right - left - _GAP)
                start = right - _GAP - font.getlength(text) if column.right else left
                draw.text((start, at), text, 0, font)
            at += _LINE
            if row is headings:
                draw.line((MARGIN, at, PAGE[0] - MARGIN, at), 0, 2)
                at += _LINE // 3
        told = f"{number} / {len(parts)}"
        draw.text((PAGE[0] - MARGIN - plain.getlength(told), PAGE[1] - MARGIN), told, 0, plain)
        yield sheet


def _fitted(text: str, font: ImageFont.FreeTypeFont, widest: float) -> str:
    """The text, or as much of its beginning as there is room for."""
    if font.getlength(text) <= widest:
        return text
    while text and font.getlength(f"{text}…") > widest:
        text = text[:-1]
    return f"{text}…"
