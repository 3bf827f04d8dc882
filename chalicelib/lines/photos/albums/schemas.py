"""Albums on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from chalicelib.core.wire import Input, Output, Paging
from chalicelib.lines.photos.albums.model import Kind
from chalicelib.lines.photos.schemas import MOST_FILES, AnyVersion

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")
]
PhotoId = Annotated[str, StringConstraints(max_length=40)]


class AlbumPage(Paging):
    kind: Kind | None = None


class NewAlbum(Input):
    name: Name
    kind: Kind = Field(Kind.ALBUM, strict=False, description="A `location` is named by people, as `km 21`.")


class ChangedAlbum(Input):
    name: Name
    version: AnyVersion


class Album(Output):
    """Its photos are those of `/events/{id}/photos?album=` or `?location=`."""

    id: str
    event_id: str = Field(validation_alias="event")
    kind: Kind
    name: str
    created_at: datetime
    version: int


class Moves(Input):
    add: list[PhotoId] = Field([], max_length=MOST_FILES)
    remove: list[PhotoId] = Field([], max_length=MOST_FILES)

    @model_validator(mode="after")
    def _moves_each_once(self) -> Self:
        named = [*self.add, *self.remove]
        if not 0 < len(named) == len(set(named)) <= MOST_FILES:
            raise ValueError(f"name 1 to {MOST_FILES} photos, each once")
        return self


class Moved(Output):
    photo_id: str = Field(validation_alias="photo")
    error: str | None


class AllMoved(Output):
    items: list[Moved]
