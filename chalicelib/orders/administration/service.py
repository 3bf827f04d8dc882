"""Finding orders, writing down what happened, and the few things that a person may change."""

from datetime import timedelta

from chalicelib.audit import service as audit
from chalicelib.core import clock, ids, outbox
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.entitlements import service as entitlements
from chalicelib.orders import service as orders
from chalicelib.orders import store
from chalicelib.orders.messages import ConfirmationDue
from chalicelib.orders.model import MOST_NOTES, Note, Order, Search, Status

_OCCASION = timedelta(minutes=1)
"""Asking for the mail again within a minute sends it once."""


def find(principal: Principal, search: Search, request: PageRequest) -> Page[Order]:
    """A page of orders, newest first. It holds fewer than asked where some of a list do not fit."""
    return store.find(principal.organization, search, request)


def change(actor: Principal, order_id: str, *, status: Status | None, reason: str | None, note: str | None) -> Order:
    """What a person may change of an order: cancel it while nobody has paid, and write a note.

    Raises NotFound, Conflict `order_status` for every other status.
    """
    order = orders.open_order(actor, order_id)
    if status is not None and status is not Status.CANCELLED:
        raise Conflict("order_status", f"Nobody makes an order {status}: payments, time and refunds do.")
    if note is not None:
        write_note(actor, order.id, note)
    return order if status is None else orders.cancel(actor, order.id, reason)


def write_note(actor: Principal, order_id: str, text: str) -> Note:
    """Write something down about an order. The same twice is once. Raises NotFound, Conflict `too_many_notes`."""
    order = orders.open_order(actor, order_id)
    note = Note(
        id=ids.derived("not", order.organization, order.id, str(actor.user), text),
        organization=order.organization,
        order=order.id,
        author=actor.user,
        text=text,
        created_at=clock.now(),
    )
    held = notes(order)
    known = next((each for each in held if each.id == note.id), None)
    if known is not None:
        return known
    if len(held) >= MOST_NOTES:
        raise Conflict("too_many_notes", f"An order takes {MOST_NOTES} notes.")
    told = audit.entry(actor, action="order.noted", entity="order", entity_id=order.id, after={"note": note.id})
    transact(store.add_note(note), told)
    return note


def notes(order: Order) -> list[Note]:
    """The newest first."""
    held = store.notes(order.organization, order.id, MOST_NOTES)
    return sorted(held, key=lambda note: note.created_at, reverse=True)


def resend(actor: Principal, order_id: str) -> None:
    """Mail the link to an order's downloads again. Raises NotFound, Conflict `nothing_to_send`."""
    order = orders.open_order(actor, order_id)
    if all(grant.revoked for grant in entitlements.of_order(order.organization, order.id)):
        raise Conflict("nothing_to_send", "Nothing of this order was handed over that could be mailed.")
    asked = str(int(clock.now().timestamp() // _OCCASION.total_seconds()))
    told = audit.entry(actor, action="order.resent", entity="order", entity_id=order.id)
    transact(told, outbox.publish(ConfirmationDue(organization=order.organization, order=order.id, asked=asked)))
