"""Announcements on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from chalicelib.announcements import model
from chalicelib.announcements.model import Audience, Kind, Language, State
from chalicelib.announcements.model import Text as Words
from chalicelib.core import clock
from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output, Query
from chalicelib.events.schemas import Moment
from chalicelib.faces.schemas import Selfie
from chalicelib.notifications.analytics.model import Fives as Opened
from chalicelib.notifications.analytics.schemas import Fives

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

    token: str = Field("", max_length=400)


class NewText(Input):
    """Text, no markup."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class NewTexts(Input):
    th: NewText | None = None
    en: NewText | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.th is None and self.en is None:
            raise Invalid("text_missing", "Write it in Thai or in English.", field="texts")
        return self

    def words(self) -> dict[str, Words]:
        given = {"th": self.th, "en": self.en}
        return {name: Words(text.title, text.text) for name, text in given.items() if text is not None}


class NewAnnouncement(Input):
    """In Thai, in English or in both: who reads the other language gets the one that is there."""

    texts: NewTexts
    audience: Literal["registered", "buyers", "all"] = "registered"


class ShortText(NewText):
    """As devices show it. No markup."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ShortTexts(NewTexts):
    th: ShortText | None = None
    en: ShortText | None = None


class NewBroadcast(Input):
    """To `all` who have an account, to the `customers` or `photographers` of them, or to the `followers` of an event.

    People with an account find it in their inbox, unless they want no news there; their devices ring where they want
    that. Followers of an event get a mail or a text where they asked to hear of it.
    """

    texts: ShortTexts
    audience: Literal["all", "customers", "photographers", "followers"] = "all"
    event_id: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = Field(
        None, description="Whose followers; id or slug."
    )
    page: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/_.~-]{0,200}$")] | None = Field(
        None, description="The path of the site that it leads to."
    )
    at: Moment | None = Field(None, description="Null: now.")

    @model_validator(mode="after")
    def _names_the_event(self) -> Self:
        if (self.audience == "followers") != (self.event_id is not None):
            raise Invalid("event_missing", "Followers are those of an event, and nobody else is.", field="eventId")
        return self

    def heard_by(self) -> Audience:
        if self.audience == "followers":
            return Audience.ALL
        return Audience.EVERYBODY if self.audience == "all" else Audience(self.audience)


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


class Broadcast(Output):
    """`sent` and `failed` count people so far."""

    id: str
    status: State
    audience: Literal["all", "customers", "photographers", "followers"]
    event_id: str | None
    page: str | None
    at: datetime
    texts: Mapping[str, Text] = Field(description="By language: `th`, `en`. Plain text.")
    sent: int
    failed: int
    done_at: datetime | None
    cancelled_at: datetime | None

    @classmethod
    def of(cls, notice: model.Notice) -> Self:
        names = {Audience.ALL: "followers", Audience.EVERYBODY: "all"}
        return cls.model_validate(
            {
                "id": notice.id,
                "status": notice.state_at(clock.now()),
                "audience": names.get(notice.audience, notice.audience.value),
                "event_id": notice.event or None,
                "page": notice.page,
                "at": notice.at,
                "texts": {name: Text(title=text.title, text=text.text) for name, text in notice.texts.items()},
                "sent": notice.sent,
                "failed": notice.failed,
                "done_at": notice.done_at,
                "cancelled_at": notice.cancelled_at,
            }
        )


class BroadcastFigures(Broadcast):
    opened: Fives | None = Field(None, description="In the inbox, so far. Null of few, and for followers.")

    @classmethod
    def counted(cls, notice: model.Notice, opened: Opened | None) -> Self:
        told = Fives.model_validate(opened) if opened else None
        return cls.of(notice).model_copy(update={"opened": told})
