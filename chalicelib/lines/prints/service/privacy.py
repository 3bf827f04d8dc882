"""What parcels tell of somebody."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chalicelib.core.errors import Conflict
from chalicelib.core.table import transact
from chalicelib.lines.prints import store
from chalicelib.lines.prints.model import State
from chalicelib.lines.prints.service.addressing import opened

_TRIES = 5


def personal_data(organization: str, user: str) -> list[Mapping[str, Any]]:
    """The parcels that somebody packed, the newest first, and where they go."""
    found: list[Mapping[str, Any]] = []
    for parcel in store.of_user(organization, user):
        recipient = opened(parcel)
        told = {name: getattr(parcel, name) for name in ("id", "order", "state", "created_at", "prints", "shipments")}
        found.append(told | {"address": asdict(recipient.address) if recipient else None})
    return found


def erase_person(organization: str, user: str) -> None:
    """Forget whose parcels they are and where they go; what nobody ordered goes. May run twice."""
    for parcel in store.of_user(organization, user):
        for _ in range(_TRIES):
            held = store.stored(organization, parcel.id)
            if held is None:
                break
            unordered = held.state is State.DRAFT and held.order is None
            try:
                transact(store.drop(held) if unordered else store.save(held.forgotten(), was=held))
                break
            except Conflict:
                continue
        else:
            raise Conflict("changed_meanwhile", "The parcel keeps changing.")
