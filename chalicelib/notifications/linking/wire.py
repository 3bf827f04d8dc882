"""What LINE tells a webhook.

Format: https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.core.errors import Invalid


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, hide_input_in_errors=True)


class _Source(_Part):
    """One that is no person, or does not say who, has no id that we may write to."""

    type: str
    user: Annotated[str | None, Field(alias="userId", pattern=r"^U[0-9a-f]{32}$")] = None


class _Message(_Part):
    type: str
    text: Annotated[str | None, Field(max_length=5000)] = None


class Event(_Part):
    type: str
    source: _Source | None = None
    message: _Message | None = None

    @property
    def person(self) -> str | None:
        """Who is alone with the account: in a group everybody would read what is told."""
        return self.source.user if self.source and self.source.type == "user" else None

    @property
    def text(self) -> str:
        return self.message.text or "" if self.type == "message" and self.message else ""


class _Notice(_Part):
    events: tuple[Event, ...] = ()


def events_of(body: bytes) -> tuple[Event, ...]:
    """Raises Invalid."""
    try:
        return _Notice.model_validate_json(body).events
    except ValidationError as failure:
        raise Invalid("invalid_notice", "This is no notice of LINE's.") from failure
