from PIL import Image

from chalicelib.media import document as documents
from chalicelib.media import service as media
from chalicelib.media.service import Column, Row

COLUMNS = (Column("Day", 1), Column("Amount", 1, right=True))


def rows(count):
    return [Row((f"day {number}", f"{number}.00")) for number in range(count)]


def drawn(*parts):
    return list(documents._pages("Statement", ["ใบแจ้งยอด"], COLUMNS, parts))


def test_a_document_is_a_pdf_of_as_many_pages_as_its_rows_need():
    one, three = (media.document("Statement", ["Anna"], COLUMNS, rows(count)) for count in (3, 100))

    assert [made[:5] for made in (one, three)] == [b"%PDF-"] * 2
    assert [made.count(b"/Type /Page\n") + made.count(b"/Type /Page ") for made in (one, three)] == [1, 3]
    assert media.document("Statement", ["Anna"], COLUMNS, rows(3)) == one


def test_all_rows_stand_between_the_margins_and_above_the_number_of_the_page():
    made = media.document("Statement", [], COLUMNS, rows(43))
    first, second = drawn(rows(40), rows(42))

    for sheet in (first, second):
        ink = Image.eval(sheet.convert("L"), lambda value: 255 - value).getbbox()
        assert ink[0] >= documents.MARGIN - 4
        assert ink[2] <= documents.PAGE[0] - documents.MARGIN + 4
        assert ink[3] <= documents.PAGE[1] - documents.MARGIN + documents._LINE
    assert made


def test_a_text_is_cut_where_its_column_ends():
    font = documents.lettering_font(30, 400)

    cut = documents._fitted("Bangkok Night Run " * 9, font, 300)

    assert cut.endswith("…")
    assert font.getlength(cut) <= 300
    assert documents._fitted("short", font, 300) == "short"
