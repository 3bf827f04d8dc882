"""Accounts on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.accounts.model import CODE_DIGITS, Language
from chalicelib.core.wire import Input, Output

Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Code = Annotated[str, StringConstraints(pattern=rf"^[0-9]{{{CODE_DIGITS}}}$")]
Role = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Register(Input):
    email: Email
    password: Password
    name: Name
    language: Language | None = None


class Verify(Input):
    email: Email
    code: Code
    password: Password


class Resend(Input):
    email: Email


class LogIn(Input):
    email: Email
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
    id: str
    email: str
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
