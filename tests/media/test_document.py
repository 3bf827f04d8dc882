"""Documents: what they say is read back by another library, and a page is looked at."""

import io
import re
import shutil
import subprocess

import pytest
from PIL import Image
from pypdf import PdfReader

from chalicelib.media import service as media
from chalicelib.media.service import Column, Row

COLUMNS = (Column("Day", 1), Column("What", 3), Column("Amount", 1, right=True))
THAI = "ใบเสร็จรับเงิน/ใบกำกับภาษี ที่นี่ น้ำหนัก ผู้ซื้อ"
CYRILLIC = "Счёт-фактура № 7: Щербаков, Їжак"
LATIN = "Invoice: Ação, Łódź, €12.50 and ฿12"


def rows(count):
    return [Row((f"day {number}", "something", f"{number}.00")) for number in range(count)]


def pages(document):
    """The text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]


def said(text):
    """As it is read: Sara Am as its two parts, the first of them below a tone mark."""
    return re.sub("(\u0e49?)\u0e33", "\u0e4d\\1\u0e32", text)


def drawn(document, folder):
    tool = shutil.which("pdftoppm")
    if tool is None:
        pytest.skip("pdftoppm draws pages; Debian has it in poppler-utils")
    path = folder / "document.pdf"
    path.write_bytes(document)
    done = subprocess.run([tool, "-r", "50", "-gray", path, folder / "page"], stderr=subprocess.PIPE, check=True)
    assert done.stderr == b""
    return [Image.open(page).convert("L") for page in sorted(folder.glob("page*.pgm"))]


@pytest.mark.parametrize("text", [THAI, CYRILLIC, LATIN])
def test_each_place_of_a_document_takes_each_script(text):
    made = media.document(text, [text, "plain"], COLUMNS, [Row((text[:9], text, "1.00"), strong=True)], [text])

    (page,) = pages(made)
    assert page.replace("\n", " ").count(said(text)) == 4
    assert "plain" in page


def test_letters_stand_as_text_in_fonts_of_which_the_file_has_a_part():
    made = media.document(THAI, [CYRILLIC], COLUMNS, rows(1))

    names = {name.partition("+")[2] for name in re.findall("/BaseFont /([+A-Za-z-]+)", made.decode("latin-1"))}
    assert {"Sarabun", "SarabunBold", "PTSans"} <= names
    assert len(made) < 60_000


def test_the_headings_stand_on_every_page_and_no_row_is_lost():
    found = pages(media.document("Statement", ["Anna"], COLUMNS, rows(100), ["the end"]))

    assert len(found) > 1
    assert all("Day" in page and f"{number} / {len(found)}" in page for number, page in enumerate(found, start=1))
    assert [sum(f"day {number} " in page.replace("\n", " ") for page in found) for number in range(100)] == [1] * 100
    assert found[-1].index("99.00") < found[-1].index("the end")


def test_the_same_document_is_the_same_file():
    one, other = (media.document(THAI, [CYRILLIC], COLUMNS, rows(40)) for _ in range(2))

    assert one == other


def test_a_letter_that_no_font_has_is_asked_about():
    assert "Mr ??" in pages(media.document("Statement", ["Mr 漢字"], COLUMNS, []))[0]


def test_nothing_leaves_the_margins_whatever_script_a_text_begins_with(tmp_path):
    long = f"{CYRILLIC} {THAI} {LATIN} " * 4
    for sheet in drawn(media.document(CYRILLIC, [long, "", LATIN], COLUMNS, [Row((CYRILLIC, long, "1.00"))]), tmp_path):
        left, top, right, bottom = Image.eval(sheet, lambda value: 255 - value).getbbox()
        margin = 18 / 25.4 * 50
        assert (left >= margin - 1, top >= margin - 1) == (True, True)
        assert (right <= sheet.width - margin + 1, bottom <= sheet.height - margin / 2) == (True, True)
