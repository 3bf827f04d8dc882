"""Headers and metadata are read exactly, and nonsense in them is never an error."""

import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from pydantic import TypeAdapter

from chalicelib.media import service
from chalicelib.media.model import CONTENT_TYPES, Exif, Gps, Inspection, Rejected, Rendition
from tests.media.photos import (
    EXIF_IFD,
    FORMATS,
    GPS_IFD,
    INTEROP_IFD,
    camera_exif,
    encoded,
    picture,
    saved,
    with_png_chunk,
)

EXPECTED = Exif(
    make="Fujifilm",
    model="X-T5",
    lens="XF56mmF1.2 R WR",
    focal_length_mm=56.0,
    aperture=2.8,
    shutter_s=0.004,
    iso=640,
    flash=True,
    gps=Gps(lat=18.7885333, lon=98.9852, altitude=310.5),
    orientation=1,
    taken_at=datetime(2026, 4, 13, 9, 8, 7, 250_000, tzinfo=timezone(timedelta(hours=7))),
)


@pytest.mark.parametrize("form", FORMATS)
def test_reads_every_field_in_every_format(tmp_path, form):
    path = saved(tmp_path, encoded(picture(), form, exif=camera_exif().tobytes()))

    inspection = service.inspect(path)

    assert inspection == Inspection(form, CONTENT_TYPES[form], 120, 80, EXPECTED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_the_displayed_one(tmp_path, orientation):
    exif = camera_exif(lambda exif: exif.__setitem__(0x0112, orientation))

    inspection = service.inspect(saved(tmp_path, encoded(picture(120, 80), exif=exif)))

    assert inspection.exif.orientation == orientation
    assert (inspection.width, inspection.height) == ((80, 120) if orientation >= 5 else (120, 80))


def test_png_exif_after_the_pixels_counts(tmp_path):
    tiff = camera_exif().tobytes()[6:]
    content = with_png_chunk(encoded(picture(), "png"), b"eXIf", tiff, before=b"IEND")

    assert service.inspect(saved(tmp_path, content)).exif == EXPECTED


def camera(tag: int, value: object):
    return lambda exif: exif.get_ifd(EXIF_IFD).__setitem__(tag, value)


def gps(tag: int, value: object):
    return lambda exif: exif.get_ifd(GPS_IFD).__setitem__(tag, value)


def image(tag: int, value: object):
    return lambda exif: exif.__setitem__(tag, value)


LOCAL = datetime(2026, 4, 13, 9, 8, 7, 250_000)  # noqa: DTZ001 - without an offset it is camera-local
DIRTY = {
    "padded make": (image(0x010F, "LEICA CAMERA AG\0\0\0\0 junk"), {"make": "LEICA CAMERA AG"}),
    "blank make": (image(0x010F, "   "), {"make": None}),
    "control characters": (image(0x0110, "X\x07T\n5"), {"model": "X T 5"}),
    "endless model": (image(0x0110, "M" * 5000), {"model": "M" * 100}),
    "zero exposure": (camera(0x829A, IFDRational(0, 1)), {"shutter_s": None}),
    "no denominator": (camera(0x829A, IFDRational(1, 0)), {"shutter_s": None}),
    "negative aperture": (camera(0x829D, IFDRational(-28, 10)), {"aperture": None}),
    "text for a number": (camera(0x920A, "fifty"), {"focal_length_mm": None}),
    "ISO as a pair": (camera(0x8827, (800, 0)), {"iso": 800}),
    "ISO too large for its field": (
        lambda exif: exif.get_ifd(EXIF_IFD).update({0x8827: 65535, 0x8833: 102_400}),
        {"iso": 102_400},
    ),
    "no flash fired": (camera(0x9209, 0x10), {"flash": False}),
    "flash as text": (camera(0x9209, "on"), {"flash": None}),
    "unparsable date": (camera(0x9003, "0000:00:00 00:00:00"), {"taken_at": None}),
    "blank date": (camera(0x9003, "    :  :     :  :  "), {"taken_at": None}),
    "digitized date stands in": (
        lambda exif: exif.get_ifd(EXIF_IFD).update({0x9003: "", 0x9004: "2026:01:02 03:04:05"}),
        {"taken_at": datetime(2026, 1, 2, 3, 4, 5)},  # noqa: DTZ001
    ),
    "no offset": (lambda exif: exif.get_ifd(EXIF_IFD).__delitem__(0x9011), {"taken_at": LOCAL}),
    "blank offset": (camera(0x9011, "   :  "), {"taken_at": LOCAL}),
    "impossible offset": (camera(0x9011, "+77:00"), {"taken_at": LOCAL}),
    "western offset": (
        camera(0x9011, "-03:30"),
        {"taken_at": LOCAL.replace(tzinfo=timezone(-timedelta(hours=3, minutes=30)))},
    ),
    "sub-seconds as words": (
        camera(0x9291, "abc"),
        {"taken_at": datetime(2026, 4, 13, 9, 8, 7, tzinfo=timezone(timedelta(hours=7)))},
    ),
    "GPS not a number": (gps(2, (IFDRational(0, 0),) * 3), {"gps": None}),
    "GPS of zero": (lambda exif: exif.get_ifd(GPS_IFD).update({2: (0, 0, 0), 4: (0, 0, 0)}), {"gps": None}),
    "GPS without hemisphere": (gps(1, "\0"), {"gps": None}),
    "GPS void": (gps(9, "V"), {"gps": None}),
    "GPS beyond the pole": (gps(2, (IFDRational(91), IFDRational(0), IFDRational(0))), {"gps": None}),
    "GPS in one number": (gps(2, (IFDRational(18),)), {"gps": None}),
    "south and west": (
        lambda exif: exif.get_ifd(GPS_IFD).update({1: "S", 3: "W"}),
        {"gps": Gps(-18.7885333, -98.9852, 310.5)},
    ),
    "below the sea": (gps(5, b"\x01"), {"gps": Gps(18.7885333, 98.9852, -310.5)}),
    "altitude not a number": (gps(6, IFDRational(0, 0)), {"gps": Gps(18.7885333, 98.9852, None)}),
    "orientation 0": (image(0x0112, 0), {"orientation": 1}),
    "orientation 9": (image(0x0112, 9), {"orientation": 1}),
}


@pytest.mark.parametrize(("change", "fields"), DIRTY.values(), ids=DIRTY.keys())
def test_dirty_values_become_none(tmp_path, change, fields):
    path = saved(tmp_path, encoded(picture(), exif=camera_exif(change)))

    assert service.inspect(path).exif == replace(EXPECTED, **fields)


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0garbage that is no TIFF at all",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(40),
        b"Exif\0\0" + bytes(65_000),
    ],
)
def test_unreadable_exif_is_no_exif(tmp_path, block):
    path = saved(tmp_path, encoded(picture(), exif=block))

    assert service.inspect(path).exif == Exif()


def interop(exif: Image.Exif) -> None:
    exif.get_ifd(EXIF_IFD)[INTEROP_IFD] = {1: "R03"}


def test_adobe_rgb_by_exif_unless_a_profile_says_otherwise(tmp_path):
    plain = service.inspect(saved(tmp_path, encoded(picture(), exif=camera_exif())))
    by_index = service.inspect(saved(tmp_path, encoded(picture(), exif=camera_exif(interop))))
    by_space = service.inspect(saved(tmp_path, encoded(picture(), exif=camera_exif(camera(0xA001, 2)))))
    with_profile = encoded(picture(), exif=camera_exif(interop), icc_profile=b"any profile")

    assert not plain.adobe_rgb
    assert by_index.adobe_rgb
    assert by_space.adobe_rgb
    assert not service.inspect(saved(tmp_path, with_profile)).adobe_rgb


@pytest.mark.parametrize(
    ("form", "declared"),
    [
        ("jpeg", "image/jpeg"),
        ("jpeg", "image/jpg"),
        ("jpeg", "IMAGE/JPEG; charset=binary"),
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("heic", "image/heic"),
        ("heic", "image/heif"),
        ("heic", None),
    ],
)
def test_accepts_the_declared_type(tmp_path, form, declared):
    assert service.inspect(saved(tmp_path, encoded(picture(), form)), declared).format == form


@pytest.mark.parametrize("declared", ["image/png", "application/octet-stream", "", "text/html"])
def test_refuses_another_declared_type(tmp_path, declared):
    with pytest.raises(Rejected) as refusal:
        service.inspect(saved(tmp_path, encoded(picture())), declared)

    assert (refusal.value.code, refusal.value.status) == ("type_mismatch", 422)


def test_values_go_through_json_unchanged(tmp_path):
    inspections = [
        service.inspect(saved(tmp_path, encoded(picture(), exif=camera_exif(change))))
        for change in (lambda exif: None, lambda exif: exif.get_ifd(EXIF_IFD).__delitem__(0x9011))
    ]
    adapter = TypeAdapter(Inspection)

    for inspection in inspections:
        assert adapter.validate_json(adapter.dump_json(inspection)) == inspection

    rendition = Rendition("thumb", 150, 100, 4, "ab" * 32, b"\xff\xd8\xff\xd9")
    record = TypeAdapter(Rendition).dump_json(rendition)
    assert b"content" not in record
    assert TypeAdapter(Rendition).validate_json(record) == rendition


def test_importing_the_service_loads_no_pillow():
    code = "import sys, chalicelib.media.service; print('PIL' in sys.modules, 'pillow_heif' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout == "False False\n"
