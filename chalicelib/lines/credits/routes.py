"""Credit packs over HTTP. They are bought through the cart, like anything else."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Request, idempotency_key
from chalicelib.lines.credits import schemas, service
from chalicelib.organizations import service as organizations

routes = Routes("credit packs")


@routes.get("/credit-packs", permission=PUBLIC, returns=schemas.Pack, many=True)
def list_packs(principal: Principal, query: schemas.PackPage) -> Page[schemas.Pack]:
    """The packs of credit that are sold now, the oldest offer first. A page may be short."""
    currency = organizations.currency_of(principal.organization)
    found = service.on_sale(principal, query.event, query.request())
    return found.map(lambda pack: schemas.Pack.of(pack, currency))


@routes.post("/credit-packs", permission="credit.manage", returns=schemas.Pack, headers=("Idempotency-Key",))
def offer_pack(principal: Principal, request: Request, body: schemas.NewPack) -> schemas.Pack:
    """Sell a pack of credit, once for each `Idempotency-Key`. It never changes: withdraw it and offer another one."""
    offered = service.offer(principal, body.terms(), idempotency_key(request))
    return schemas.Pack.of(offered, organizations.currency_of(principal.organization))


@routes.delete("/credit-packs/{id}", permission="credit.manage")
def withdraw_pack(principal: Principal, id: str) -> None:
    """Sell a pack no more. Whoever bought or ordered it gets its credit."""
    service.withdraw(principal, id)
