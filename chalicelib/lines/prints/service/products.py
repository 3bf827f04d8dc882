"""What an organization has printed."""

from collections.abc import Callable
from dataclasses import asdict, replace

from chalicelib.audit import service as audit
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.lines.prints import labs, store
from chalicelib.lines.prints.model import Catalogue, Product

_TRIES = 5


def list_products(principal: Principal) -> Catalogue:
    """What may be ordered, which is nothing without a laboratory; for staff all of it."""
    held = store.catalogue(principal.organization)
    if principal.may("event.manage"):
        return held
    sold = tuple(held.on_sale.values()) if labs.account_of(principal.organization) else ()
    return replace(held, products=sold)


def add_product(actor: Principal, product: Product) -> Catalogue:
    """Print a further product. Raises Conflict `print_code_taken`, Invalid."""
    return _change(actor, lambda held: held.with_product(product))


def change_product(actor: Principal, product: Product) -> Catalogue:
    """Change name, prices, pixels or sale of the product with that code.

    Raises NotFound, Conflict `print_product_fixed`, Invalid.
    """
    return _change(actor, lambda held: held.with_changed(product))


def drop_product(actor: Principal, code: str) -> None:
    """Print it no more; what was ordered is. Raises NotFound."""
    _change(actor, lambda held: held.without(code))


def _change(actor: Principal, change: Callable[[Catalogue], Catalogue]) -> Catalogue:
    for _ in range(_TRIES):
        was = store.catalogue(actor.organization)
        now = change(was)
        if now.products == was.products:
            return was
        told = audit.entry(
            actor,
            action="print_products.changed",
            entity="print_products",
            entity_id=actor.organization,
            before={product.code: asdict(product) for product in was.products},
            after={product.code: asdict(product) for product in now.products},
        )
        try:
            transact(store.save_catalogue(now, was=was), told)
            return replace(now, version=was.version + 1)
        except Conflict:
            continue
    raise Conflict("changed_meanwhile", "The products keep changing. Try again.")
