"""Changing a photo that others may change at the same moment."""

from collections.abc import Callable
from contextlib import suppress

from chalicelib.core.errors import Conflict
from chalicelib.core.table import Write, transact
from chalicelib.lines.photos import store
from chalicelib.lines.photos.model import Photo

_TRIES = 8


def change(organization: str, photo_id: str, how: Callable[[Photo], Photo], *beside: Write) -> bool:
    """Commit the change to the newest state, and what goes `beside` it. False for one that is gone.

    Raises what `how` and `beside` refuse, Conflict `changed_meanwhile`.
    """
    for _ in range(_TRIES):
        was = store.find(organization, [photo_id]).get(photo_id)
        if was is None:
            return False
        changed = how(was)
        if changed == was:
            return True
        with suppress(Conflict):
            transact(*store.save_listed(changed, was=was), *beside)
            return True
    raise Conflict("changed_meanwhile", "The photo keeps changing.")
