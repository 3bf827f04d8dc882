"""The PNG that marks an organization's previews."""

import base64
import io

import pytest
from PIL import Image

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.media import service as media
from chalicelib.organizations import service
from chalicelib.organizations.service import DEFAULT
from tests.organizations.test_routes import put

pytestmark = pytest.mark.usefixtures("aws")


def logo(colour: str = "red") -> bytes:
    written = io.BytesIO()
    Image.new("RGBA", (64, 32), colour).save(written, "PNG")
    return written.getvalue()


def test_an_image_takes_the_place_of_the_text():
    assert service.watermark_of(DEFAULT) == media.Watermark(text="ThePixStock")

    service.set_watermark_image(DEFAULT, version=0, image_png=logo())

    assert service.watermark_of(DEFAULT) == media.Watermark(image_png=logo())


def test_without_the_image_the_text_is_back():
    service.set_watermark_image(DEFAULT, version=0, image_png=logo())

    service.set_watermark_image(DEFAULT, version=1, image_png=None)

    assert service.watermark_of(DEFAULT) == media.Watermark(text="ThePixStock")


def test_another_image_is_seen_at_once():
    service.set_watermark_image(DEFAULT, version=0, image_png=logo("red"))
    service.watermark_of(DEFAULT)

    service.set_watermark_image(DEFAULT, version=1, image_png=logo("blue"))

    assert service.watermark_of(DEFAULT).image_png == logo("blue")


@pytest.mark.parametrize("image", [b"", b"not a picture", logo()[:40]])
def test_what_is_no_picture_is_refused_and_changes_nothing(image):
    with pytest.raises(Invalid, match="watermark_image"):
        service.set_watermark_image(DEFAULT, version=0, image_png=image)

    assert service.get(DEFAULT).version == 0


def test_two_who_change_it_at_once_do_not_overwrite_each_other():
    service.set_watermark_image(DEFAULT, version=0, image_png=logo("red"))

    with pytest.raises(Conflict, match="version_conflict"):
        service.set_watermark_image(DEFAULT, version=0, image_png=logo("blue"))

    assert service.watermark_of(DEFAULT).image_png == logo("red")


def test_an_admin_sets_it_over_http(gateway):
    body = {"version": 0, "imagePng": base64.b64encode(logo()).decode()}

    answer = put(gateway, body, path="/organization/watermark")

    assert (answer.status, answer.json()["data"]["hasWatermarkImage"]) == (200, True)
    assert "watermarks/" not in answer.body.decode()


@pytest.mark.parametrize("image", ["A", 7, "A" * 900_000])
def test_what_is_no_base64_or_too_large_names_the_field(gateway, image):
    answer = put(gateway, {"version": 0, "imagePng": image}, path="/organization/watermark")

    assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "imagePng")
