"""Small real JPEGs, with what a camera writes, and canaries that no visitor may ever see."""

import hashlib
import io
from dataclasses import dataclass
from functools import cache

from PIL import Image

CANARY_LAT, CANARY_LON = (13, 44, 12.34), (100, 29, 33.21)


@dataclass(frozen=True)
class File:
    name: str
    content: bytes
    type: str = "image/jpeg"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def wire(self) -> dict[str, object]:
        return {"name": self.name, "size": len(self.content), "type": self.type, "sha256": self.sha256}


@cache
def jpeg(
    seed: int = 1, taken: str | None = None, offset: str | None = None, size: tuple[int, int] = (320, 240)
) -> File:
    """A picture of its own for each seed. `taken` as EXIF writes it, `offset` such as +07:00."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((seed * 37 % 256, seed * 91 % 256, seed * 13 % 256), (20, 20, 120, 120))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canary Camera", "Model 7"
    camera = exif.get_ifd(0x8769)
    camera[0xA431] = "SERIAL-CANARY"
    if taken:
        camera[0x9003] = taken
    if offset:
        camera[0x9011] = offset
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", CANARY_LAT, "E", CANARY_LON
    written = io.BytesIO()
    image.save(written, "JPEG", exif=exif, comment=b"COMMENT-CANARY")
    return File(f"IMG_CANARY_{seed:04d}.JPG", written.getvalue())


def broken() -> File:
    """Cut off in the middle."""
    whole = jpeg(99).content
    return File("cut.jpg", whole[: len(whole) // 2])
