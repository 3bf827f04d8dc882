"""Favourites on the wire."""

from datetime import datetime

from pydantic import Field

from chalicelib.core.wire import Input, Output


class NewFavorite(Input):
    kind: str = Field("photos", min_length=1, max_length=20)


class Favorite(Output):
    """`title` is what the thing belongs to; null where it can not be bought now."""

    id: str
    kind: str
    title: str | None
    available: bool
    added_at: datetime


class Check(Output):
    is_favorite: bool
