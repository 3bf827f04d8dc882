"""Carts.

| access             | key                          |
|--------------------|------------------------------|
| one cart           | pk T#{org}#CRT#{id} / sk -   |

A user's cart has an id derived from the user, so it needs no look-up. Carts go by TTL.
"""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.carts.model import Cart
from chalicelib.core import clock
from chalicelib.core.table import Moment, Record, Several, Typed, Write, create, delete, each_gets, replace, table
from chalicelib.lines.contract import Item


class CartRecord(Record):
    Meta = table("carts")
    keys = ("T#{}#CRT#{}", "-")
    model = Cart
    upgrades = (each_gets("items", licence="personal", package=None),)

    id = UnicodeAttribute()
    organization = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    token_hash = UnicodeAttribute(null=True)
    items = Typed[tuple[Item, ...]](tuple[Item, ...])
    expires_at = Moment()
    codes = Several(str)


def find(organization: str, cart_id: str) -> Cart | None:
    """None for a missing, a foreign and an expired cart alike."""
    record = CartRecord.fetch(_pk(organization, cart_id), "-")
    if record is None or record.expires_at <= clock.now():
        return None
    cart: Cart = record.value()
    return cart


def save(cart: Cart) -> Write:
    """A write that holds while the stored cart is still at `cart.version` (0: there is none)."""
    record = CartRecord.of(cart, pk=_pk(cart.organization, cart.id), sk="-", ttl=clock.epoch(cart.expires_at))
    if cart.version == 0:
        record.version = 1
        write = create(record)
        # An expired cart that DynamoDB has not removed yet counts as none.
        expired = CartRecord.ttl < clock.epoch(clock.now())
        return Write("put", record, CartRecord.pk.does_not_exist() | expired, refused=write.refused)
    return replace(record, cart.version)


def remove(cart: Cart) -> Write:
    record = CartRecord(_pk(cart.organization, cart.id), "-")
    return delete(record, CartRecord.version == cart.version)


def forget(organization: str, cart_id: str) -> Write:
    return delete(CartRecord(_pk(organization, cart_id), "-"))


def _pk(organization: str, cart_id: str) -> str:
    return f"T#{organization}#CRT#{cart_id}"
