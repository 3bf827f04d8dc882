"""Wire shapes of assignments."""

import datetime
from typing import Any

from pydantic import Field

from chalicelib.core.wire import Input, Output
from chalicelib.events.assignments.model import MOST_OFFSET, MOST_QUOTA, Role
from chalicelib.events.model import EventStatus

_OFFSET = "Seconds that the camera's clock is behind true time; negative where it runs ahead."
_QUOTA = "How many photos may be offered; null: any number."


class Terms(Input):
    """What is left out stays as it is, and is usual where somebody is assigned anew."""

    role: Role = Field(Role.SECONDARY, strict=False, description="An event has one `primary` at most.")
    may_upload: bool = True
    quota: int | None = Field(None, ge=0, le=MOST_QUOTA, description=_QUOTA)
    clock_offset: int = Field(0, ge=-MOST_OFFSET, le=MOST_OFFSET, description=_OFFSET)

    def told(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class _Held(Output):
    role: Role
    may_upload: bool
    quota: int | None = Field(description=_QUOTA)
    used: int = Field(description="How many photos were offered and are still there.")
    left: int | None
    clock_offset: int = Field(description=_OFFSET)


class Assignment(_Held):
    user_id: str = Field(validation_alias="user")
    name: str | None


class Place(Output):
    id: str
    slug: str
    name: str
    date: datetime.date
    status: EventStatus


class OwnAssignment(_Held):
    event: Place
