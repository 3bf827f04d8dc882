"""An entry of the audit log, and what it never holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic_core import to_jsonable_python

from chalicelib.core.errors import Invalid

KEPT_FOR = timedelta(days=2 * 365)
MASK = "***"

SECRET = frozenset(
    {
        "access_token", "api_key", "bank_account", "card", "code", "digest", "iban", "key", "nonce", "password",
        "private_key", "recovery_codes", "refresh_digest", "refresh_token", "secret", "token", "totp",
    }
)  # fmt: skip

PERSONAL = frozenset(
    {
        "address", "birth_date", "city", "email", "first_name", "full_name", "iin", "last_name", "middle_name",
        "national_id", "phone", "phones", "postcode", "recipient", "street", "tax_id",
    }
)  # fmt: skip
"""An entry outlives the person it is about: it says that these changed, and neither from what nor to what."""

NAMED_PEOPLE = frozenset({"customer", "invitation", "member", "person", "profile", "user"})
"""Entities whose `name` is a person's."""

_LONGEST_TEXT = 500
_LONGEST_LIST = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """`actor` is the user who did it, None for a visitor and for work that nobody asked for. `source` is the address
    it came from, `correlation` what the log's lines of the same request carry. `before` and `after` hold the fields
    that differ; None where nothing was before, or is after.
    """

    id: str
    organization: str
    actor: str | None
    session: str | None
    source: str
    correlation: str
    action: str
    entity: str
    entity_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries are wanted: those about one entity, those of one actor, or all; from `since` to before `until`."""

    entity: tuple[str, str] | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(
        cls,
        entity: str | None,
        entity_id: str | None,
        actor: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Self:
        """Raises Invalid for half an entity, and for what no list of ours can answer."""
        if (entity is None) != (entity_id is None):
            missing = "entity" if entity is None else "entityId"
            raise Invalid("entity_incomplete", "Name an entity by its kind and its id.", field=missing)
        if entity is not None and actor is not None:
            raise Invalid("one_list_at_a_time", "Ask about an entity or about an actor.", field="actor")
        about = (entity, entity_id) if entity is not None and entity_id is not None else None
        return cls(about, actor, since, until)

    def query(self) -> dict[str, str]:
        """As the query string that asks for it."""
        kind, id = self.entity or (None, None)
        since, until = (moment.isoformat() if moment else None for moment in (self.since, self.until))
        asked = {"entity": kind, "entityId": id, "actor": self.actor, "since": since, "until": until}
        return {name: value for name, value in asked.items() if value is not None}


def masked(entity: str, state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A state as JSON values in which secrets and what tells a person's identity are only known to be there."""
    if state is None:
        return None
    hidden = SECRET | PERSONAL | ({"name"} if entity in NAMED_PEOPLE else frozenset())
    return {name: _shown(name, value, hidden) for name, value in state.items()}


def differing(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Both states with only the fields in which they differ."""
    if before is None or after is None:
        return before, after
    nothing = object()
    names = [name for name in {**before, **after} if before.get(name, nothing) != after.get(name, nothing)]
    return _only(names, before), _only(names, after)


def _only(names: list[str], state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: state[name] for name in names if name in state}


def _shown(name: str, value: Any, hidden: frozenset[str]) -> Any:
    if name in hidden:
        return MASK if value else value
    match value:
        case Mapping():
            return {str(part): _shown(str(part), held, hidden) for part, held in value.items()}
        case set() | frozenset():
            return [_shown("", held, hidden) for held in sorted(value, key=str)][:_LONGEST_LIST]
        case list() | tuple():
            return [_shown("", held, hidden) for held in value[:_LONGEST_LIST]]
        case str():
            return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
        case None | bool() | int() | float():
            return value
    return _shown("", to_jsonable_python(value), hidden)
