"""A cart: what a visitor or a user has picked, whatever line of sale it belongs to."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.core.errors import Unprocessable
from chalicelib.lines.contract import Item

LASTS = timedelta(days=7)
MOST_ITEMS = 300


@dataclass(frozen=True, slots=True)
class Cart:
    """`owner` is a user id; a guest's cart has None and is opened by the token whose digest is `token_hash`.

    `codes` are the promotion codes that are to be taken off.
    """

    id: str
    organization: str
    owner: str | None
    token_hash: str | None
    items: tuple[Item, ...]
    expires_at: datetime
    codes: tuple[str, ...] = ()
    version: int = 0

    def put(self, items: tuple[Item, ...], at: datetime) -> "Cart":
        """The cart with these items too; one that is there already stays once, under its newest licence."""
        merged = tuple({(item.kind, item.ref): item for item in self.items + items}.values())
        if len(merged) > MOST_ITEMS:
            raise Unprocessable("cart_full", f"A cart holds up to {MOST_ITEMS} items.", field="items")
        return replace(self, items=merged, expires_at=at + LASTS)

    def take_over(self, other: "Cart", most_codes: int, at: datetime) -> "Cart":
        """With all that another cart has; its codes as far as there is room."""
        codes = tuple(dict.fromkeys(self.codes + other.codes))[:most_codes]
        return replace(self.put(other.items, at), codes=codes)

    def holds(self, items: tuple[Item, ...]) -> bool:
        return {(item.kind, item.ref) for item in items} <= {(item.kind, item.ref) for item in self.items}

    def without(self, refs: frozenset[str], at: datetime, codes: frozenset[str] = frozenset()) -> "Cart":
        items = tuple(item for item in self.items if item.ref not in refs)
        kept = tuple(code for code in self.codes if code not in codes)
        return replace(self, items=items, codes=kept, expires_at=at + LASTS)

    def with_codes(self, codes: tuple[str, ...], at: datetime) -> "Cart":
        return replace(self, codes=codes, expires_at=at + LASTS)
