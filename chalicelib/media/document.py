"""Pages of A4 with a table, black on white, as PDF: its text can be searched and copied."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import fontpkg  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, VAlign, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from chalicelib.media.model import Column, Row

MAIN, OTHER = "Sarabun", "PT Sans"
"""Thai and Latin letters, and Cyrillic ones. Neither is a variable font: to instance one takes seconds."""

MARGIN = 18
"""Millimetres, like all measures here but those of letters, which are points."""

_TITLE, _TEXT = 18, 10
_LINE = 5.5
_PADDING = (0.5, 1)
_WEIGHTS = {"": 400, "B": 700}
_STRONG = FontFace(emphasis="BOLD")
_NEVER = datetime.fromtimestamp(0, UTC)
"""The same document is the same file."""

_THAI = re.compile("[\u0e00-\u0e7f]")
_SARA_AM = re.compile("([\u0e34-\u0e37\u0e47-\u0e4e]*)\u0e33")
_ITS_PARTS = "\u0e4d\\1\u0e32"


def document(
    title: str, lines: Sequence[str], columns: Sequence[Column], rows: Sequence[Row], notes: Sequence[str] = ()
) -> bytes:
    """See `service.document`."""
    paper = _Paper(title)
    paper.write_line(title, _TITLE, strong=True)
    for line in lines:
        paper.write_line(line)
    paper.ln(_LINE)
    paper.write_table(columns, rows)
    paper.ln(_LINE)
    for note in notes:
        paper.write_line(note)
    return bytes(paper.output())


class _Paper(FPDF):
    """Sets text in the main font, and in the other one what that lacks."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.set_title(title)
        self.set_creation_date(_NEVER)
        for family in (MAIN, OTHER):
            for style, weight in _WEIGHTS.items():
                self.add_font(family, style, fontpkg.path(family, weight=weight))
        self._known = frozenset().union(*(font.cmap for font in self.fonts.values() if isinstance(font, TTFFont)))
        self.set_fallback_fonts([OTHER])
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, MARGIN + _LINE)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.set_font(MAIN, "", _TEXT)
        self.cell(0, text=f"{self.page_no()} / {{nb}}", align="R")

    def multi_cell(self, w: float, h: float | None = None, text: str = "", *how: Any, **more: Any) -> Any:
        """Shapes what is Thai: no other script needs it, and it takes most of the time.

        The font is named first: fpdf2 2.8.9 does so too late where a text begins with a letter of the other one.
        """
        if not self.current_font_is_set_on_page:
            self.text(self.x, self.y, "")
        self.set_text_shaping(_THAI.search(text) is not None)
        return super().multi_cell(w, h, text, *how, **more)

    def write_line(self, text: str, size: int = _TEXT, *, strong: bool = False) -> None:
        self.set_font(MAIN, "B" if strong else "", size)
        height = _LINE * size / _TEXT
        self.multi_cell(0, height, self.legible(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def write_table(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """What is too long for its column is broken into lines."""
        self.set_font(MAIN, "", _TEXT)
        with self.table(
            col_widths=tuple(column.width for column in columns),
            text_align=tuple("RIGHT" if column.right else "LEFT" for column in columns),
            borders_layout=TableBordersLayout.SINGLE_TOP_LINE,
            headings_style=_STRONG,
            line_height=_LINE,
            padding=_PADDING,
            v_align=VAlign.T,
        ) as table:
            table.row([self.legible(column.title) for column in columns])
            for row in rows:
                table.row([self.legible(cell) for cell in row.cells], style=_STRONG if row.strong else None)

    def legible(self, text: str) -> str:
        """With a question mark for each character that no font has.

        Thai's Sara Am is parted as HarfBuzz would: of glyphs that come of one letter, fpdf2 names only the first.
        """
        parted = _SARA_AM.sub(_ITS_PARTS, text)
        return "".join(letter if ord(letter) in self._known else "?" for letter in parted)
