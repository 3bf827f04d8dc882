"""Signing in with an account elsewhere, on the wire."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from chalicelib.accounts.model import Language
from chalicelib.core.wire import Input, Output

Page = Annotated[str, StringConstraints(min_length=8, max_length=500)]


class Begin(Input):
    """`redirectUri` is the frontend's page that the provider sends the browser back to, as registered there."""

    provider: Literal["google", "apple", "facebook"]
    redirect_uri: Page


class Attempt(Output):
    """Keep `ticket`, compare `state` when the browser comes back. An app that asks the provider itself uses `nonce`."""

    ticket: str
    state: str
    nonce: str
    url: str
    expires_in: int


class SignIn(Input):
    """`code`, `state` and `redirectUri` of a browser that came back, or the `idToken` that an app was given."""

    ticket: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    state: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    code: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None
    redirect_uri: Page | None = None
    id_token: Annotated[str, StringConstraints(min_length=1, max_length=8000)] | None = None
    language: Language | None = None


class Providers(Output):
    items: list[Literal["google", "apple", "facebook"]]
