"""Accounts on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.accounts.model import CODE_DIGITS, Language
from chalicelib.core.wire import Input, Output

Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
PhoneNumber = Annotated[str, StringConstraints(min_length=3, max_length=32)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Code = Annotated[str, StringConstraints(pattern=rf"^[0-9]{{{CODE_DIGITS}}}$")]
Role = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Addressed(Input):
    """Somebody by their e-mail address, or by their phone number with its country: `+66812345678`."""

    email: Email | None = None
    phone: PhoneNumber | None = None


class Register(Addressed):
    """With an e-mail address, a phone number, or both: then the e-mail address is proven first."""

    password: Password
    name: Name
    language: Language | None = None


class Verify(Addressed):
    code: Code
    password: Password


class Resend(Addressed):
    pass


class LogIn(Addressed):
    password: Password


class Refresh(Input):
    refresh_token: str = Field(min_length=1, max_length=200)


class LogOut(Input):
    """`everywhere` ends the sessions of all devices."""

    everywhere: bool = False


class Roles(Input):
    roles: list[Role] = Field(min_length=1, max_length=10)


class Accepted(Output):
    message: str


class User(Output):
    """`phone` is the default one, proven. `verified` says whether the address is that they registered with."""

    id: str
    email: str | None
    phone: str | None
    name: str
    roles: Annotated[list[str], BeforeValidator(sorted)]
    language: Language
    verified: bool
    created_at: datetime


class Tokens(Output):
    """`expires_in` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: User
