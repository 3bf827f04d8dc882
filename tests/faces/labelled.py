"""The labelled set: portraits of known people that packages of the index ship, and variants made of them.

`python3 -m infra faces` puts the portraits into `.local/faces/`; the astronaut comes with scikit-image. Which picture
shows whom is written here. None is part of the project.
"""

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

HOME = Path(__file__).resolve().parents[2] / ".local/faces"
PORTRAITS = {
    "a": ("obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg", "32bit.png"),
    "b": ("biden.jpg",),
}
"""`a`: the same man on five photographs, one of them stored twice, two of them half hidden."""


def is_there() -> bool:
    return all((HOME / name).exists() for names in PORTRAITS.values() for name in names)


@cache
def portraits() -> dict[str, list[Image.Image]]:
    """Pictures by person; `c` is the astronaut."""
    found = {who: [_opened(HOME / name) for name in names] for who, names in PORTRAITS.items()}
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return found | {"c": [_opened(Path(spec.origin).parent / "data/astronaut.png")]}


def variants(picture: Image.Image) -> dict[str, Image.Image]:
    """The same face as another camera, another light or another crop would have it."""
    width, height = picture.size
    return {
        "as it is": picture,
        "mirrored": ImageOps.mirror(picture),
        "half as large": picture.resize((width // 2, height // 2)),
        "darker": ImageEnhance.Brightness(picture).enhance(0.5),
        "brighter": ImageEnhance.Brightness(picture).enhance(1.4),
        "grey": picture.convert("L").convert("RGB"),
        "turned by 10 degrees": picture.rotate(10, expand=True),
        "blurred": picture.filter(ImageFilter.GaussianBlur(3)),
        "poor JPEG": _reopened(picture, quality=15),
    }


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((1200, 1200))
    return shown


def _reopened(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(jpeg(picture, quality))).convert("RGB")
