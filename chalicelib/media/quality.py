"""What a reviewer would see at a glance: is it sharp, is it too dark, is it blown out?"""

from PIL import Image, ImageFilter, ImageStat

from chalicelib.media.model import Quality

_DARK, _BRIGHT = 24, 250  # levels of grey
_LAPLACE = ImageFilter.Kernel((3, 3), [0, 1, 0, 1, -4, 1, 0, 1, 0], scale=1, offset=128)


def measured(image: Image.Image) -> Quality:
    """Of a picture of 800 pixels: at another size the same photo is more or less sharp."""
    grey = image.convert("L")
    levels, pixels = grey.histogram(), image.width * image.height
    edges = grey.filter(_LAPLACE).crop((1, 1, image.width - 1, image.height - 1))  # the filter leaves a rim alone
    return Quality(
        sharpness=round(ImageStat.Stat(edges).stddev[0], 2),
        dark=round(sum(levels[:_DARK]) / pixels, 4),
        bright=round(sum(levels[_BRIGHT:]) / pixels, 4),
    )
