"""How much a rendered JPEG looks like the photo it was made from."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image, ImageCms, ImageOps
from skimage.metrics import structural_similarity

Luma = npt.NDArray[np.float64]

_BT601 = np.array([0.299, 0.587, 0.114])


def references(path: Path, sizes: list[tuple[int, int]]) -> list[Luma]:
    """The luma of the whole photo, upright and in sRGB, shrunk by Lanczos in floating point to each size.

    In sRGB's own gamma, not in linear light, as every renderer here does it.
    """
    pillow_heif.register_heif_opener()
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        image = image.point(lambda level: level / 257).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    if profile and image.mode == "RGB":
        source, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, ImageCms.Intent.RELATIVE_COLORIMETRIC)
        assert converted is not None  # only an in-place call returns None
        image = converted
    bands = [band.convert("F") for band in image.convert("RGB").split()]
    return [_luma([np.asarray(band.resize(size, Image.Resampling.LANCZOS)) for band in bands]) for size in sizes]


def likeness(jpeg: Path, reference: Luma) -> float:
    """SSIM of the luma (Wang et al. 2004: a Gaussian window of 1.5 pixels), 1 for equal."""
    with Image.open(jpeg) as image:
        luma = _luma([np.asarray(band, np.float64) for band in image.convert("RGB").split()])
    options = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(luma, reference, **options))  # type: ignore[no-untyped-call]


def _luma(bands: list[npt.NDArray[np.floating]]) -> Luma:
    return np.asarray(np.clip(np.stack(bands, axis=-1), 0, 255) @ _BT601, np.float64)
