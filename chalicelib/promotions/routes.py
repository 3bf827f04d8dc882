"""Promotion codes for staff, over HTTP. Buyers take them at the cart."""

from chalicelib.core.auth import Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.organizations import service as organizations
from chalicelib.promotions import schemas, service

routes = Routes("promotion codes")


@routes.get("/admin/promo-codes", permission="promotion.manage", returns=schemas.Promotion, many=True)
def list_promotions(principal: Principal, query: Paging) -> Page[schemas.Promotion]:
    """All promotion codes, the newest first."""
    currency = organizations.currency_of(principal.organization)
    return service.listed(principal, query.request()).map(lambda each: schemas.Promotion.of(each, currency))


@routes.post("/admin/promo-codes", permission="promotion.manage", returns=schemas.CountedPromotion, status=201)
def offer_promotion(principal: Principal, body: schemas.NewPromotion) -> schemas.CountedPromotion:
    """Offer a code."""
    return _counted(principal, service.offer(principal, body.code, body.terms()))


@routes.get("/admin/promo-codes/{id}", permission="promotion.manage", returns=schemas.CountedPromotion)
def read_promotion(principal: Principal, id: str) -> schemas.CountedPromotion:
    """A code with its terms, and how often it was taken."""
    return _counted(principal, service.read(principal, id))


@routes.put("/admin/promo-codes/{id}", permission="promotion.manage", returns=schemas.CountedPromotion)
def change_promotion(principal: Principal, id: str, body: schemas.ChangedPromotion) -> schemas.CountedPromotion:
    """Change a code's terms from the next order on; with `active` false nobody takes it any more."""
    return _counted(principal, service.change(principal, id, body.terms(), body.version))


def _counted(principal: Principal, promotion: service.Counted) -> schemas.CountedPromotion:
    return schemas.CountedPromotion.counted(promotion, organizations.currency_of(principal.organization))
