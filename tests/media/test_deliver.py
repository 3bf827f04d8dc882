"""What a buyer receives: the same pixels, the same colours, the same way up, and nobody's private details."""

import hashlib
import io
import struct

import pillow_heif
import pytest
from PIL import Image, ImageSequence

from chalicelib.media import containers, heic, service
from chalicelib.media.color import adobe_rgb_profile
from chalicelib.media.model import Rejected
from tests.media.canaries import CANARY, PROFILE, XMP, private_exif, private_photo
from tests.media.photos import (
    EXIF_IFD,
    FORMATS,
    INTEROP_IFD,
    camera_exif,
    encoded,
    jpeg_segment,
    picture,
    png_chunk,
    saved,
    with_jpeg_segment,
)


def delivered(folder, content):
    path, out = saved(folder, content), folder / "delivered"
    digest = service.deliverable(path, service.inspect(path), out)
    clean = out.read_bytes()
    assert digest == hashlib.sha256(clean).hexdigest()
    return clean


def opened(content):
    return Image.open(io.BytesIO(content))


def decoded(content):
    image = pillow_heif.open_heif(content).to_pillow() if b"ftyp" in content[:12] else opened(content)
    return image.mode, image.size, image.tobytes()


@pytest.mark.parametrize("form", FORMATS)
def test_private_details_go_and_the_photo_stays(tmp_path, form):
    content = private_photo(form)
    before = service.inspect(saved(tmp_path, content))
    assert content.count(CANARY) > 15
    assert before.exif.gps is not None

    clean = delivered(tmp_path, content)

    after = service.inspect(saved(tmp_path, clean))
    assert CANARY not in clean
    assert after.exif.gps is None
    kept = ("make", "model", "lens", "focal_length_mm", "aperture", "shutter_s", "iso", "flash", "taken_at")
    assert [getattr(after.exif, name) for name in kept] == [getattr(before.exif, name) for name in kept]
    assert None not in [getattr(after.exif, name) for name in kept]
    assert after.exif.orientation == before.exif.orientation
    assert (after.width, after.height, after.format) == (before.width, before.height, before.format)
    assert decoded(clean) == decoded(content)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_profile_copyright_and_colour_space_stay(tmp_path, form):
    image = opened(delivered(tmp_path, private_photo(form)))

    exif = image.getexif()
    assert image.info["icc_profile"] == PROFILE
    assert exif[0x8298] == "(c) 2026 Somchai"
    assert exif.get_ifd(INTEROP_IFD) == {1: "R03", 2: b"0100"}
    assert exif.keys() == {0x010F, 0x0110, 0x0112, 0x0132, 0x8298, EXIF_IFD}


@pytest.mark.parametrize("form", FORMATS)
def test_cleaning_twice_changes_nothing_more(tmp_path, form):
    once = delivered(tmp_path, private_photo(form))

    assert delivered(tmp_path, once) == once


@pytest.mark.parametrize("form", FORMATS)
def test_a_photo_without_metadata_stays_as_it_is(tmp_path, form):
    content = encoded(picture(), form)

    assert decoded(delivered(tmp_path, content)) == decoded(content)


def coded_data(content):
    kinds = {b"\xda", b"\xdb", b"\xc4", b"\xc0", b"\xc2", b"\xdd"}
    return [content[p.start : p.end] for p in containers.jpeg_segments(content) if p.kind in kinds]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"subsampling": 0, "quality": 100},
        {"restart_marker_rows": 1},
        {"mode": "CMYK"},
        {"mode": "L"},
        {"keep_rgb": True},
    ],
)
def test_jpeg_tables_and_scans_are_the_same_bytes(tmp_path, options):
    mode = options.pop("mode", "RGB")
    content = encoded(picture(mode=mode), exif=private_exif(), comment=CANARY, **options)

    clean = delivered(tmp_path, content)

    assert coded_data(clean) == coded_data(content)
    assert len(coded_data(clean)) >= 4
    assert decoded(clean) == decoded(content)


def test_second_pictures_of_a_multi_picture_file_go(tmp_path):
    file = io.BytesIO()
    second = Image.new("RGB", (120, 80), "red")
    picture().save(file, "MPO", save_all=True, append_images=[second], exif=camera_exif())
    assert b"MPF\0" in file.getvalue()

    clean = delivered(tmp_path, file.getvalue())

    image = opened(clean)
    assert (image.format, image.tobytes()) == ("JPEG", Image.open(file).tobytes())
    assert clean.count(b"\xff\xd8\xff") == 1


def test_jfif_thumbnail_goes(tmp_path):
    plain = encoded(picture())
    assert plain[2:4] == b"\xff\xe0"
    jfif = b"JFIF\0\x01\x02\x01\x00\x48\x00\x48\x02\x02" + CANARY[:12]
    content = plain[:2] + jpeg_segment(0xE0, jfif) + plain[20:]

    clean = delivered(tmp_path, content)

    assert clean[2:20] == jpeg_segment(0xE0, jfif[:12] + b"\0\0")
    assert decoded(clean) == decoded(plain)


def test_png_checksums_are_right(tmp_path):
    clean = delivered(tmp_path, private_photo("png"))

    chunks = [*containers.png_chunks(clean)]
    assert {chunk.kind for chunk in chunks} == {b"IHDR", b"iCCP", b"eXIf", b"IDAT", b"IEND"}
    for chunk in chunks:
        body = clean[chunk.body : chunk.end - 4]
        assert clean[chunk.start : chunk.end] == png_chunk(chunk.kind, body)
    assert chunks[-1].end == len(clean)


def test_webp_flags_tell_what_is_there(tmp_path):
    with_exif = delivered(tmp_path, private_photo("webp"))
    without = delivered(tmp_path, encoded(picture(), "webp", xmp=XMP, icc_profile=PROFILE))

    assert (with_exif[12:16], with_exif[20] & 0x2C) == (b"VP8X", 0x28)
    assert (without[12:16], without[20] & 0x2C) == (b"VP8X", 0x20)
    for clean in (with_exif, without):
        assert struct.unpack_from("<I", clean, 4)[0] + 8 == len(clean)


@pytest.mark.parametrize("form", ["png", "webp"])
def test_every_frame_of_an_animation_stays(tmp_path, form):
    frames = [picture().rotate(90 * turn, expand=False) for turn in range(3)]
    content = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100, exif=private_exif())

    clean = delivered(tmp_path, content)

    before = [frame.tobytes() for frame in ImageSequence.Iterator(opened(content))]
    after = [frame.tobytes() for frame in ImageSequence.Iterator(opened(clean))]
    assert len(before) == 3
    assert after == before
    assert CANARY not in clean


def test_heic_keeps_its_length_and_every_coded_byte_its_place(tmp_path):
    content = encoded(picture(200, 120), "heic", xmp=XMP, exif=private_exif())

    clean = delivered(tmp_path, content)

    assert len(clean) == len(content)
    changed = sum(a != b for a, b in zip(content, clean, strict=True))
    assert changed < len(private_exif()) + len(XMP) + 10
    assert pillow_heif.open_heif(clean).info["xmp"].strip(b"\0") == b""


def test_heic_bytes_that_no_item_refers_to_are_emptied(tmp_path):
    content = encoded(picture(200, 120), "heic")
    media = next(b for b in containers.boxes(content, 0, len(content)) if b.kind == b"mdat")
    assert media.end == len(content)
    size = struct.pack(">I", media.end - media.start + len(CANARY))
    hidden = content[: media.start] + size + content[media.start + 4 :] + CANARY

    clean = delivered(tmp_path, hidden)

    assert clean == hidden[: -len(CANARY)] + bytes(len(CANARY))
    assert decoded(clean) == decoded(content)


def test_heic_item_stored_out_of_reach_is_refused(tmp_path):
    content = encoded(picture(200, 120), "heic", exif=private_exif())
    meta = next(b for b in containers.boxes(content, 0, len(content)) if b.kind == b"meta")
    iloc = next(b for b in containers.boxes(content, meta.body + 4, meta.end) if b.kind == b"iloc")
    inspection = service.inspect(saved(tmp_path, content))
    reference_at = iloc.body + (12 if content[iloc.body] else 10)  # of the first item, by the box's version
    elsewhere = content[:reference_at] + b"\0\x01" + content[reference_at + 2 :]
    out = tmp_path / "out"

    with pytest.raises(Rejected) as refusal:
        service.deliverable(saved(tmp_path, elsewhere), inspection, out)

    assert refusal.value.code == "metadata_locked"
    assert not out.exists()


def _with_unknown_media_box(content: bytes) -> bytes:
    return content.replace(b"mdat", b"mdau", 1)


def _with_exif_on_the_picture(content: bytes) -> bytes:
    meta = next(b for b in containers.boxes(content, 0, len(content)) if b.kind == b"meta")
    items = heic._items(content, {b.kind: b for b in containers.boxes(content, meta.body + 4, meta.end)})
    coded, exif = (
        struct.pack(">I", item.spans[0][0]) for kind in (b"hvc1", b"Exif") for item in items if item.kind == kind
    )
    return content[: meta.end].replace(exif, coded, 1) + content[meta.end :]


@pytest.mark.parametrize("damaged", [_with_unknown_media_box, _with_exif_on_the_picture])
def test_heic_whose_picture_would_change_is_refused(tmp_path, damaged):
    content = damaged(encoded(picture(200, 120), "heic", exif=private_exif()))
    inspection = service.inspect(saved(tmp_path, content))
    out = tmp_path / "out"

    with pytest.raises(Rejected) as refusal:
        service.deliverable(saved(tmp_path, content), inspection, out)

    assert refusal.value.code == "data_corrupt"
    assert not out.exists()


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize(
    "block", [b"Exif\0\0no TIFF at all", b"Exif\0\0MM\0*\xff\xff\xff\xff" + CANARY, b"Exif\0\0II*\0" + CANARY]
)
def test_exif_that_cannot_be_followed_goes_whole(tmp_path, form, block):
    clean = delivered(tmp_path, encoded(picture(), form, exif=block))

    image = opened(clean)
    assert dict(image.getexif()) == {0x0112: 1}
    assert CANARY not in clean


def test_a_kept_tag_cannot_smuggle(tmp_path):
    exif = camera_exif(lambda exif: exif.__setitem__(0x0110, "X" * 600 + CANARY.decode()))

    clean = delivered(tmp_path, encoded(picture(), exif=exif))

    assert CANARY not in clean
    assert opened(clean).getexif()[0x010F] == "Fujifilm"


@pytest.mark.parametrize("order", ["<", ">"])
def test_kept_values_are_copied_whatever_the_byte_order(tmp_path, order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    pack = lambda code, *values: struct.pack(order + code, *values)  # noqa: E731
    directory = pack("H", 2) + pack("HHIHH", 0x0112, 3, 1, 8, 0) + pack("HHII", 0x011A, 5, 1, 38) + bytes(4)
    tiff = mark + pack("I", 8) + directory + pack("II", 300, 1)

    clean = delivered(tmp_path, encoded(picture(), exif=b"Exif\0\0" + tiff))

    assert opened(clean).getexif()[0x0112] == 8
    assert opened(clean).getexif()[0x011A] == 300
    assert (b"Exif\0\0" + tiff) in clean


def test_adobe_rgb_photo_is_still_shown_in_its_colours(tmp_path):
    content = encoded(picture(), icc_profile=adobe_rgb_profile(), exif=private_exif(1))

    assert opened(delivered(tmp_path, content)).info["icc_profile"] == adobe_rgb_profile()


def test_a_refused_file_leaves_the_target_alone(tmp_path):
    content = with_jpeg_segment(encoded(picture()), 0xFE, CANARY)
    path, out = saved(tmp_path, content), tmp_path / "out"
    inspection = service.inspect(path)
    out.write_bytes(b"what was there")

    with pytest.raises(Rejected):
        service.deliverable(saved(tmp_path, content[:-200]), inspection, out)

    assert out.read_bytes() == b"what was there"
