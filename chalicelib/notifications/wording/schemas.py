"""Notices in an organization's own words, on the wire."""

from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.notifications.wording import model
from chalicelib.notifications.wording.model import LONGEST, Held, Place, Wording
from chalicelib.notifications.wording.service import Said, Shown


class Listed(Output):
    """Version 0 was never worded; where it is not `own`, the product's words hold."""

    kind: str
    channel: str
    language: str
    own: bool
    version: int
    changed_at: datetime | None
    changed_by: str | None

    @classmethod
    def of(cls, place: Place, held: Held) -> "Listed":
        return cls(
            kind=place.kind,
            channel=place.channel,
            language=place.language,
            own=held.own,
            version=held.version,
            changed_at=held.changed_at,
            changed_by=held.changed_by,
        )


class Templates(Output):
    templates: list[Listed]

    @classmethod
    def of(cls, found: list[tuple[Place, Held]]) -> "Templates":
        return cls(templates=[Listed.of(place, held) for place, held in found])


class Template(Listed):
    """`variables` may be named in it, `required` ones must be; `lists` are what a loop goes over."""

    subject: str | None
    text: str | None
    html: str | None
    variables: list[str]
    required: list[str]
    lists: list[str]

    @classmethod
    def shown(cls, found: Shown) -> "Template":
        place, words = found.place, found.wording
        return cls(
            **Listed.of(place, found.held).model_dump(by_alias=False),
            subject=words.subject,
            text=words.text,
            html=words.html,
            variables=place.variables,
            required=place.required,
            lists=sorted(place.lists & set(place.variables)),
        )


class Draft(Input):
    """Jinja2: a mail has a `subject`, a `text` and a body of `html`, a text only its `text`, an entry both former."""

    subject: str | None = Field(None, min_length=1, max_length=LONGEST["subject"])
    text: str | None = Field(None, min_length=1, max_length=LONGEST["text"])
    html: str | None = Field(None, min_length=1, max_length=LONGEST["html"])

    def wording(self) -> Wording:
        return Wording(self.subject, self.text, self.html)


class TemplateChange(Draft):
    """`version` as last read."""

    version: int = Field(ge=0, le=1 << 31)


class Restoring(Input):
    """`number` is the version to go back to, `version` the present one."""

    number: int = Field(ge=1, le=1 << 31)
    version: int = Field(ge=0, le=1 << 31)


class History(Paging):
    pass


class Version(Output):
    """One save. Without words the product's own came back with it."""

    version: int
    subject: str | None
    text: str | None
    html: str | None
    changed_at: datetime
    changed_by: str | None

    @classmethod
    def of(cls, version: model.Version) -> "Version":
        words = version.wording
        return cls(
            version=version.version,
            subject=words.subject,
            text=words.text,
            html=words.html,
            changed_at=version.changed_at,
            changed_by=version.changed_by,
        )


class Preview(Output):
    """With made-up values. A text has no subject, and only a mail has a page."""

    subject: str | None
    text: str
    html: str | None

    @classmethod
    def of(cls, said: Said) -> "Preview":
        return cls(subject=said.subject or None, text=said.text, html=said.html or None)
