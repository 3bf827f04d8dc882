"""What travels over a websocket, and what opens one."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output

Group = Annotated[str, Field(pattern=r"^[a-z]{1,20}:[A-Za-z0-9._~-]{1,100}$")]


class Position(Output):
    group: str
    cursor: str = Field(description="From here nothing is missed: `resume` with it once the websocket is open.")


class Ticket(Output):
    ticket: str
    url: str = Field(description="Open the websocket here, with `?ticket=` added.")
    expires_at: datetime
    groups: list[Position] = Field(description="What the connection listens to by itself.")


class Ping(Input):
    action: Literal["ping"]


class Subscribe(Input):
    action: Literal["subscribe"]
    group: Group


class Unsubscribe(Input):
    action: Literal["unsubscribe"]
    group: Group


class Resume(Input):
    action: Literal["resume"]
    group: Group
    cursor: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    @property
    def position(self) -> datetime:
        """Raises Invalid for what is no moment."""
        try:
            return datetime.fromisoformat(self.cursor)
        except ValueError as failure:
            raise Invalid("invalid_cursor", "This is no cursor of ours.", field="cursor") from failure


Told = Ping | Subscribe | Unsubscribe | Resume

_told: TypeAdapter[Told] = TypeAdapter(Annotated[Told, Field(discriminator="action")])


def read(text: str) -> Told:
    """What a connection says. Raises Invalid."""
    try:
        return _told.validate_json(text)
    except ValidationError as failure:
        raise Invalid("invalid_message", "Send ping, subscribe, unsubscribe or resume, as JSON.") from failure
