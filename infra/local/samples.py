"""Photos to try the system with: real ones that ship with scikit-image, and camera-like ones made from them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import IFDRational

_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".heic": "image/heic",
}
_REAL = {
    "astronaut.png": "a portrait, one face",
    "chelsea.png": "a cat",
    "coffee.png": "a cup on a table",
    "motorcycle_left.png": "a motorcycle",
    "rocket.jpg": "a rocket",
}
# (made from, width, height, EXIF orientation, minutes after the first)
_MADE = (
    ("astronaut.png", 4000, 3000, 1, 0),
    ("chelsea.png", 4000, 3000, 6, 3),
    ("coffee.png", 4608, 3456, 1, 7),
    ("motorcycle_left.png", 5472, 3648, 3, 12),
    ("rocket.jpg", 5472, 3648, 8, 15),
    ("astronaut.png", 6000, 4000, 6, 21),
    ("coffee.png", 6000, 4000, 1, 30),
)
_STORED_AS = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Sample:
    """A file to upload; `origin` says where it comes from."""

    path: Path
    origin: str

    @property
    def content_type(self) -> str:
        return _TYPES[self.path.suffix.lower()]

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def megapixels(self) -> float:
        with Image.open(self.path) as image:
            return image.width * image.height / 1e6


def from_folder(folder: Path) -> list[Sample]:
    """The pictures directly inside a folder, by name."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TYPES and path.is_file())
    return [Sample(path, "yours") for path in files]


def how_many() -> int:
    return len(_REAL) + len(_MADE)


def made_in(folder: Path) -> Iterator[Sample]:
    """The default photos, one by one; those that must be made are kept in `folder` for the next time."""
    folder.mkdir(parents=True, exist_ok=True)
    real = real_photos()
    for name, what in _REAL.items():
        yield Sample(real / name, f"real: {what}")
    for source, width, height, orientation, minutes in _MADE:
        target = folder / f"{Path(source).stem}-{width * height // 1_000_000}mp-o{orientation}.jpg"
        if not target.exists():
            unfinished = target.with_suffix(".part")
            camera_photo(real / source, width, height, orientation, minutes).save(
                unfinished, "JPEG", quality=92, exif=camera_exif(orientation, minutes), icc_profile=srgb_profile()
            )
            unfinished.replace(target)
        yield Sample(target, f"made from {source}: camera-like, orientation {orientation}, colour profile, GPS")


def real_photos() -> Path:
    """The folder of the photos that ship with scikit-image."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data"


def camera_photo(
    source: Path, width: int, height: int, orientation: int, seed: int, grain_part: float = 0.06
) -> Image.Image:
    """`source` enlarged to a camera's size with sensor grain, its pixels stored as a camera held askew stores them."""
    if orientation in (6, 8):
        width, height = height, width
    with Image.open(source) as original:
        large = ImageOps.fit(original.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    grain = Image.effect_noise((width, height), 14 + seed % 5).convert("RGB")
    photo = Image.blend(large, grain, grain_part)
    turned = _STORED_AS[orientation]
    return photo if turned is None else photo.transpose(turned)


def camera_exif(orientation: int, minutes: int) -> Image.Exif:
    taken = f"2026:04:13 09:{minutes:02d}:00"
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "PixSample", "PS-24", orientation
    exif.get_ifd(0x8769).update(
        {0x829A: IFDRational(1, 500), 0x829D: IFDRational(28, 10), 0x920A: IFDRational(85)}
        | {0x8827: 200, 0x9003: taken, 0x9011: "+07:00"}
        | {0xA431: "SERIAL-0001", 0xA434: "85mm F1.8"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (13, 44, 24), 3: "E", 4: (100, 33, 47)})
    return exif


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
