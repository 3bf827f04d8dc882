"""Registering, logging in and out, and the roles of people."""

from chalicelib.accounts import page, schemas, service
from chalicelib.accounts.model import Sessions, Tokens, User
from chalicelib.accounts.second_factor.schemas import LoggedIn
from chalicelib.core.auth import ANONYMOUS, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Reply, Request

routes = Routes("accounts")

_WROTE = schemas.Accepted(message="Look into your mailbox or at your phone: we wrote to this address.")


@routes.post("/auth/register", permission=ANONYMOUS, returns=schemas.Accepted, status=202, limit=(30, 60))
def register(principal: Principal, body: schemas.Register) -> schemas.Accepted:
    """Register with an e-mail address or a phone number, and a password.

    The answer is the same for an address that has an account. Tokens come with the code that is sent. With the name of
    an organization, it is founded and the answer names its host.
    """
    if body.organization is not None:
        host = service.found_organization(
            principal,
            organization=body.organization,
            subdomain=body.subdomain,
            email=body.email or "",
            password=body.password,
            name=body.name,
            language=body.language,
            currency=body.currency,
        )
        return schemas.Accepted(message=_WROTE.message, host=host)
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


@routes.post("/auth/forgot-password", permission=ANONYMOUS, returns=schemas.Accepted, status=202, limit=(30, 60))
def forgot_password(principal: Principal, body: schemas.Resend) -> schemas.Accepted:
    """Send a code for a new password. The answer is the same for an address without an account."""
    service.forgot_password(principal.organization, email=body.email, phone=body.phone, source=principal.source)
    return _WROTE


@routes.post("/auth/reset-password", permission=ANONYMOUS, limit=(60, 60))
def reset_password(principal: Principal, body: schemas.ResetPassword) -> None:
    """Choose a new password with the code that was sent. The sessions of all devices end."""
    service.reset_password(
        principal.organization, email=body.email, phone=body.phone, code=body.code, password=body.password
    )


@routes.get(
    "/auth/verify-email", permission=ANONYMOUS, raw="text/html", limit=(60, 60), aliases=("/auth/reset-password",)
)
def show_link(principal: Principal, request: Request, query: schemas.Link) -> Reply:
    """The page behind the link of a mail. Nothing happens before its button: programs that scan mail follow links."""
    return page.show(principal.organization, request, query.token)


@routes.post("/auth/link", permission=ANONYMOUS, raw="text/html", hidden=True, limit=(30, 60))
def follow_link(principal: Principal, request: Request) -> Reply:
    """The button of that page."""
    return page.follow(principal.organization, request)


@routes.post("/auth/change-password", permission=SIGNED_IN, returns=schemas.Tokens, limit=(30, 60))
def change_password(principal: Principal, request: Request, body: schemas.ChangePassword) -> Tokens:
    """Choose another password. The sessions of all devices end; the answer holds the tokens of the next one."""
    device = request.headers.get("user-agent", "")
    return service.change_password(principal, current=body.current_password, new=body.password, device=device)


@routes.get("/auth/sessions", permission=SIGNED_IN, returns=schemas.Sessions)
def list_sessions(principal: Principal) -> Sessions:
    """List where one is logged in. Who logs in on an eleventh device is logged out on the first."""
    return service.list_sessions(principal)


@routes.delete("/auth/sessions/{id}", permission=SIGNED_IN)
def end_session(principal: Principal, id: str) -> None:
    """Log out on one device."""
    service.end_session(principal, id)


@routes.get("/auth/me", permission=SIGNED_IN, returns=schemas.User, aliases=("/users/me",))
def me(principal: Principal) -> User:
    """Who is logged in."""
    return service.me(principal)


@routes.get("/users/email", permission=SIGNED_IN, returns=schemas.MailAddress)
def read_email(principal: Principal) -> schemas.MailAddress:
    """One's e-mail address, and whether mails to it come back."""
    email, problem = service.email_of(principal)
    return schemas.MailAddress(email=email, problem=problem.value if problem else None)


@routes.post("/users/email", permission=SIGNED_IN, returns=schemas.Accepted, status=202, limit=(30, 60))
def change_email(principal: Principal, body: schemas.NewEmail) -> schemas.Accepted:
    """Mail a code to another address of one's own."""
    service.change_email(principal, body.email)
    return _WROTE


@routes.put("/users/email", permission=SIGNED_IN, returns=schemas.User, limit=(60, 60))
def prove_email(principal: Principal, body: schemas.Proof) -> User:
    """Make the address one's own that the code was mailed to."""
    return service.prove_email(principal, body.code)


@routes.get("/users/phones", permission=SIGNED_IN, returns=schemas.Phones)
def list_phones(principal: Principal) -> User:
    """List one's phone numbers, those among them that are not proven yet."""
    return service.me(principal)


@routes.post("/users/phones", permission=SIGNED_IN, returns=schemas.Accepted, status=202, limit=(30, 60))
def add_phone(principal: Principal, body: schemas.NewPhone) -> schemas.Accepted:
    """Text a code to a number, a new one or one that is not proven yet."""
    service.add_phone(principal, body.phone)
    return _WROTE


@routes.put("/users/phones/{id}", permission=SIGNED_IN, returns=schemas.Phones, limit=(60, 60))
def change_phone(principal: Principal, id: str, body: schemas.PhoneChange) -> User:
    """Prove a number with the code that was texted, or make a proven one the default."""
    return service.change_phone(principal, id, code=body.code, is_default=body.is_default is not None)


@routes.delete("/users/phones/{id}", permission=SIGNED_IN)
def remove_phone(principal: Principal, id: str) -> None:
    """Take a number away, unless one could not log in without it."""
    service.remove_phone(principal, id)


@routes.put(
    "/users/{id}/roles",
    permission="user.manage",
    returns=schemas.User,
    aliases=("/admin/users/{id}/roles", "/admin/users/{id}/role", "/admin/admins/{id}"),
)
def set_roles(principal: Principal, id: str, body: schemas.Roles) -> User:
    """Give a user these roles and no others. Nobody changes their own."""
    return service.set_roles(principal, id, body.wanted())
