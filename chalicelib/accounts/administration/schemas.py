"""People on the wire, for those who manage them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.accounts.model import Language
from chalicelib.accounts.schemas import Email, Name, Role, User
from chalicelib.core.wire import Input, Paging

_Beginning = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Person(User):
    """`blockedAt` is null for who may come in."""

    blocked_at: datetime | None
    block_reason: str | None


class PersonList(Paging):
    """At most one of them; each is how it begins."""

    name: _Beginning | None = None
    email: _Beginning | None = None
    phone: _Beginning | None = Field(None, description="With its country: `+6681`.")


class StaffList(Paging):
    pass


class PersonChange(Input):
    """What is left out stays."""

    name: Name | None = None
    language: Language | None = None


class Block(Input):
    """False lets somebody in again. The reason is for staff; the person does not see it."""

    blocked: bool = True
    reason: str = Field("", max_length=300)


class Appointment(Input):
    email: Email
    role: Role
