"""Signing in with Google, Apple or Facebook."""

from chalicelib.accounts.federation import schemas, service
from chalicelib.accounts.federation.model import Attempt
from chalicelib.accounts.second_factor.schemas import LoggedIn
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Request

routes = Routes("accounts")


@routes.post("/auth/social", permission=ANONYMOUS, returns=schemas.Attempt, limit=(60, 60))
def begin(principal: Principal, body: schemas.Begin) -> Attempt:
    """Begin to sign in with a provider: where to send the browser, and what to keep meanwhile."""
    return service.begin(principal.organization, provider=body.provider, redirect_uri=body.redirect_uri)


@routes.post("/auth/social/google", permission=PUBLIC, returns=LoggedIn, guarded=True, limit=(60, 60))
def google(principal: Principal, request: Request, body: schemas.SignIn) -> LoggedIn:
    """Log in or register with Google; who is logged in connects it to their account."""
    return _sign_in("google", principal, request, body)


@routes.post("/auth/social/apple", permission=PUBLIC, returns=LoggedIn, guarded=True, limit=(60, 60))
def apple(principal: Principal, request: Request, body: schemas.SignIn) -> LoggedIn:
    """Log in or register with Apple; who is logged in connects it to their account."""
    return _sign_in("apple", principal, request, body)


@routes.post("/auth/social/facebook", permission=PUBLIC, returns=LoggedIn, guarded=True, limit=(60, 60))
def facebook(principal: Principal, request: Request, body: schemas.SignIn) -> LoggedIn:
    """Log in with Facebook once it was connected; who is logged in connects it to their account."""
    return _sign_in("facebook", principal, request, body)


@routes.get("/auth/providers", permission=SIGNED_IN, returns=schemas.Providers, guarded=True)
def list_providers(principal: Principal) -> dict[str, list[str]]:
    """The providers that the caller signs in with."""
    return {"items": service.connections(principal)}


@routes.delete("/auth/providers/{provider}", permission=SIGNED_IN, guarded=True)
def disconnect(principal: Principal, provider: str) -> None:
    """Sign in with a provider no more; never the last way to log in. For who has logged in a moment ago."""
    service.disconnect(principal, provider)


def _sign_in(provider: str, principal: Principal, request: Request, body: schemas.SignIn) -> LoggedIn:
    outcome = service.sign_in(
        principal,
        provider=provider,
        ticket=body.ticket,
        state=body.state,
        code=body.code,
        redirect_uri=body.redirect_uri,
        id_token=body.id_token,
        language=body.language,
        device=request.headers.get("user-agent", ""),
    )
    return LoggedIn.after(outcome)
