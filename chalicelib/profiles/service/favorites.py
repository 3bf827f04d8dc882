"""What somebody likes. Whether there is such a thing, and what it is, is for those to say who sell it."""

from contextlib import suppress

from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict
from chalicelib.core.table import Page, PageRequest, transact
from chalicelib.profiles import store
from chalicelib.profiles.model import Favorite


def list_favorites(principal: Principal, request: PageRequest) -> Page[Favorite]:
    """The newest things first."""
    return store.favorites_of(principal.organization, principal.known_user, request)


def add_favorite(principal: Principal, kind: str, ref: str) -> Favorite:
    """Like something; what is liked already stays as it is."""
    favorite = Favorite(principal.organization, principal.known_user, kind, ref, clock.now())
    with suppress(Conflict):
        transact(store.add_favorite(favorite))
    return store.find_favorite(principal.organization, principal.known_user, ref) or favorite


def remove_favorite(principal: Principal, ref: str) -> None:
    transact(store.remove_favorite(principal.organization, principal.known_user, ref))


def is_favorite(principal: Principal, ref: str) -> bool:
    return store.find_favorite(principal.organization, principal.known_user, ref) is not None
