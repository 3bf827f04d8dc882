"""Credit over HTTP."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging, Request, idempotency_key
from chalicelib.organizations import service as organizations
from chalicelib.wallet import schemas, service
from chalicelib.wallet.model import Wallet

routes = Routes("credit")


@routes.get("/users/bonuses", permission=SIGNED_IN, guarded=True, returns=schemas.Wallet, aliases=("/credits/balance",))
def read_my_wallet(principal: Principal) -> schemas.Wallet:
    """The caller's credit: what may be spent, and what of it expires when."""
    return _shown(principal, service.of_user(principal.organization, principal.known_user))


@routes.get(
    "/users/bonuses/history",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Movement,
    many=True,
    aliases=("/credits/transactions",),
)
def list_my_movements(principal: Principal, query: Paging) -> Page[schemas.Movement]:
    """What came into the caller's wallet and what went out of it, the newest first."""
    found = service.history(principal.organization, principal.known_user, query.request())
    return found.map(schemas.Movement.of)


@routes.get("/admin/users/{id}/credits", permission="credit.manage", returns=schemas.Wallet)
def read_wallet(principal: Principal, id: str) -> schemas.Wallet:
    """Somebody's credit."""
    return _shown(principal, service.wallet_of(principal, id))


@routes.post(
    "/admin/users/{id}/credits",
    permission="credit.manage",
    returns=schemas.Wallet,
    status=200,
    headers=("Idempotency-Key",),
)
def grant_credit(principal: Principal, request: Request, id: str, body: schemas.NewCredit) -> schemas.Wallet:
    """Give somebody credit, once for each `Idempotency-Key`. Answers all that they have."""
    granted = service.grant(principal, id, body.terms(), body.reason, idempotency_key(request))
    return _shown(principal, granted)


@routes.post(
    "/admin/users/{id}/credits/take-back",
    permission="credit.manage",
    returns=schemas.Wallet,
    status=200,
    headers=("Idempotency-Key",),
)
def take_credit_back(principal: Principal, request: Request, id: str, body: schemas.TakenBack) -> schemas.Wallet:
    """Take back what is left of a credit, or a part of it, once for each `Idempotency-Key`."""
    key = idempotency_key(request)
    left = service.take_back(principal, id, body.grant_id, body.amount, body.reason, key)
    return _shown(principal, left)


def _shown(principal: Principal, wallet: Wallet) -> schemas.Wallet:
    return schemas.Wallet.of(wallet, organizations.currency_of(principal.organization))
