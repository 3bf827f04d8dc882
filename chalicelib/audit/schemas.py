"""The audit log on the wire. Times are ISO 8601 with an offset, in answers always UTC."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from chalicelib.audit.model import Search
from chalicelib.core.wire import Output, Paging, Query

_Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Moment = Annotated[
    AwareDatetime,
    Field(
        ge=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC),
        le=datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC),
    ),
]


class Entry(Output):
    """`before` and `after` hold the fields that differ. `requestId` is that of the request that made the change."""

    id: str
    at: datetime.datetime
    actor: str | None
    session: str | None
    source: str
    request_id: str = Field(validation_alias="correlation")
    action: str
    entity: str
    entity_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class _Wanted(Query):
    entity: _Name | None = Field(None, description="A kind of thing, like `user`; goes with `entityId`.")
    entity_id: _Name | None = None
    actor: _Name | None = Field(None, description="The id of who did it. Not together with an entity.")
    since: _Moment | None = Field(None, description="The first moment.")
    until: _Moment | None = Field(None, description="The moment after the last.")

    def search(self) -> Search:
        """Raises Invalid."""
        return Search.of(self.entity, self.entity_id, self.actor, self.since, self.until)


class EntryList(_Wanted, Paging):
    pass


class EntryExport(_Wanted):
    format: Literal["csv", "json"] = "csv"
    cursor: str | None = Field(None, max_length=4096)
