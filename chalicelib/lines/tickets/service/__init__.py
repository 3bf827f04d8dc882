"""Tickets, use case by use case: what is on sale, and what was bought."""

from chalicelib.lines.tickets.service.issued import (
    erase_person,
    hand_out,
    link,
    list_mine,
    list_to_event,
    mail_tickets,
    of_order,
    personal_data,
    withdraw,
)
from chalicelib.lines.tickets.service.types import (
    Offer,
    add_type,
    change_type,
    hold,
    list_types,
    priced,
    release,
    withdraw_type,
)

__all__ = [
    "Offer",
    "add_type",
    "change_type",
    "erase_person",
    "hand_out",
    "hold",
    "link",
    "list_mine",
    "list_to_event",
    "list_types",
    "mail_tickets",
    "of_order",
    "personal_data",
    "priced",
    "release",
    "withdraw",
    "withdraw_type",
]
