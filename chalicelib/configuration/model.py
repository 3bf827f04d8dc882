"""Settings as their rooms declare them, and the decision who has a feature."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from chalicelib.core import ids
from chalicelib.core.errors import InvalidFields

_MOST_FEATURES = 50
_FeatureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
_Role = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}$")]
_Link = Annotated[str, StringConstraints(max_length=300, pattern=r"^https://[^\s\"<>]+$")]


class Section(BaseModel):
    """Settings that belong together. A room declares a subclass of its own; every field has a type and a default.

    Fields may be added, never renamed or narrowed: what is stored must stay valid. `public` names those that anybody
    may read.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        defer_build=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
    )

    known: ClassVar[dict[str, type["Section"]]] = {}
    section: ClassVar[str]
    public: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.section in Section.known:
            raise TypeError(f"two sections are called {cls.section}")
        Section.known[cls.section] = cls

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> Self:
        """The settings of stored values. What an older or newer release had besides is left out."""
        names = {field.alias for field in cls.model_fields.values()}
        return cls._read({name: value for name, value in values.items() if name in names})

    def changed(self, values: Mapping[str, Any]) -> Self:
        """With other `values` (name on the wire -> JSON). Raises InvalidFields."""
        try:
            return self._read({**self.values(), **values})
        except ValidationError as failure:
            problems = failure.errors(include_url=False, include_input=False, include_context=False)
            raise InvalidFields(
                [
                    (".".join(["values", *map(str, problem["loc"])]), problem["type"], problem["msg"])
                    for problem in problems[:20]
                ]
            ) from failure

    def values(self) -> dict[str, Any]:
        """Name on the wire -> JSON."""
        return self.model_dump(mode="json", by_alias=True)

    def public_values(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, include=set(self.public))

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> Self:
        """By way of JSON, as strict types want it: a list of JSON may be a set of ours."""
        return cls.model_validate_json(json.dumps(values))


class Site(Section):
    """What every frontend shows."""

    section = "site"
    public = frozenset({"notice", "support_email", "support_phone", "terms_url", "privacy_url"})

    notice: str = Field("", max_length=500, description="Shown on top of every page.")
    support_email: str = Field("", max_length=254, pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$")
    support_phone: str = Field("", max_length=20, pattern=r"^(\+[0-9]{6,15})?$")
    terms_url: _Link | None = None
    privacy_url: _Link | None = None


class Feature(BaseModel):
    """Whoever has one of the `roles` has the feature, and of everybody else `percentage` people in a hundred."""

    model_config = Section.model_config

    description: str = Field("", max_length=100)
    percentage: int = Field(0, ge=0, le=100)
    roles: frozenset[_Role] = Field(frozenset(), max_length=10)

    def is_on(self, name: str, subject: str | None, roles: frozenset[str]) -> bool:
        """Whether `subject` has the feature called `name`; None is a visitor, who has it once everybody does.

        The hash decides, so it is the same at every request; a larger percentage only adds people, and each feature
        begins with others.
        """
        if self.percentage == 100 or not self.roles.isdisjoint(roles):
            return True
        if subject is None:
            return False
        return _bucket(name, subject) < self.percentage


class Features(Section):
    """What is rolled out step by step."""

    section = "features"

    features: dict[_FeatureName, Feature] = Field(default_factory=dict, max_length=_MOST_FEATURES)

    def of(self, subject: str | None, roles: frozenset[str]) -> list[str]:
        """The names of what is on for somebody."""
        return sorted(name for name, feature in self.features.items() if feature.is_on(name, subject, roles))


def _bucket(name: str, subject: str) -> int:
    """0 to 99, each for one in a hundred people."""
    return int.from_bytes(hashlib.sha256(ids.joined("feature", name, subject)).digest()[:8]) % 100


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a section. Version 0 was never stored: the defaults. `values` are as on the wire."""

    organization: str
    section: str
    values: dict[str, Any]
    changed_at: datetime | None
    changed_by: str | None
    version: int
