"""Files that are no photos: each is refused with its reason, and nothing but the refusal ever comes out."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from chalicelib.media import service
from chalicelib.media.model import ADVICE, MAX_BYTES, Rejected, Watermark
from tests.media.photos import (
    FORMATS,
    box,
    camera_exif,
    encoded,
    jpeg_segment,
    picture,
    png_chunk,
    png_header,
    riff,
    saved,
    with_jpeg_segment,
    with_png_chunk,
)


def other_format(name: str) -> bytes:
    file = io.BytesIO()
    picture().save(file, name)
    return file.getvalue()


def with_scans(extra: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    content = encoded(picture(), progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * extra + content[-2:]


def jpeg_claiming(width: int, height: int, *, mode: str = "RGB", progressive: bool = False) -> bytes:
    content = bytearray(encoded(picture(mode=mode), progressive=progressive, subsampling=0))
    frame = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def webp_claiming(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff(b"WEBP", (b"VP8X", bytes(4) + canvas), (b"VP8 ", bytes(20)))


def heic_with(brand: bytes) -> bytes:
    content = encoded(picture(), "heic")
    length = int.from_bytes(content[:4])
    return content[:8] + brand + bytes(4) + brand * ((length - 16) // 4) + content[length:]


def cut(content: bytes, part: float) -> bytes:
    return content[: int(len(content) * part)]


JPEG, PNG, WEBP, HEIC = (encoded(picture(300, 200), form) for form in FORMATS)
BOMB = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9))

BAD = {
    "zero bytes": (b"", "empty_file"),
    "one byte": (b"\xff", "unsupported_format"),
    "51 MB": (JPEG + bytes(MAX_BYTES), "file_too_large"),
    "text": (b"This is not a photo." * 50, "unsupported_format"),
    "HTML": (b"<!doctype html><script>alert(1)</script>", "unsupported_format"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    "PDF": (b"%PDF-1.7\n" + bytes(500), "unsupported_format"),
    "ZIP": (b"PK\x03\x04" + bytes(500), "unsupported_format"),
    "ELF": (b"\x7fELF" + bytes(500), "unsupported_format"),
    "GIF": (other_format("GIF"), "unsupported_format"),
    "BMP": (other_format("BMP"), "unsupported_format"),
    "TIFF": (other_format("TIFF"), "unsupported_format"),
    "JPEG 2000": (other_format("JPEG2000"), "unsupported_format"),
    "AVIF": (other_format("AVIF"), "unsupported_format"),
    "ICO": (other_format("ICO"), "unsupported_format"),
    "MP4": (box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + bytes(500), "unsupported_format"),
    "AVIF brand over HEIC": (heic_with(b"avif"), "unsupported_format"),
    "WAV": (riff(b"WAVE", (b"fmt ", bytes(16))), "unsupported_format"),
    "script before a JPEG": (b"<script>" + JPEG, "unsupported_format"),
    "JPEG magic only": (b"\xff\xd8\xff", "truncated"),
    "JPEG magic, then zeros": (b"\xff\xd8\xff\xe0" + bytes(2000), "header_corrupt"),
    "JPEG without a frame": (b"\xff\xd8" + jpeg_segment(0xFE, b"hello") + b"\xff\xd9", "header_corrupt"),
    "JPEG cut in its header": (JPEG[:150], "truncated"),
    "JPEG cut in half": (cut(JPEG, 0.5), "truncated"),
    "JPEG without its last two bytes": (JPEG[:-2], "truncated"),
    "JPEG of two pictures in one": (JPEG[:-2] + JPEG, "header_corrupt"),
    "PNG magic only": (PNG[:8], "truncated"),
    "PNG cut in half": (cut(PNG, 0.5), "truncated"),
    "PNG without IEND": (PNG[:-12], "truncated"),
    "PNG with a wrong checksum": (PNG[:29] + b"\0\0\0\0" + PNG[33:], "header_corrupt"),
    "PNG with broken pixels": (
        PNG[: PNG.index(b"IDAT") + 4] + bytes(40) + PNG[PNG.index(b"IDAT") + 44 :],
        "data_corrupt",
    ),
    "PNG with too few pixels": (png_header(800, 600), "truncated"),
    "PNG without pixels": (PNG[:33] + png_chunk(b"IEND", b""), "data_corrupt"),
    "PNG text bomb": (with_png_chunk(PNG, b"zTXt", BOMB[8:-4]), "header_corrupt"),
    "WebP cut in half": (cut(WEBP, 0.5), "truncated"),
    "WebP without a picture": (riff(b"WEBP"), "truncated"),
    "WebP of zeros": (riff(b"WEBP", (b"VP8 ", bytes(200))), "too_small"),
    "WebP frame missing": (webp_claiming(640, 480), "header_corrupt"),
    "HEIC cut in half": (cut(HEIC, 0.5), "truncated"),
    "HEIC header only": (HEIC[: HEIC.index(b"meta") - 4], "header_corrupt"),
    "HEIC with garbled items": (HEIC.replace(b"iloc", b"iXXX"), "header_corrupt"),
    "JPEG of 4 gigapixels": (jpeg_claiming(65_500, 65_500), "side_too_long"),
    "JPEG of 400 megapixels": (jpeg_claiming(20_000, 20_000), "too_many_pixels"),
    "PNG of 400 megapixels": (png_header(20_000, 20_000), "too_many_pixels"),
    "PNG, 2 billion wide": (png_header(2**31 - 1, 100), "side_too_long"),
    "PNG of 0 by 0": (png_header(0, 0), "header_corrupt"),
    "WebP of 268 megapixels": (webp_claiming(16_383, 16_383), "too_many_pixels"),
    "WebP too large for memory": (webp_claiming(10_000, 10_000), "needs_too_much_memory"),
    "PNG too large for memory": (png_header(10_000, 10_000), "needs_too_much_memory"),
    "progressive CMYK too large for memory": (
        jpeg_claiming(12_000, 9_900, mode="CMYK", progressive=True),
        "needs_too_much_memory",
    ),
    "a line": (encoded(Image.new("RGB", (3000, 63))), "too_small"),
    "an icon": (encoded(Image.new("RGB", (32, 32)), "png"), "too_small"),
    "a tape": (encoded(Image.new("L", (30_001, 64)), "png"), "side_too_long"),
    "101 scans": (with_scans(101), "too_many_scans"),
}


def processed(path: Path, out: Path, declared: str | None = None):
    inspection = service.inspect(path, declared)
    rendered = service.render(path, inspection, Watermark("ThePixStock"))
    service.deliverable(path, inspection, out)
    return inspection, rendered


@pytest.mark.parametrize(("content", "code"), BAD.values(), ids=BAD.keys())
def test_bad_file_is_refused_with_its_reason(tmp_path, content, code):
    out = tmp_path / "out"

    with pytest.raises(Rejected) as refusal:
        processed(saved(tmp_path, content), out)

    assert (refusal.value.code, refusal.value.status) == (code, 422)
    assert refusal.value.message == ADVICE[code]
    assert not out.exists()


def test_each_reason_has_its_advice_and_each_advice_its_case():
    tested = {code for _, code in BAD.values()}

    assert tested | {"type_mismatch", "metadata_locked"} == ADVICE.keys()
    assert all(advice.endswith(".") and ". " in advice for advice in ADVICE.values())


GOOD = {
    "100 scans": with_scans(100 - encoded(picture(), progressive=True).count(b"\xff\xda")),
    "JPEG then ZIP": JPEG + b"PK\x03\x04" + bytes(5000),
    "JPEG then film": JPEG + box(b"ftyp", b"mp42") + b"\xff\xda" * 500,
    "JPEG with 500 false scans in a comment": with_jpeg_segment(JPEG, 0xFE, b"\xff\xda" * 500),
    "JPEG with script in a comment": with_jpeg_segment(JPEG, 0xFE, b"<script>alert(1)</script>"),
    "huge EXIF": encoded(picture(), exif=camera_exif(lambda e: e.__setitem__(0x010E, "x" * 65_000))),
    "many metadata segments": with_jpeg_segment(
        with_jpeg_segment(JPEG, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(60_000)), 0xED, bytes(60_000)
    ),
    "broken ICC": encoded(picture(), icc_profile=bytes(3000)),
    "CMYK": encoded(picture(mode="CMYK")),
    "smallest": encoded(Image.new("RGB", (64, 64))),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_strange_but_sound_file_is_taken(tmp_path, content):
    inspection, rendered = processed(saved(tmp_path, content), tmp_path / "out")

    assert inspection.format == "jpeg"
    assert len(rendered.renditions) == 4
    clean = (tmp_path / "out").read_bytes()
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
    with pytest.raises(Rejected) as refusal:
        processed(saved(tmp_path, BAD["PNG with broken pixels"][0]), tmp_path / "out")

    assert isinstance(refusal.value.__cause__, Exception)


def test_odd_metadata_causes_no_warning(tmp_path):
    content = encoded(picture(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        processed(saved(tmp_path, content), tmp_path / "out")

    assert heard == []


SMALL = [
    encoded(picture(72, 64), "jpeg", exif=camera_exif(), comment=b"note"),
    encoded(picture(72, 64), "jpeg", progressive=True),
    encoded(picture(72, 64), "png", exif=camera_exif()),
    encoded(picture(72, 64).quantize(8), "png"),
    encoded(picture(72, 64), "webp", exif=camera_exif().tobytes(), xmp=b"<x/>"),
    encoded(picture(72, 64), "webp", lossless=True),
    encoded(picture(72, 64), "heic", exif=camera_exif().tobytes()),
]


@st.composite
def mutated(draw) -> bytes:
    content = bytearray(draw(st.sampled_from(SMALL)))
    for _ in range(draw(st.integers(1, 6))):
        # Half of the damage goes where the structure is.
        reach = draw(st.sampled_from([min(600, len(content)), len(content)]))
        at = draw(st.integers(0, max(0, reach - 1)))
        change = draw(st.sampled_from(["flip", "fill", "insert", "delete", "cut"]))
        if change == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif change == "fill":
            content[at : at + 4] = draw(st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"]))
        elif change == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=20))
        elif change == "delete":
            del content[at : at + draw(st.integers(1, 20))]
        elif change == "cut":
            del content[max(at, 1) :]
    return bytes(content)


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=mutated())
def test_damage_ends_in_a_refusal_or_in_the_photo_that_was_shown(tmp_path, content):
    path, out = saved(tmp_path, content), tmp_path / "out"

    try:
        inspection, rendered = processed(path, out)
    except Rejected:
        return
    assert len(rendered.renditions) == 4
    assert out.stat().st_size <= len(content) + 100
    again = service.inspect(out)
    assert (again.format, again.width, again.height) == (
        inspection.format,
        inspection.width,
        inspection.height,
    )
    assert service.render(out, again, Watermark("ThePixStock")).renditions == rendered.renditions
