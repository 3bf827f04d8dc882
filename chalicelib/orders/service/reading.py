"""Finding orders, for their buyers, for who holds a token, and for the house."""

from collections.abc import Iterator

from chalicelib.core import ids, secrets
from chalicelib.core.auth import Principal
from chalicelib.core.errors import NotFound
from chalicelib.core.table import Page, PageRequest
from chalicelib.orders import store
from chalicelib.orders.model import OPEN, Order


def open_order(principal: Principal, order_id: str) -> Order:
    """An order for its buyer, for the holder of its token, or for staff. Everybody else learns nothing: NotFound."""
    missing = NotFound("order_not_found", "There is no such order.")
    if not ids.is_id("ord", order_id):
        raise missing
    order = store.get(principal.organization, order_id)
    if not (is_buyer(principal, order) or principal.may("order.read_all")):
        raise missing
    return order


def is_buyer(principal: Principal, order: Order) -> bool:
    """Whether it is theirs, or they hold its token."""
    if principal.user is not None and order.owner == principal.user:
        return True
    return secrets.is_signature(principal.tokens.get("order", ""), "order", order.organization, order.id)


def get(organization: str, order_id: str) -> Order:
    return store.get(organization, order_id)


def token_of(order: Order) -> str:
    """The key that opens an order and its downloads to whoever holds it."""
    return secrets.sign("order", order.organization, order.id)


def list_orders(principal: Principal, request: PageRequest) -> Page[Order]:
    return store.of_buyer(principal.organization, principal.known_user, request)


def list_open(principal: Principal, request: PageRequest, *, is_open: bool) -> Page[Order]:
    """Of the caller's orders those of which something is still to come, or the others. A page may hold fewer."""
    found = list_orders(principal, request)
    kept = [order for order in found.items if (order.status in OPEN) == is_open]
    return Page(kept, found.size, found.cursor, number=found.number)


def of_person(organization: str, user: str) -> Iterator[Order]:
    """All that somebody ordered, the newest first."""
    request: PageRequest | None = PageRequest(size=100)
    while request is not None:
        found = store.of_buyer(organization, user, request)
        yield from found.items
        request = PageRequest(size=100, cursor=found.cursor) if found.cursor else None
