"""Photographers over HTTP."""

from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes
from chalicelib.photographers import model, schemas, service

routes = Routes("photographers")


@routes.get("/users/me/photographer", permission="photo.upload", guarded=True, returns=schemas.OwnPage)
def show_own(principal: Principal) -> schemas.OwnPage:
    """What the caller tells as a photographer. Of account and tax id only the last four characters are shown."""
    return schemas.OwnPage.of(service.show_own(principal))


@routes.put("/users/me/photographer", permission="photo.upload", guarded=True, returns=schemas.OwnPage, limit=(60, 60))
def change_own(principal: Principal, body: schemas.PhotographerUpdate) -> schemas.OwnPage:
    """Change what is sent and nothing else. The first change opens the caller's public page."""
    return schemas.OwnPage.of(service.change(principal, version=body.version, told=body.told()))


@routes.get("/photographers/{id}", permission=PUBLIC, returns=schemas.Photographer, cache=60)
def show_photographer(principal: Principal, id: str) -> schemas.Photographer:
    """A photographer: bio, specialities, portfolio, and the average of what buyers gave."""
    return schemas.Photographer.of(service.show(principal, id))


@routes.get("/photographers/{id}/bank-account", permission="revenue.read", returns=schemas.Payable)
def show_bank_account(principal: Principal, id: str) -> service.Payable:
    """Where a photographer's money goes, masked."""
    return service.payable(principal.organization, id)


@routes.put("/photographers/{id}/rating", permission=PUBLIC, guarded=True, returns=schemas.Rating, limit=(60, 60))
def rate_photographer(principal: Principal, id: str, body: schemas.NewRating) -> model.Rating:
    """Give a photographer one to five stars for an order; again is instead.

    For the order's owner, or with the order's token in `X-Order-Token`.
    """
    return service.rate(principal, id, body.order, body.stars)
