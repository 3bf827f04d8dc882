"""Registering, logging in and out, and the roles of people."""

from chalicelib.accounts import schemas, service
from chalicelib.accounts.model import Tokens, User
from chalicelib.accounts.second_factor.schemas import LoggedIn
from chalicelib.core.auth import ANONYMOUS, SIGNED_IN, Principal
from chalicelib.core.http import Routes
from chalicelib.core.wire import Request

routes = Routes("accounts")

_WROTE = schemas.Accepted(message="Look into your mailbox or at your phone: we wrote to this address.")


@routes.post("/auth/register", permission=ANONYMOUS, returns=schemas.Accepted, status=202, limit=(30, 60))
def register(principal: Principal, body: schemas.Register) -> schemas.Accepted:
    """Register with an e-mail address or a phone number, and a password.

    The answer is the same for an address that has an account. Tokens come with the code that is sent.
    """
    service.register(
        principal.organization,
        email=body.email,
        phone=body.phone,
        password=body.password,
        name=body.name,
        language=body.language,
        source=principal.source,
    )
    return _WROTE


@routes.post("/auth/resend", permission=ANONYMOUS, returns=schemas.Accepted, status=202, limit=(30, 60))
def resend_code(principal: Principal, body: schemas.Resend) -> schemas.Accepted:
    """Send a new code; the one before stops working."""
    service.resend_code(principal.organization, email=body.email, phone=body.phone, source=principal.source)
    return _WROTE


@routes.post(
    "/auth/verify",
    permission=ANONYMOUS,
    returns=schemas.Tokens,
    limit=(60, 60),
    aliases=("/auth/verify-code", "/auth/verify-email", "/auth/verify-phone"),
)
def verify(principal: Principal, request: Request, body: schemas.Verify) -> Tokens:
    """Prove an address with the code that came there and the password it was registered with, and log in."""
    return service.verify(
        principal.organization,
        email=body.email,
        phone=body.phone,
        code=body.code,
        password=body.password,
        device=request.headers.get("user-agent", ""),
    )


@routes.post("/auth/login", permission=ANONYMOUS, returns=LoggedIn, limit=(60, 60))
def log_in(principal: Principal, request: Request, body: schemas.LogIn) -> LoggedIn:
    """Log in with e-mail address or phone number, and password. Ten failures lock the address for 15 minutes.

    Where a second factor is needed the tokens are null, and `secondFactor` says how to go on.
    """
    outcome = service.log_in(
        principal.organization,
        email=body.email,
        phone=body.phone,
        password=body.password,
        device=request.headers.get("user-agent", ""),
        source=principal.source,
    )
    return LoggedIn.after(outcome)


@routes.post(
    "/auth/refresh", permission=ANONYMOUS, returns=schemas.Tokens, limit=(120, 60), aliases=("/auth/refresh-token",)
)
def refresh(principal: Principal, body: schemas.Refresh) -> Tokens:
    """Exchange a refresh token for the next pair. A token that was exchanged before ends the session."""
    return service.refresh(principal.organization, body.refresh_token)


@routes.post("/auth/logout", permission=SIGNED_IN, limit=(60, 60))
def log_out(principal: Principal, body: schemas.LogOut) -> None:
    """End this session, or with `everywhere` those of all devices. Their refresh tokens die at once."""
    service.log_out(principal, everywhere=body.everywhere)


@routes.get("/auth/me", permission=SIGNED_IN, returns=schemas.User, aliases=("/users/me",))
def me(principal: Principal) -> User:
    """Who is logged in."""
    return service.me(principal)


@routes.put("/users/{id}/roles", permission="user.manage", returns=schemas.User)
def set_roles(principal: Principal, id: str, body: schemas.Roles) -> User:
    """Give a user these roles and no others. Nobody changes their own."""
    return service.set_roles(principal, id, body.roles)
