"""The second factor of a log-in."""

from chalicelib.accounts import schemas as accounts_schemas
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Tokens
from chalicelib.accounts.second_factor import schemas, service
from chalicelib.accounts.second_factor.model import Policy, Setup, Status
from chalicelib.core.auth import ANONYMOUS, PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.wire import Request

routes = Routes("accounts")


@routes.post("/auth/second-factor", permission=ANONYMOUS, returns=accounts_schemas.Tokens, limit=(60, 60))
def prove(principal: Principal, request: Request, body: schemas.Prove) -> Tokens:
    """End a log-in with a code of the app, or a recovery code. Ten tries in 15 minutes, fifty a day."""
    return accounts.log_in_with_second_factor(
        principal.organization,
        challenge=body.challenge,
        code=body.code,
        device=request.headers.get("user-agent", ""),
        source=principal.source,
    )


@routes.get("/auth/second-factor", permission=SIGNED_IN, returns=schemas.Status, guarded=True)
def status(principal: Principal) -> Status:
    """Whether log-ins of the caller ask for a second factor."""
    return service.status(principal)


@routes.put("/auth/second-factor", permission=SIGNED_IN, returns=schemas.Status, guarded=True, limit=(60, 60))
def enable(principal: Principal, body: schemas.Proof) -> Status:
    """Show a code of what was set up. All other sessions end."""
    return service.enable(principal, body.code)


@routes.post("/auth/second-factor/setup", permission=PUBLIC, returns=schemas.Setup, guarded=True, limit=(30, 60))
def set_up(principal: Principal, body: schemas.SetUp) -> Setup:
    """A secret for an authenticator app, and recovery codes. They count once a code was shown."""
    return service.set_up(principal, body.challenge)


@routes.post("/auth/second-factor/disable", permission=SIGNED_IN, guarded=True, limit=(60, 60))
def disable(principal: Principal, body: schemas.Proof) -> None:
    """Log in with one factor again, where the role allows it."""
    service.disable(principal, body.code)


@routes.post(
    "/auth/second-factor/recovery-codes",
    permission=SIGNED_IN,
    returns=schemas.RecoveryCodes,
    guarded=True,
    limit=(60, 60),
)
def renew_recovery_codes(principal: Principal, body: schemas.Proof) -> schemas.RecoveryCodes:
    """New recovery codes; those before stop working."""
    return schemas.RecoveryCodes(recovery_codes=list(service.renew_recovery_codes(principal, body.code)))


@routes.get("/auth/second-factor/policy", permission="organization.manage", returns=schemas.Policy)
def policy(principal: Principal) -> Policy:
    """Which roles log in with two factors."""
    return service.policy(principal.organization)


@routes.put("/auth/second-factor/policy", permission="settings.manage", returns=schemas.Policy)
def set_policy(principal: Principal, body: schemas.PolicyUpdate) -> Policy:
    """Name the roles that log in with two factors. Who has one sets a factor up at the next log-in."""
    return service.set_policy(principal, roles=frozenset(body.roles), version=body.version)


@routes.delete("/users/{id}/second-factor", permission="user.manage")
def reset(principal: Principal, id: str) -> None:
    """Take away the second factor of somebody who lost theirs. Their sessions end."""
    service.reset(principal, id)
