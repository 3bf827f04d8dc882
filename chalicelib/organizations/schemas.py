"""Organizations on the wire."""

from typing import Annotated, Any

from pydantic import Base64Bytes, Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.organizations.model import Language, WatermarkStyle

LARGEST_IMAGE = 600 * 1024
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Watermark = Annotated[str, StringConstraints(min_length=1, max_length=60)]
MailName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Origin = Annotated[str, StringConstraints(max_length=270)]


class Home(Output):
    """What anybody may know."""

    name: str
    language: Language
    currency: str
    timezone: str


class Organization(Home):
    """All settings, for those who manage them."""

    id: str
    watermark_text: str | None
    has_watermark_image: bool
    watermark_style: WatermarkStyle
    watermark_opacity: float
    strip_gps: bool
    download_limit: int
    download_hours: int
    origins: list[str]
    mail_name: str
    version: int


class WatermarkImage(Input):
    """The PNG in Base64, at most 600 KB before encoding; null takes it away."""

    version: int = Field(ge=0)
    image_png: Base64Bytes | None = Field(max_length=LARGEST_IMAGE)


class OrganizationUpdate(Input):
    """`version` as last read; of the settings only those to change. The currency stays: prices are in it."""

    version: int = Field(ge=0)
    name: Name = ""
    language: Language = "th"
    timezone: Annotated[str, StringConstraints(max_length=64)] = ""
    watermark_text: Watermark | None = None
    watermark_style: WatermarkStyle = "tiled"
    watermark_opacity: float = Field(0.3, ge=0.05, le=1)
    strip_gps: bool = True
    download_limit: int = Field(3, ge=1, le=100)
    download_hours: int = Field(72, ge=1, le=24 * 90)
    origins: Annotated[list[Origin], Field(max_length=20)] = Field(default_factory=list)
    mail_name: MailName = ""

    def settings(self) -> dict[str, Any]:
        """The settings that were sent: field -> value."""
        sent = self.model_dump(exclude_unset=True, exclude={"version"}, by_alias=False)
        return sent | ({"origins": tuple(self.origins)} if "origins" in sent else {})
