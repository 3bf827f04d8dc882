"""The delivery receipt of an order: what happened, in a chain that only grows."""

from typing import Any

from chalicelib.core import clock, signing
from chalicelib.core.errors import NotFound, Unavailable
from chalicelib.core.table import Write, transact
from chalicelib.entitlements import store
from chalicelib.entitlements.chain import Entry, Facts, Step
from chalicelib.organizations import service as organizations

TYPE = "delivery-receipt"
_TRIES = 8


def append(organization: str, order: str, step: Step, facts: Facts, *writes: Write, once: bool = False) -> None:
    """Commit the writes and the entry that tells of them, or neither.

    With `once`, nothing is done where the order has had this step. Raises what the writes refuse.
    """
    for _ in range(_TRIES):
        if once and any(entry.step is step for entry in store.entries(organization, order)):
            return
        last = store.last_entry(organization, order)
        entry = Entry.after(last, organization, order, step, facts, clock.now())
        try:
            transact(*writes, store.append(entry))
            return
        except store.EntryTaken:
            continue
    raise Unavailable("busy", "Too much happens to this order at once. Try again.", retry_after=1)


def receipt(organization: str, order: str) -> dict[str, Any]:
    """All that happened to the order's delivery, signed as it stands now. Raises NotFound before anything did."""
    entries = store.entries(organization, order)
    if not entries:
        raise NotFound("receipt_not_found", "Nothing of this order was delivered yet.")
    signing.keep(organization)
    document = {
        "type": TYPE,
        "version": 1,
        "licensor": {"id": organization, "name": organizations.get(organization).name},
        "order": order,
        "entries": [entry.told for entry in entries],
        "issuedAt": clock.stamp(clock.now()),
    }
    return signing.signed(organization, document)
