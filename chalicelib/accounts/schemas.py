"""Accounts on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.accounts.model import CODE_DIGITS, Language
from chalicelib.core.errors import Invalid
from chalicelib.core.wire import Input, Output, Query
from chalicelib.organizations.schemas import Currency

Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
PhoneNumber = Annotated[str, StringConstraints(min_length=3, max_length=32)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Code = Annotated[str, StringConstraints(pattern=rf"^[0-9]{{{CODE_DIGITS}}}$")]
Label = Annotated[str, StringConstraints(min_length=3, max_length=40)]
Role = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Addressed(Input):
    """Somebody by their e-mail address, or by their phone number with its country: `+66812345678`."""

    email: Email | None = None
    phone: PhoneNumber | None = None


class Register(Addressed):
    """With an e-mail address, a phone number, or both: then the e-mail address is proven first.

    With the name of an `organization` it is founded, too, at a `subdomain` of the platform: there its owner, who needs
    an e-mail address, goes on. It sells in its `currency` (ISO 4217) for ever; `THB` without one.
    """

    password: Password
    name: Name
    language: Language | None = None
    organization: Name | None = None
    subdomain: Label | None = None
    currency: Currency | None = None


class Verify(Addressed):
    code: Code
    password: Password


class Resend(Addressed):
    pass


class LogIn(Addressed):
    password: Password


class Link(Query):
    """What a mail's link carries."""

    token: str = Field("", max_length=200)


class Refresh(Input):
    refresh_token: str = Field(min_length=1, max_length=200)


class LogOut(Input):
    """`everywhere` ends the sessions of all devices."""

    everywhere: bool = False


class ResetPassword(Addressed):
    code: Code
    password: Password


class ChangePassword(Input):
    current_password: Password
    password: Password


class NewPhone(Input):
    phone: PhoneNumber


class PhoneChange(Input):
    """`code` proves the number, `isDefault` makes it the one that texts go to."""

    code: Code | None = None
    is_default: Literal[True] | None = None


class NewEmail(Input):
    email: Email


class Proof(Input):
    code: Code


class Roles(Input):
    """Several roles, or one."""

    roles: list[Role] | None = Field(None, min_length=1, max_length=10)
    role: Role | None = None

    def wanted(self) -> list[str]:
        """Raises Invalid for neither, and for both."""
        if (self.roles is None) == (self.role is None):
            raise Invalid("roles_expected", "Send `roles`, or one `role`.", field="roles")
        return self.roles or [self.role or ""]


class Accepted(Output):
    """`host` is where to go on, for who founded an organization."""

    message: str
    host: str | None = None


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


class MailAddress(Output):
    """One's address, and what keeps mails from it."""

    email: str | None
    problem: Literal["bounced", "complained"] | None = Field(
        description="`bounced`: nothing is mailed there. `complained`: what is necessary alone."
    )


class Tokens(Output):
    """`expires_in` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: User


class Session(Output):
    """`device` is like `Chrome on Windows`. `rotatedAt` is when its refresh token was last exchanged."""

    id: str
    device: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime


class Sessions(Output):
    """`current` is the id of the session that asks."""

    items: list[Session]
    current: str


class Phone(Output):
    """`id` is the number without its plus."""

    id: str
    number: str
    verified_at: datetime | None


class Phones(Output):
    """`default` is the number that texts go to, the first that was proven unless another one was chosen."""

    items: list[Phone] = Field(validation_alias="phones")
    default: str | None = Field(validation_alias="phone")
