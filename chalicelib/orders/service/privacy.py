"""What somebody bought, told, handed out and kept without them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from chalicelib.core import clock
from chalicelib.core.errors import Conflict
from chalicelib.core.storage import StoredFile
from chalicelib.core.table import transact
from chalicelib.entitlements import service as entitlements
from chalicelib.orders import store
from chalicelib.orders.model import MOST_NOTES
from chalicelib.orders.service.reading import of_person

_TRIES = 5


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """What somebody bought, the newest first."""
    return [
        {
            "id": order.id,
            "code": order.code,
            "email": order.email,
            "status": order.status,
            "total": order.total,
            "currency": order.currency,
            "created_at": order.created_at,
            "paid_at": order.paid_at,
            "lines": [{"title": line.title, "amount": line.amount, "items": line.refs} for line in order.lines],
        }
        for order in of_person(organization, user)
    ]


def own_files(organization: str, user: str) -> Iterator[StoredFile]:
    """The files that somebody paid for and may still fetch."""
    now = clock.now()
    for order in of_person(organization, user):
        for grant in entitlements.of_order(organization, order.id):
            if grant.is_available(now):
                yield StoredFile("originals", grant.key, f"bought/{order.code}/{grant.id}-{grant.filename}")


def erase_person(organization: str, user: str) -> None:
    """Take the buyer out of all orders; what they paid stays, under a pseudonym. May run again where it was cut off."""
    for order in of_person(organization, user):
        entitlements.forget_owner(organization, order.id)
        for _ in range(_TRIES):
            with suppress(Conflict):
                held = store.get(organization, order.id)
                gone = [store.forget_note(note) for note in store.notes(organization, order.id, MOST_NOTES)]
                transact(store.save(held.without_buyer(), was=held), store.unlist_address(order), *gone)
                break
        else:
            raise Conflict("changed_meanwhile", "The order keeps changing.")
