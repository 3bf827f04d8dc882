"""Webhooks, use case by use case: looking after endpoints, announcing what happened, delivering it."""

from chalicelib.webhooks.service.announcing import announce
from chalicelib.webhooks.service.delivering import deliver, send_due
from chalicelib.webhooks.service.endpoints import change, create, find, listed, remove, rotate
from chalicelib.webhooks.service.history import deliveries, delivery, replay, test

__all__ = [
    "announce",
    "change",
    "create",
    "deliver",
    "deliveries",
    "delivery",
    "find",
    "listed",
    "remove",
    "replay",
    "rotate",
    "send_due",
    "test",
]
