"""Access to events on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.events.model import Access
from chalicelib.events.schemas import Version


class NewAccess(Input):
    """`code`: anybody sees that there is the event; `private`: nobody does. The same code opens both."""

    access: Access
    code: Annotated[str, StringConstraints(min_length=6, max_length=64, pattern=r"^[^\s-].{4,}[^\s-]$")] | None = Field(
        None, description="Left out: the one before is kept."
    )
    version: Version


class Attempt(Input):
    code: Annotated[str, StringConstraints(max_length=64)]


class Entry(Output):
    """Send `token` as `X-Event-Token` until `expiresAt`."""

    token: str
    expires_at: datetime
