"""Saved payment methods over HTTP. Everybody reaches their own only; how one may pay is public."""

from chalicelib.core.auth import PUBLIC, SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.organizations import service as organizations
from chalicelib.payments.methods import schemas, service

routes = Routes("payment methods")


@routes.get("/payments/methods", permission=PUBLIC, guarded=True, returns=schemas.Offers)
def list_offers(principal: Principal, query: schemas.Wanted) -> schemas.Offers:
    """How one may pay here, and for whoever is signed in their saved methods."""
    offers, wallet = service.offered(principal, query.amount)
    return schemas.Offers.of(offers, wallet, organizations.currency_of(principal.organization))


@routes.get("/users/payment-methods", permission=SIGNED_IN, guarded=True, returns=schemas.Methods)
def list_methods(principal: Principal) -> schemas.Methods:
    """The caller's saved payment methods, the oldest first; one is the default."""
    return schemas.Methods.of(service.list_methods(principal))


@routes.post(
    "/users/payment-methods",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Method,
    status=201,
    limit=(20, 60),
    aliases=("/payments/methods",),
)
def save_method(principal: Principal, body: schemas.NewMethod) -> schemas.Method:
    """Save a payment method by the token that the gateway gave for it. Anything like a card's number is refused."""
    return schemas.Method.of(*service.save_method(principal, gateway=body.gateway, token=body.token))


@routes.get(
    "/users/payment-methods/{id}",
    permission=SIGNED_IN,
    guarded=True,
    returns=schemas.Method,
    aliases=("/payments/methods/{id}",),
)
def read_method(principal: Principal, id: str) -> schemas.Method:
    """One of the caller's payment methods."""
    wallet = service.list_methods(principal)
    return schemas.Method.of(wallet, wallet.find(id))


@routes.delete("/users/payment-methods/{id}", permission=SIGNED_IN, guarded=True)
def forget_method(principal: Principal, id: str) -> None:
    """Forget a payment method. Was it the default, the oldest one left takes its place."""
    service.forget_method(principal, id)


@routes.put("/users/payment-methods/{id}/default", permission=SIGNED_IN, guarded=True, returns=schemas.Methods)
def make_default(principal: Principal, id: str) -> schemas.Methods:
    """Make a payment method the default."""
    return schemas.Methods.of(service.make_default(principal, id))
