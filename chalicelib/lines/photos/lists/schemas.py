"""Shared lists on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.core.wire import Input, Output
from chalicelib.lines.photos.lists.model import MOST
from chalicelib.lines.photos.schemas import Photo


class NewList(Input):
    photos: list[Annotated[str, StringConstraints(max_length=40)]] = Field(min_length=1, max_length=MOST)


class Shared(Output):
    """`slug` is shown once: whoever has it opens the list."""

    slug: str
    expires_at: datetime


class PhotoList(Output):
    event_id: str = Field(validation_alias="event")
    expires_at: datetime
    items: list[Photo]
