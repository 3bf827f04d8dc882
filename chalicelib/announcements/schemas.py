"""Announcements on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from chalicelib.announcements.model import Audience, Kind, Language
from chalicelib.announcements.model import Text as Words
from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output, Query
from chalicelib.faces.schemas import Selfie

Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
PhoneNumber = Annotated[str, StringConstraints(min_length=3, max_length=32)]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class Registration(Input):
    """An e-mail address, or a phone number with its country. `language` is what the messages speak."""

    email: Email | None = None
    phone: PhoneNumber | None = None
    language: Language | None = None


class Confirmation(Registration):
    """`code` is the one that came to the address."""

    code: Code


class Watch(Confirmation, Selfie):
    """A selfie, and where to be told: the address that `code` came to."""


class Link(Query):
    """What the link of a message carries."""

    token: str = Field("", max_length=200)


class NewText(Input):
    """Text, no markup."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class NewTexts(Input):
    th: NewText | None = None
    en: NewText | None = None


class NewAnnouncement(Input):
    """In Thai, in English or in both: who reads the other language gets the one that is there."""

    texts: NewTexts
    audience: Audience = Field(Audience.REGISTERED, strict=False)

    @model_validator(mode="after")
    def _says_something(self) -> "NewAnnouncement":
        if self.texts.th is None and self.texts.en is None:
            raise Invalid("text_missing", "Write it in Thai or in English.", field="texts")
        return self

    def words(self) -> dict[str, Words]:
        given = {"th": self.texts.th, "en": self.texts.en}
        return {name: Words(text.title, text.text) for name, text in given.items() if text is not None}


class Text(Output):
    title: str
    text: str


class Announcement(Output):
    id: str
    at: datetime
    texts: Mapping[str, Text] = Field(description="By language: `th`, `en`. Plain text.")


class Notice(Announcement):
    """`sent` and `failed` count messages; `doneAt` is when the last one was tried."""

    kind: Kind = Field(description="`live`: that the photos are up.")
    audience: Audience
    sent: int
    failed: int
    done_at: datetime | None
