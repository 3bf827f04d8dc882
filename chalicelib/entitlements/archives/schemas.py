"""Archives on the wire."""

from datetime import datetime
from typing import Any

from pydantic import Field, model_validator

from chalicelib.core.wire import Input, Output
from chalicelib.entitlements.archives.model import Progress, State
from chalicelib.entitlements.model import Size
from chalicelib.entitlements.schemas import SIZES


class Wanted(Input):
    size: Size = Field(Size.ORIGINAL, strict=False, description=SIZES)


class Archive(Output):
    """`packed` of `photos` are done. Fetch `url` with a plain GET; ask again for another one."""

    id: str
    order: str
    state: State
    photos: int
    packed: int
    photo_size: Size
    size: int = Field(description="Bytes, so far.")
    created_at: datetime
    expires_at: datetime
    url: str | None = Field(description="Works for five minutes; null until it is ready.")

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, given: Any) -> Any:
        if not isinstance(given, Progress):
            return given
        archive = given.archive
        done = len(archive.resources) if archive.state is State.READY else len(archive.packed)
        named = {name: getattr(archive, name) for name in ("id", "order", "state", "size", "created_at", "expires_at")}
        named["photo_size"] = archive.photo_size
        return {**named, "photos": len(archive.resources), "packed": done, "url": given.url}
