"""What an organization may say in words of its own: which notice, over which channel, in which language."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self, get_origin

from chalicelib.core.errors import NotFound
from chalicelib.notifications.values import TEMPLATES, TEXTS, Values

Channel = Literal["email", "sms", "inapp"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "inapp")
"""`inapp` is an entry of an inbox, and the push that tells of it."""

LANGUAGES = ("th", "en")
PARTS: Mapping[Channel, tuple[str, ...]] = {
    "email": ("subject", "text", "html"),
    "sms": ("text",),
    "inapp": ("subject", "text"),
}
"""What is worded, by channel."""

LONGEST = {"subject": 300, "text": 10_000, "html": 50_000}
"""Signs of a source."""

OURS = frozenset({"code", "link", "unsubscribe", "invoice", "receipt"})
"""Values that open or end something, or prove it. Nobody else makes them."""

_NOT_REQUIRED = frozenset({"invoice"})


@dataclass(frozen=True, slots=True)
class Place:
    """One thing to word."""

    kind: str
    channel: Channel
    language: str

    @classmethod
    def of(cls, kind: str, channel: str, language: str) -> Self:
        """Raises NotFound for what nobody is told that way."""
        found = next((each for each in CHANNELS if each == channel), None)
        if found is None or language not in LANGUAGES or kind not in _told_over(found):
            raise NotFound("template_not_found", "There is no such notice.")
        return cls(kind, found, language)

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.channel}.{self.language}"

    @property
    def values(self) -> type[Values]:
        return _told_over(self.channel)[self.kind]

    @property
    def variables(self) -> list[str]:
        """What may be named in it. An inbox holds no links, and nothing that opens something."""
        names = [name for name in self.values.model_fields if self.channel != "inapp" or name not in OURS]
        return sorted({*names, "organization"})

    @property
    def lists(self) -> frozenset[str]:
        """Those of its variables that are lists of things."""
        return frozenset(
            name for name, field in self.values.model_fields.items() if get_origin(field.annotation) is tuple
        )

    @property
    def required(self) -> list[str]:
        """What it must show wherever it has a value: codes, and the links that we made."""
        if self.channel == "inapp":
            return []
        return [
            name
            for name in self.values.model_fields
            if name in OURS - _NOT_REQUIRED and (self.channel == "email" or name != "unsubscribe")
        ]


def places() -> list[Place]:
    """All there is to word."""
    return [
        Place(kind, channel, language)
        for channel in CHANNELS
        for kind in sorted(_told_over(channel))
        for language in LANGUAGES
    ]


@dataclass(frozen=True, slots=True)
class Wording:
    """Sources of templates. A channel has some of them."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None

    def parts(self) -> dict[str, str]:
        told = {"subject": self.subject, "text": self.text, "html": self.html}
        return {name: source for name, source in told.items() if source is not None}


@dataclass(frozen=True, slots=True)
class Held:
    """How it stands with one place: `version` 0 was never worded, `own` is False where the product's words hold."""

    organization: str
    place: str
    own: bool = False
    changed_at: datetime | None = None
    changed_by: str | None = None
    version: int = 0

    def next(self, *, own: bool, at: datetime, by: str | None) -> Self:
        return replace(self, own=own, changed_at=at, changed_by=by, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Version:
    """One save; without words it is where the product's own came back."""

    version: int
    wording: Wording
    changed_at: datetime
    changed_by: str | None


def _told_over(channel: Channel) -> Mapping[str, type[Values]]:
    if channel == "sms":
        return TEXTS
    return TEMPLATES if channel == "email" else {kind: told for kind, told in TEMPLATES.items() if not told.opens}
