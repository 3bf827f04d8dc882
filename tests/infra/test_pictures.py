import pytest
from PIL import Image

from chalicelib.notifications.values import TEMPLATES
from infra.pictures import DOCUMENT, FOLDER, LONGEST, WIDTH, document, listed


def test_each_mail_of_the_product_stands_in_the_document():
    assert document(DOCUMENT.read_text()) == DOCUMENT.read_text(), "Take them anew: python3 -m infra pictures"
    assert [template for template in sorted(TEMPLATES) if f"images/mails/{template}.png" not in listed()] == []


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_each_has_a_picture_as_wide_as_a_phone_which_shows_it_whole(template):
    with Image.open(FOLDER / f"{template}.png") as picture:
        assert picture.width == WIDTH
        assert 150 < picture.height < LONGEST
        assert len(picture.getcolors() or ()) > 4  # more than an empty page


def test_no_other_picture_is_kept():
    assert {path.stem for path in FOLDER.iterdir()} == TEMPLATES.keys()
