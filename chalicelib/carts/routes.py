"""The cart over HTTP. A guest's cart is reached with the token that its first addition answered with."""

from chalicelib.carts import schemas, service
from chalicelib.core.auth import PUBLIC, Principal
from chalicelib.core.http import Routes

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


@routes.delete("/cart/items/{id}", permission=PUBLIC, returns=schemas.Cart)
def remove_item(principal: Principal, id: str) -> schemas.Cart:
    """Take a thing out of the cart."""
    return schemas.Cart.of(service.remove(principal, [id]))


@routes.delete("/cart", permission=PUBLIC)
def clear_cart(principal: Principal) -> None:
    """Empty the cart."""
    service.clear(principal)
