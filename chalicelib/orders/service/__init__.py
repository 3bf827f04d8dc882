"""Orders: place once, pay once, hand over, expire."""

from chalicelib.orders.model import MOST_LINES
from chalicelib.orders.service.ending import cancel, expire_due
from chalicelib.orders.service.handing_over import clear_cart, give_back, hand_over, share_out, withdraw
from chalicelib.orders.service.paying import keep_payable, pay, settle_late, still_payable, take
from chalicelib.orders.service.placing import place_order
from chalicelib.orders.service.privacy import erase_person, own_files, personal_data
from chalicelib.orders.service.reading import (
    get,
    is_buyer,
    list_open,
    list_orders,
    of_person,
    open_order,
    token_of,
)

__all__ = [
    "MOST_LINES",
    "cancel",
    "clear_cart",
    "erase_person",
    "expire_due",
    "get",
    "give_back",
    "hand_over",
    "is_buyer",
    "keep_payable",
    "list_open",
    "list_orders",
    "of_person",
    "open_order",
    "own_files",
    "pay",
    "personal_data",
    "place_order",
    "settle_late",
    "share_out",
    "still_payable",
    "take",
    "token_of",
    "withdraw",
]
