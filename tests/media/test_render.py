"""What is shown: right side up, in right colours, in every size, marked, and silent about people."""

import hashlib
import io

import blurhash
import pytest
from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageStat
from PIL.TiffImagePlugin import IFDRational

from chalicelib.core.errors import Invalid
from chalicelib.media import service
from chalicelib.media.color import adobe_rgb_profile
from chalicelib.media.model import SIZES, Watermark
from tests.media.photos import (
    EXIF_IFD,
    FORMATS,
    INTEROP_IFD,
    NO_MARK,
    camera_exif,
    encoded,
    picture,
    saved,
    with_jpeg_segment,
    with_png_chunk,
)

TURNED = {  # orientation -> how a camera held that way stores the upright picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def rendering(folder, content, watermark=NO_MARK):
    path = saved(folder, content)
    return service.render(path, service.inspect(path), watermark)


def shown(rendered, name="preview"):
    rendition = next(rendition for rendition in rendered.renditions if rendition.name == name)
    return Image.open(io.BytesIO(rendition.content))


def difference(one, other):
    """Mean absolute difference of two pictures, in levels of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean) / 3


def at(image, x, y):
    """The mean colour of a small patch, which JPEG keeps better than one pixel."""
    return ImageStat.Stat(image.crop((x - 3, y - 3, x + 4, y + 4))).mean


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_shows_the_same_picture(tmp_path, form, orientation):
    upright = picture(400, 240)
    turn = TURNED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = camera_exif(lambda exif: exif.__setitem__(0x0112, orientation)).tobytes()

    rendered = rendering(tmp_path, encoded(stored, form, exif=exif))

    sizes = [(r.name, r.width, r.height) for r in rendered.renditions]
    assert sizes == [
        ("preview", 400, 240),
        ("medium", 400, 240),
        ("small", 300, 180),
        ("thumb", 150, 90),
    ]
    for name in ("preview", "small", "thumb"):
        image = shown(rendered, name)
        assert difference(image, upright.resize(image.size)) < 2.5


def test_heic_is_shown_as_its_own_rotation_says(tmp_path):
    upright = picture(400, 240)
    content = encoded(upright, "heic", exif=camera_exif(lambda e: e.__setitem__(0x0112, 6)).tobytes())
    path = saved(tmp_path, content)
    inspection = service.inspect(path)

    image = shown(service.render(path, inspection, NO_MARK))

    assert image.size == (inspection.width, inspection.height)
    turned = upright.transpose(Image.Transpose.ROTATE_270) if image.width < image.height else upright
    assert difference(image, turned) < 4


def test_sizes_are_bounded_by_the_long_side_and_described_exactly(tmp_path):
    rendered = rendering(tmp_path, encoded(picture(2600, 1000)))

    assert [(r.name, r.width, r.height) for r in rendered.renditions] == [
        ("preview", 1920, 738),
        ("medium", 800, 308),
        ("small", 300, 115),
        ("thumb", 150, 58),
    ]
    for rendition in rendered.renditions:
        image = Image.open(io.BytesIO(rendition.content))
        assert (image.format, image.mode, image.size) == (
            "JPEG",
            "RGB",
            (rendition.width, rendition.height),
        )
        assert rendition.bytes_size == len(rendition.content)
        assert rendition.sha256 == hashlib.sha256(rendition.content).hexdigest()


def test_nothing_is_enlarged(tmp_path):
    rendered = rendering(tmp_path, encoded(picture(100, 70)))

    assert {(r.width, r.height) for r in rendered.renditions} == {(100, 70)}


@pytest.mark.parametrize("form", FORMATS)
def test_one_decode_makes_all(tmp_path, form, monkeypatch):
    decoded = []
    path = saved(tmp_path, encoded(picture(2200, 1400), form))
    start_decoder = Image._getdecoder

    def counted(mode, name, *rest):
        decoded.append(name)
        return start_decoder(mode, name, *rest)

    monkeypatch.setattr(Image, "_getdecoder", counted)

    inspection = service.inspect(path)
    assert decoded == []
    service.render(path, inspection, Watermark("ThePixStock"))
    assert len(decoded) == 1


def adobe_to_srgb(pixel):
    """Both spaces by the definition of their primaries: it owes nothing to the code under test."""
    red, green, blue = ((level / 255) ** (563 / 256) for level in pixel)
    x = 0.57667 * red + 0.18556 * green + 0.18823 * blue
    y = 0.29734 * red + 0.62736 * green + 0.07529 * blue
    z = 0.02703 * red + 0.07069 * green + 0.99134 * blue
    linear = (
        3.24045 * x - 1.53714 * y - 0.49853 * z,
        -0.96927 * x + 1.87601 * y + 0.04156 * z,
        0.05564 * x - 0.20403 * y + 1.05723 * z,
    )
    return [
        255 * (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055)
        for c in (min(1.0, max(0.0, c)) for c in linear)
    ]


COLOURS = [(200, 100, 50), (60, 160, 90), (90, 110, 190), (128, 128, 128), (255, 255, 255), (10, 12, 14)]


def r03(exif):
    exif.get_ifd(EXIF_IFD)[INTEROP_IFD] = {1: "R03"}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "options", [{"icc_profile": adobe_rgb_profile()}, {"exif": camera_exif(r03)}], ids=["embedded", "by EXIF"]
)
def test_adobe_rgb_becomes_srgb(tmp_path, colour, options):
    flat = Image.new("RGB", (96, 96), colour)

    image = shown(rendering(tmp_path, encoded(flat, quality=100, subsampling=0, **options)))

    assert at(image, 48, 48) == pytest.approx(adobe_to_srgb(colour), abs=3)
    assert "icc_profile" not in image.info


@pytest.mark.parametrize(
    "profile",
    [None, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile at all"],
)
@pytest.mark.parametrize("colour", COLOURS)
def test_srgb_stays_and_an_unusable_profile_is_ignored(tmp_path, colour, profile):
    flat = Image.new("RGB", (96, 96), colour)
    options = {"icc_profile": profile} if profile else {}

    image = shown(rendering(tmp_path, encoded(flat, quality=100, subsampling=0, **options)))

    assert at(image, 48, 48) == pytest.approx(colour, abs=2)


def test_a_profile_is_judged_by_its_numbers_not_by_its_name(tmp_path):
    adobe = adobe_rgb_profile()
    named_srgb = adobe.replace(b"Adobe RGB (1998) compatible", b"sRGB IEC61966-2.1".ljust(27))
    assert named_srgb != adobe
    flat = Image.new("RGB", (96, 96), (200, 100, 50))

    image = shown(rendering(tmp_path, encoded(flat, quality=100, subsampling=0, icc_profile=named_srgb)))

    assert at(image, 48, 48) == pytest.approx(adobe_to_srgb((200, 100, 50)), abs=3)


def test_no_time_goes_into_converting_srgb_to_srgb(tmp_path, monkeypatch):
    converted = []
    apply = ImageCms.applyTransform

    def noted(image, transform):
        converted.append(image.size)
        return apply(image, transform)

    monkeypatch.setattr(ImageCms, "applyTransform", noted)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    rendering(tmp_path, encoded(picture(400, 240), icc_profile=srgb))
    assert (400, 240) not in converted
    rendering(tmp_path, encoded(picture(400, 240), icc_profile=adobe_rgb_profile()))
    assert (400, 240) in converted


def sixteen_bit():
    """Grey from black to white over the full 16 bits."""
    image = Image.new("I;16", (256, 100))
    for x in range(256):
        for y in range(100):
            image.putpixel((x, y), x * 257)
    return image


def half_transparent(mode="RGBA"):
    image = picture(200, 100).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize((200, 100)))
    return image


def animated(form):
    frames = [Image.new("RGB", (90, 90), colour) for colour in ("red", "lime", "blue")]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


def palette_with_hole():
    image = Image.new("P", (100, 100), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(0, (0, 0, 50, 100))
    return encoded(image, "png", transparency=0)


MODES = {
    "grey JPEG": (encoded(Image.new("L", (100, 100), 90)), (90, 90, 90)),
    "CMYK JPEG": (encoded(Image.new("CMYK", (100, 100), (0, 255, 255, 0)), quality=100), (255, 0, 0)),
    "progressive 4:4:4": (
        encoded(Image.new("RGB", (100, 100), "orange"), progressive=True, subsampling=0),
        (255, 165, 0),
    ),
    "1 bit PNG": (encoded(Image.new("1", (100, 100), 1), "png"), (255, 255, 255)),
    "palette PNG": (encoded(Image.new("RGB", (100, 100), "teal").quantize(4), "png"), (0, 128, 128)),
    "palette with a hole, on white": (palette_with_hole(), (255, 0, 0)),
    "transparent PNG on white": (encoded(Image.new("RGBA", (100, 100), (0, 0, 0, 0)), "png"), (255,) * 3),
    "half transparent grey on white": (encoded(Image.new("LA", (100, 100), (0, 128)), "png"), (127,) * 3),
    "transparent WebP on white": (
        encoded(Image.new("RGBA", (100, 100), (0, 0, 255, 0)), "webp", lossless=True),
        (255,) * 3,
    ),
    "animated PNG": (animated("png"), (255, 0, 0)),
    "animated WebP": (animated("webp"), (255, 0, 0)),
    "grey HEIC": (encoded(Image.new("L", (100, 100), 90), "heic"), (90, 90, 90)),
}


@pytest.mark.parametrize(("content", "colour"), MODES.values(), ids=MODES.keys())
def test_every_kind_of_pixel_is_shown_in_its_colour(tmp_path, content, colour):
    image = shown(rendering(tmp_path, content))

    assert image.mode == "RGB"
    assert at(image, 75, 50) == pytest.approx(colour, abs=4)


def test_transparent_palette_index_is_white(tmp_path):
    assert at(shown(rendering(tmp_path, palette_with_hole())), 25, 50) == pytest.approx((255,) * 3, abs=4)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    image = shown(rendering(tmp_path, encoded(sixteen_bit(), "png")))

    for x in (20, 64, 128, 230):
        assert at(image, x, 50) == pytest.approx((x,) * 3, abs=3)


def test_transparency_has_no_dark_fringe(tmp_path):
    small = shown(rendering(tmp_path, encoded(half_transparent().resize((1200, 600)), "png")), "small")
    white = Image.new("RGBA", (1200, 600), "white")
    expected = Image.alpha_composite(white, half_transparent().resize((1200, 600))).resize(small.size)

    assert difference(small, expected) < 2.5


CANARY = b"CANARY-7f3a91"


def private_exif():
    def change(exif):
        exif[0x010E] = CANARY.decode()
        exif[0x013B] = CANARY.decode()
        exif.get_ifd(EXIF_IFD).update({0xA431: CANARY.decode(), 0x927C: CANARY, 0x9286: CANARY})

    return camera_exif(change)


@pytest.mark.parametrize("form", FORMATS)
def test_no_rendition_carries_metadata(tmp_path, form):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + CANARY + b"</x:xmpmeta>"
    content = encoded(
        picture(400, 300),
        form,
        exif=private_exif().tobytes(),
        **({"icc_profile": profile, "xmp": xmp} if form != "png" else {"icc_profile": profile}),
    )
    if form == "jpeg":
        content = with_jpeg_segment(content, 0xFE, CANARY)
        content = with_jpeg_segment(content, 0xED, b"Photoshop 3.0\0" + CANARY) + CANARY
    if form == "png":
        content = with_png_chunk(content, b"tEXt", b"Comment\0" + CANARY)
    assert CANARY in content

    rendered = rendering(tmp_path, content, Watermark("ThePixStock"))

    for rendition in rendered.renditions:
        assert CANARY not in rendition.content
        assert Image.open(io.BytesIO(rendition.content)).info.keys() <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
        }
        assert b"Exif" not in rendition.content
        assert b"Fujifilm" not in rendition.content


def logo(size=(80, 40), colour=(255, 255, 255, 255)):
    return encoded(Image.new("RGBA", size, colour), "png")


MARKS = {
    "text": Watermark("ThePixStock"),
    "Thai": Watermark("ภาพถ่ายงานวิ่ง"),
    "long": Watermark("A photographer with quite a long name, Chiang Mai 2026"),
    "logo": Watermark(image_png=logo()),
    "both": Watermark("ThePixStock", logo()),
}


@pytest.mark.parametrize("ground", ["white", "black", "gray"])
@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
def test_tiled_mark_shows_everywhere_on_every_ground(tmp_path, mark, ground):
    flat = Image.new("RGB", (2000, 1500), ground)
    rendered = rendering(tmp_path, encoded(flat), mark)

    for size in SIZES:
        image = shown(rendered, size.name).convert("L")
        change = ImageChops.difference(image, Image.new("L", image.size, flat.convert("L").getpixel((0, 0))))
        visible = change.point([255 * (level >= 20) for level in range(256)])
        if not size.watermarked:
            assert visible.getbbox() is None
            continue
        quarters = [
            (x, y, x + image.width // 2, y + image.height // 2)
            for x in (0, image.width // 2)
            for y in (0, image.height // 2)
        ]
        for quarter in quarters:
            assert 1.5 < ImageStat.Stat(visible.crop(quarter)).mean[0] < 160


def test_corner_mark_stays_in_its_corner(tmp_path):
    flat = Image.new("RGB", (1600, 1200), "black")
    mark = Watermark("ThePixStock", logo(), style="corner", opacity=0.8)

    image = shown(rendering(tmp_path, encoded(flat), mark), "medium").convert("L")

    left, top, right, bottom = image.point([255 * (level > 40) for level in range(256)]).getbbox()
    assert left > 400
    assert top > 300
    assert right < 800
    assert bottom < 600


def test_opacity_is_how_much_of_the_mark_shows(tmp_path):
    black = encoded(Image.new("RGB", (1000, 1000), "black"))

    levels = []
    for opacity in (0.2, 0.3, 0.6):
        image = shown(rendering(tmp_path, black, Watermark(image_png=logo((400, 400)), opacity=opacity)))
        counts = image.convert("L").histogram()
        levels.append(max(range(20, 256), key=counts.__getitem__))

    assert levels == pytest.approx([51, 77, 153], abs=2)


def test_thai_letters_are_in_the_font():
    from chalicelib.media.watermark import lettering_font

    missing = bytes(lettering_font(40).getmask("\uffff"))

    for letter in "กขคงจฉชญดตถทธนบปผพฟภมยรลวศษสหอฮAz©":
        assert bytes(lettering_font(40).getmask(letter)) != missing


@pytest.mark.parametrize(
    "png",
    [b"", b"not a PNG", logo()[:60], encoded(picture()), logo((8, 8)), logo() + bytes(3_000_000)],
    ids=["empty", "garbage", "cut", "JPEG", "tiny", "huge"],
)
def test_unusable_logo_is_the_organizers_mistake(tmp_path, png):
    mark = Watermark(image_png=png)

    with pytest.raises(Invalid, match="watermark_image"):
        service.check_watermark(mark)
    with pytest.raises(Invalid, match="watermark_image"):
        rendering(tmp_path, encoded(picture(600, 400)), mark)


@pytest.mark.parametrize(
    "values", [{"opacity": 0}, {"opacity": 1.1}, {"text": ""}, {"text": "x" * 61}, {"text": "a\nb"}]
)
def test_watermark_refuses_values_out_of_range(values):
    with pytest.raises(Invalid):
        Watermark(**values)


def test_placeholder_looks_like_the_photo(tmp_path):
    rendered = rendering(tmp_path, encoded(picture(900, 600)))

    assert blurhash.components(rendered.placeholder) == (4, 3)
    width, height = 30, 20
    rows = blurhash.decode(rendered.placeholder, width, height)
    blurred = Image.new("RGB", (width, height))
    for y, row in enumerate(rows):
        for x, pixel in enumerate(row):
            blurred.putpixel((x, y), tuple(int(level) for level in pixel))
    assert difference(blurred, picture(width, height)) < 35


def distance(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def textured(seed):
    return Image.effect_mandelbrot((640, 480), (-2 + seed, -1.5, 1 + seed, 1.5), 60).convert("RGB")


def test_difference_hash_knows_the_same_photo_again(tmp_path):
    original = rendering(tmp_path, encoded(textured(0), quality=95)).dhash
    again = rendering(tmp_path, encoded(textured(0).resize((320, 240)), "webp", quality=50)).dhash
    marked = rendering(tmp_path, encoded(textured(0), quality=95), Watermark("ThePixStock")).dhash
    other = rendering(tmp_path, encoded(textured(1.5))).dhash

    assert len(original) == 16
    assert marked == original
    assert distance(original, again) <= 4
    assert distance(original, other) >= 12


def test_dominant_colour_is_the_most_frequent(tmp_path):
    image = Image.new("RGB", (300, 300), (20, 60, 200))
    image.paste((250, 250, 250), (0, 0, 100, 100))

    dominant = rendering(tmp_path, encoded(image)).dominant

    levels = [int(dominant[i : i + 2], 16) for i in (1, 3, 5)]
    assert levels == pytest.approx((20, 60, 200), abs=8)


def test_panorama_keeps_a_visible_height(tmp_path):
    rendered = rendering(tmp_path, encoded(picture(12_000, 64)))

    assert [(r.width, r.height) for r in rendered.renditions] == [(1920, 10), (800, 4), (300, 2), (150, 1)]
    assert len(rendered.placeholder) == 28


def test_same_input_gives_the_same_bytes(tmp_path):
    content = encoded(picture(700, 500), exif=camera_exif())
    mark = Watermark("ThePixStock")

    assert rendering(tmp_path, content, mark) == rendering(tmp_path, content, mark)


def test_odd_rational_types_do_not_disturb(tmp_path):
    exif = camera_exif(lambda exif: exif.get_ifd(EXIF_IFD).update({0x9201: IFDRational(0, 0)}))

    assert shown(rendering(tmp_path, encoded(picture(), exif=exif))).size == (120, 80)


@pytest.mark.parametrize(
    ("spoil", "holds"),
    [
        (lambda image: image, lambda found, good: found == good),
        (
            lambda image: image.filter(ImageFilter.GaussianBlur(6)),
            lambda found, good: found.sharpness < good.sharpness / 3,
        ),
        (lambda image: image.point(lambda level: level // 8), lambda found, good: found.dark > 0.6 > good.dark),
        (lambda image: image.point(lambda level: min(255, level * 8)), lambda found, good: found.bright > good.bright),
    ],
)
def test_what_a_reviewer_would_see_at_a_glance_is_measured(tmp_path, spoil, holds):
    image = Image.effect_noise((1600, 1200), 60).convert("RGB")
    good = rendering(tmp_path, encoded(image, "png")).quality

    assert holds(rendering(tmp_path, encoded(spoil(image), "png")).quality, good)
