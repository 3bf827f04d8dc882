"""Pillow, held to exactly the four formats: the one place where a stranger's file meets a decoder.

The plugin classes are used by name instead of `Image.open`: nothing guesses, and there is no detour for
multi-picture (MPO) files.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from chalicelib.media.model import Format, Rejected

# Pillow's debug log would write metadata, GPS included, wherever the root logger writes.
logging.getLogger("PIL").setLevel(logging.INFO)


@contextmanager
def opened(path: Path, form: Format) -> Iterator[ImageFile.ImageFile]:
    """The picture with its header read, nothing decoded. What a decoder raises inside becomes Rejected."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; what matters is checked by inspect
        try:
            picture = _plugin(form)(file)
        except Exception as error:
            raise Rejected("header_corrupt") from error
        try:
            yield picture
        except Rejected:
            raise
        except MemoryError as error:
            raise Rejected("needs_too_much_memory") from error
        except Exception as error:
            raise Rejected("truncated" if "truncated" in str(error) else "data_corrupt") from error


def _plugin(form: Format) -> type[ImageFile.ImageFile]:
    if form == "jpeg":
        return JpegImageFile
    if form == "png":
        return PngImageFile
    if form == "webp":
        return WebPImageFile
    from pillow_heif import HeifImageFile, options

    # Only the picture itself: each of these would be read, and could fail, for nothing.
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    return HeifImageFile
