"""Settings on the wire."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from chalicelib.configuration.model import Stored
from chalicelib.core.wire import Input, Output, Paging


class Settings(Output):
    """One version of a section: `values` by name. Version 0 was never changed."""

    section: str
    values: dict[str, Any]
    version: int
    changed_at: datetime | None
    changed_by: str | None


class Sections(Output):
    sections: list[Settings]

    @classmethod
    def of(cls, sections: list[Stored]) -> "Sections":
        return cls(sections=[Settings.model_validate(section) for section in sections])


class SettingsChange(Input):
    """`version` as last read; of the values only those to change."""

    section: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    version: int = Field(ge=0, le=1 << 31)
    values: dict[str, Any] = Field(max_length=50)


class SettingsHistory(Paging):
    pass


class PublicSettings(Output):
    """Section -> name -> value."""

    settings: dict[str, dict[str, Any]]


class FeatureList(Output):
    """The names of what is on for the caller."""

    features: list[str]
