"""Favourites, shown as those tell of them who sell them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from chalicelib import lines
from chalicelib.core import clock
from chalicelib.core.auth import Principal
from chalicelib.core.errors import AppError, Conflict, NotFound
from chalicelib.core.table import Page, PageRequest
from chalicelib.lines.contract import Item, Quote
from chalicelib.profiles import service as profiles
from chalicelib.profiles.model import Favorite


@dataclass(frozen=True, slots=True)
class Shown:
    """`title` is what it belongs to, like an event's name; None where the thing can not be bought now."""

    id: str
    kind: str
    title: str | None
    available: bool
    added_at: datetime


def list_favorites(principal: Principal, request: PageRequest) -> Page[Shown]:
    found = profiles.list_favorites(principal, request)
    titles = _titles(principal.organization, found.items)
    return found.map(lambda favorite: _shown(favorite, titles.get(favorite.ref)))


def add_favorite(principal: Principal, kind: str, ref: str) -> Shown:
    """Raises NotFound for what is not there, Invalid for what nobody sells, Conflict for what is not on sale."""
    quote = _quote(principal.organization, kind, [ref])
    for problem in quote.problems:
        refusal: type[AppError] = NotFound if problem.code.endswith("_not_found") else Conflict
        raise refusal(problem.code, problem.message)
    return _shown(profiles.add_favorite(principal, kind, ref), quote.lines[0].title)


def remove_favorite(principal: Principal, ref: str) -> None:
    profiles.remove_favorite(principal, ref)


def is_favorite(principal: Principal, ref: str) -> bool:
    return profiles.is_favorite(principal, ref)


def _titles(organization: str, favorites: Sequence[Favorite]) -> dict[str, str]:
    """The titles of those that are on sale, by their ids."""
    found: dict[str, str] = {}
    for kind, group in groupby(sorted(favorites, key=lambda favorite: favorite.kind), lambda favorite: favorite.kind):
        for line in _quote(organization, kind, [favorite.ref for favorite in group]).lines:
            found |= dict.fromkeys(line.refs, line.title)
    return found


def _quote(organization: str, kind: str, refs: Sequence[str]) -> Quote:
    return lines.of_kind(kind).quote(organization, [Item(kind, ref) for ref in refs], clock.now())


def _shown(favorite: Favorite, title: str | None) -> Shown:
    return Shown(favorite.ref, favorite.kind, title, title is not None, favorite.added_at)
