"""Revenue over HTTP: how sales are split, and what everybody earned."""

from chalicelib.core.auth import SIGNED_IN, Principal
from chalicelib.core.routing import Routes
from chalicelib.core.table import Page
from chalicelib.core.wire import Paging
from chalicelib.organizations import service as organizations
from chalicelib.revenue import model, schemas, service

routes = Routes("revenue")


@routes.get("/revenue/split-rules", permission="revenue.read", returns=schemas.SplitRule, many=True)
def list_split_rules(principal: Principal, query: Paging) -> Page[schemas.SplitRule]:
    """The rules by which sales are split. Where none holds it is 30 / 50 / 20 percent."""
    return service.list_rules(principal.organization, query.request()).map(schemas.SplitRule.of)


@routes.post("/revenue/split-rules", permission="revenue.manage", returns=schemas.SplitRule)
def set_split_rule(principal: Principal, body: schemas.NewSplitRule) -> schemas.SplitRule:
    """Set how sales are split between platform, photographer and organizer.

    The most specific rule holds: of a photographer at an event, of a photographer, of an event, of the organization.
    Orders keep the rules that they were placed under. An old `version` answers 409.
    """
    rule = service.set_rule(
        principal, event=body.event, photographer=body.photographer, split=body.split(), version=body.version
    )
    return schemas.SplitRule.of(rule)


@routes.get("/revenue/summary", permission="revenue.read", returns=schemas.Takings)
def read_summary(principal: Principal) -> schemas.Takings:
    """What all sales brought, and to whom."""
    return schemas.Takings.of(service.summary(principal.organization), _currency(principal))


@routes.get("/revenue/events/{id}", permission="revenue.read", returns=schemas.Statement)
def read_event_revenue(principal: Principal, id: str, query: Paging) -> schemas.Statement:
    """What an event brought, and a page of its photographers with their parts."""
    return schemas.Statement.of(service.of_event(principal, id, query.request()), _currency(principal))


@routes.get("/revenue/events/{id}/photos", permission="revenue.read", returns=schemas.Earned, many=True)
def list_event_photo_revenue(principal: Principal, id: str, query: Paging) -> Page[schemas.Earned]:
    """What each photo of an event brought."""
    return _earned(principal, service.photos_of_event(principal, id, query.request()))


@routes.get("/revenue/photographers", permission="revenue.read", returns=schemas.Earned, many=True)
def list_photographer_revenue(principal: Principal, query: Paging) -> Page[schemas.Earned]:
    """What each photographer's photos brought."""
    return _earned(principal, service.photographers(principal.organization, query.request()))


@routes.get(
    "/users/me/earnings", permission=SIGNED_IN, guarded=True, returns=schemas.OwnStatement, aliases=("/revenue/me",)
)
def read_my_earnings(principal: Principal, query: Paging) -> schemas.OwnStatement:
    """What the caller's photos brought, and a page of the events where they did."""
    return schemas.OwnStatement.of(service.my_earnings(principal, query.request()), _currency(principal))


@routes.get("/users/me/earnings/{id}", permission=SIGNED_IN, guarded=True, returns=schemas.OwnSold, many=True)
def list_my_photo_earnings(principal: Principal, id: str, query: Paging) -> Page[schemas.OwnSold]:
    """What each of the caller's photos of an event brought."""
    currency = _currency(principal)
    return service.my_photos(principal, id, query.request()).map(lambda earned: schemas.OwnSold.of(earned, currency))


def _earned(principal: Principal, found: Page[model.Earned]) -> Page[schemas.Earned]:
    currency = _currency(principal)
    return found.map(lambda earned: schemas.Earned.of(earned, currency))


def _currency(principal: Principal) -> str:
    return organizations.currency_of(principal.organization)
