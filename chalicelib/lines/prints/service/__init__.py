"""Prints, use case by use case: what is printed, parcels that are ordered, and what becomes of them."""

from chalicelib.lines.prints.service.parcels import find, hold, make, priced, release, take, withdraw
from chalicelib.lines.prints.service.printing import accept_callback, get, in_state, mail_shipment, settle, settle_due
from chalicelib.lines.prints.service.privacy import erase_person, personal_data
from chalicelib.lines.prints.service.products import add_product, change_product, drop_product, list_products

__all__ = [
    "accept_callback",
    "add_product",
    "change_product",
    "drop_product",
    "erase_person",
    "find",
    "get",
    "hold",
    "in_state",
    "list_products",
    "mail_shipment",
    "make",
    "personal_data",
    "priced",
    "release",
    "settle",
    "settle_due",
    "take",
    "withdraw",
]
