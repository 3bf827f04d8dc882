"""Promotion codes for staff, over HTTP. Buyers take them at the cart."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.promotions import schemas, service
from chalicelib.promotions.model import Promotion

routes = Routes("promotion codes")


@routes.get("/admin/promo-codes", permission="promotion.manage", returns=schemas.Promotion, many=True)
def list_promotions(principal: Principal, query: Paging) -> Page[Promotion]:
    """All promotion codes, the newest first."""
    return service.listed(principal, query.request())


@routes.post("/admin/promo-codes", permission="promotion.manage", returns=schemas.CountedPromotion, status=201)
def offer_promotion(principal: Principal, body: schemas.NewPromotion) -> schemas.CountedPromotion:
    """Offer a code."""
    return schemas.CountedPromotion.of(service.offer(principal, body.code, body.terms()))


@routes.get("/admin/promo-codes/{id}", permission="promotion.manage", returns=schemas.CountedPromotion)
def read_promotion(principal: Principal, id: str) -> schemas.CountedPromotion:
    """A code with its terms, and how often it was taken."""
    return schemas.CountedPromotion.of(service.read(principal, id))


@routes.put("/admin/promo-codes/{id}", permission="promotion.manage", returns=schemas.CountedPromotion)
def change_promotion(principal: Principal, id: str, body: schemas.ChangedPromotion) -> schemas.CountedPromotion:
    """Change a code's terms from the next order on; with `active` false nobody takes it any more."""
    return schemas.CountedPromotion.of(service.change(principal, id, body.terms(), body.version))
