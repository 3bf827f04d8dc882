"""What odd files leave behind. Which are taken, and which refused, is in tests/system/uploads."""

import warnings

import pytest

from chalicelib.media import service
from chalicelib.media.model import Rejected, Watermark
from tests.media.photos import encoded, picture, saved
from tests.system.uploads.corpus import BAD, ODD, jpeg_claiming

MARK = Watermark("ThePixStock")


@pytest.mark.parametrize("name", [name for name in ODD if name.startswith("JPEG") or name in ("huge EXIF", "CMYK")])
def test_what_does_not_belong_to_the_photo_is_not_delivered(tmp_path, name):
    path, out = saved(tmp_path, ODD[name]), tmp_path / "out"

    service.deliverable(path, service.inspect(path), out)

    clean = out.read_bytes()
    assert len(clean) < 30_000
    assert b"PK\x03\x04" not in clean
    assert b"<script>" not in clean


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "CMYK"}])
def test_large_jpeg_is_taken_where_it_fits(tmp_path, options):
    path = saved(tmp_path, jpeg_claiming(12_000, 9_900, **options))

    assert service.inspect(path).width == 12_000


def test_a_missing_file_is_the_callers_mistake(tmp_path):
    with pytest.raises(FileNotFoundError):
        service.inspect(tmp_path / "nowhere")


def test_the_decoders_own_error_is_kept_as_the_cause(tmp_path):
    path = saved(tmp_path, BAD["PNG with broken pixels"][0])

    with pytest.raises(Rejected) as refusal:
        service.render(path, service.inspect(path), MARK)

    assert isinstance(refusal.value.__cause__, Exception)


def test_odd_metadata_causes_no_warning(tmp_path):
    path = saved(tmp_path, encoded(picture(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        service.render(path, service.inspect(path), MARK)

    assert heard == []
