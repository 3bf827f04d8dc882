"""The second factor on the wire."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints

from chalicelib.accounts import model
from chalicelib.accounts.schemas import User
from chalicelib.accounts.second_factor import model as factors
from chalicelib.core.wire import Input, Output

Challenge = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Code = Annotated[str, StringConstraints(min_length=6, max_length=24, pattern=r"^[0-9A-Za-z -]+$")]


class Asked(Output):
    """Send `challenge` with a code to `/auth/second-factor` within `expiresIn` seconds.

    Who is not `enrolled` sets a factor up with it first.
    """

    challenge: str
    expires_in: int
    enrolled: bool


class LoggedIn(Output):
    """Tokens, `expiresIn` being the life of the access token in seconds; or nulls, and a second factor is asked for."""

    access_token: str | None = None
    refresh_token: str | None = None
    token_type: str | None = None
    expires_in: int | None = None
    user: User | None = None
    second_factor: Asked | None = None

    @classmethod
    def after(cls, outcome: model.Tokens | factors.Asked) -> Self:
        if isinstance(outcome, factors.Asked):
            return cls(second_factor=Asked.model_validate(outcome))
        return cls.model_validate(outcome)


class Prove(Input):
    """`code` is six digits of the app, or a recovery code."""

    challenge: Challenge
    code: Code


class SetUp(Input):
    """`challenge` of a log-in; without one, for who is logged in."""

    challenge: Challenge | None = None


class Setup(Output):
    """`qr` is an SVG of `uri`. The recovery codes are shown only here; each works once."""

    secret: str
    uri: str
    qr: str
    recovery_codes: list[str]


class Proof(Input):
    code: Code


class Status(Output):
    enabled: bool
    required: bool
    recovery_codes_left: int


class RecoveryCodes(Output):
    recovery_codes: list[str]


class Policy(Output):
    roles: Annotated[list[str], BeforeValidator(sorted)]
    version: int


class PolicyUpdate(Input):
    """The roles that log in with two factors, and no others; `version` as last read."""

    roles: list[Annotated[str, StringConstraints(max_length=40)]] = Field(max_length=20)
    version: int = Field(ge=0)
