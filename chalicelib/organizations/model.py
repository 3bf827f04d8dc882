"""An organization: the tenant that every key, price, mail and watermark belongs to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as altered
from datetime import datetime
from functools import cache
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic.alias_generators import to_camel

from chalicelib.core.errors import Conflict, Invalid

Language = Literal["th", "en"]
WatermarkStyle = Literal["tiled", "corner"]

_LONGEST_WATERMARK = 60
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)*")
_ORIGIN = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?")


class VersionConflict(Conflict):
    def __init__(self) -> None:
        super().__init__("version_conflict", "Somebody else changed this first. Load it again.", field="version")


@dataclass(frozen=True, slots=True)
class Organization:
    """`currency` is ISO 4217. `watermark_image` is where the PNG of the mark is stored; with neither it nor
    `watermark_text` previews are unmarked. `watermark_opacity` is in (0, 1].

    `download_limit` is per photo and `download_hours` counts from payment: what an event does not set itself.
    `origins` are the web origins its frontends call from. `host` is the first one mapped to it, where the links of
    its mails lead; None where it lives at the deployment's own address. Version 0 is one that was never stored.
    """

    id: str
    name: str
    language: Language
    currency: str
    timezone: str
    watermark_text: str | None
    watermark_image: str | None
    watermark_style: WatermarkStyle
    watermark_opacity: float
    strip_gps: bool
    download_limit: int
    download_hours: int
    origins: tuple[str, ...]
    mail_name: str
    host: str | None
    created_at: datetime
    version: int

    @property
    def has_watermark_image(self) -> bool:
        return self.watermark_image is not None

    @classmethod
    def founded(cls, id: str, name: str, at: datetime) -> Self:
        """The settings one starts with, nothing stored yet: a Thai seller of marked previews."""
        return cls(
            id=id,
            name=name,
            language="th",
            currency="THB",
            timezone="Asia/Bangkok",
            watermark_text=name[:_LONGEST_WATERMARK],
            watermark_image=None,
            watermark_style="tiled",
            watermark_opacity=0.3,
            strip_gps=True,
            download_limit=3,
            download_hours=72,
            origins=(),
            mail_name=name,
            host=None,
            created_at=at,
            version=0,
        )

    def changed(self, version: int, settings: Mapping[str, Any]) -> Self:
        """The version after `version`, with other `settings` (field -> value).

        Raises Conflict when this is not at `version`, Invalid for a setting that nothing could work with.
        """
        if version != self.version:
            raise VersionConflict
        organization = altered(self, **settings, version=version + 1)
        organization._check()
        return organization

    def _check(self) -> None:
        for field in ("name", "mail_name", "watermark_text"):
            text = getattr(self, field)
            if text is not None and not (text.strip() and text.isprintable()):
                raise Invalid("one_line_expected", "Write one line of plain text.", field=to_camel(field))
        if self.timezone not in _zones():
            raise Invalid("unknown_timezone", "Name a zone like Asia/Bangkok.", field="timezone")
        for number, origin in enumerate(self.origins):
            if not _ORIGIN.fullmatch(origin):
                raise Invalid(
                    "invalid_origin",
                    "An origin is https:// and a host, perhaps with a port, and nothing behind it.",
                    field=f"origins.{number}",
                )


def host_of(text: str) -> str:
    """A host name as it is compared: lower case, no port, no final dot. Raises Invalid where it is none."""
    host = text.lower().partition(":")[0].removesuffix(".")
    if not _HOST.fullmatch(host):
        raise Invalid("invalid_host", "Name a host like photos.example.com.", field="host")
    return host


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
