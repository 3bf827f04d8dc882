"""The cart over HTTP. A guest's cart is reached with the token that its first addition answered with."""

from chalicelib.carts import schemas, service
from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.routing import Routes

routes = Routes("cart")


@routes.get("/cart", permission=PUBLIC, returns=schemas.Cart)
def read_cart(principal: Principal) -> schemas.Cart:
    """The cart with its cheapest price.

    A request with both an access token and an `X-Cart-Token` first moves the guest's items into the user's cart.
    """
    return schemas.Cart.of(service.open_cart(principal))


@routes.post("/cart/items", permission=PUBLIC, returns=schemas.Cart, aliases=("/cart/add",), limit=(240, 60))
def add_items(principal: Principal, body: schemas.AddItems) -> schemas.Cart:
    """Put things into the cart. A guest without a cart gets one, and its token."""
    return schemas.Cart.of(service.add(principal, body.wanted()))


@routes.put("/cart/items/{id}", permission=PUBLIC, returns=schemas.Cart)
def change_item(principal: Principal, id: str, body: schemas.ChangedItem) -> schemas.Cart:
    """Buy a thing of the cart under another licence."""
    return schemas.Cart.of(service.relicense(principal, id, body.licence))


@routes.put("/cart/update", permission=PUBLIC, returns=schemas.Cart, limit=(240, 60))
def change_quantity(principal: Principal, body: schemas.ChangedQuantity) -> schemas.Cart:
    """Have more or fewer of a thing that is sold by the piece, such as tickets of one type."""
    return schemas.Cart.of(service.change_quantity(principal, body.item_id, body.quantity))


@routes.put("/cart/package", permission=PUBLIC, returns=schemas.Cart, limit=(240, 60))
def select_package(principal: Principal, body: schemas.SelectedPackage) -> schemas.Cart:
    """Put photos of one event into the cart as a package has them: all that a search found, say.

    Where another combination costs less it is taken instead, and the quote says so.
    """
    selected = service.select(principal, kind=body.kind, subject=body.event, package=body.package, refs=body.photos)
    return schemas.Cart.of(selected)


@routes.post("/cart/promo", permission=PUBLIC, returns=schemas.Cart, limit=(20, 60))
def take_code(principal: Principal, body: schemas.TakenCode) -> schemas.Cart:
    """Take a promotion code off the price. A code that takes nothing off this cart is refused, and says why."""
    return schemas.Cart.of(service.take_code(principal, body.code))


@routes.delete("/cart/promo", permission=PUBLIC, returns=schemas.Cart)
def drop_codes(principal: Principal, query: schemas.DroppedCode) -> schemas.Cart:
    """Take a promotion code out of the cart, all of them if none is named."""
    return schemas.Cart.of(service.drop_codes(principal, query.code))


@routes.get("/cart/summary", permission=PUBLIC, returns=schemas.Summary)
def read_summary(principal: Principal) -> schemas.Summary:
    """What the cart costs, each amount in words."""
    return schemas.Summary.of(service.open_cart(principal))


@routes.delete("/cart/items/{id}", permission=PUBLIC, returns=schemas.Cart, aliases=("/cart/remove/{id}",))
def remove_item(principal: Principal, id: str) -> schemas.Cart:
    """Take a thing out of the cart."""
    return schemas.Cart.of(service.remove(principal, [id]))


@routes.delete("/cart", permission=PUBLIC, aliases=("/cart/clear", "POST /cart/clear"))
def clear_cart(principal: Principal) -> None:
    """Empty the cart."""
    service.clear(principal)
