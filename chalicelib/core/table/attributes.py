"""How values stand in an item: times, choices, and parts that are only read whole."""

from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pynamodb.attributes import Attribute
from pynamodb.constants import STRING

from chalicelib.core import clock
from chalicelib.core.table.failures import NewerRelease

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Moment(Attribute[datetime]):
    """A UTC time as fixed-width text: sorts, and reads well in a console."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return clock.stamp(value)

    def deserialize(self, value: str) -> datetime:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


class Choice(Attribute[E], Generic[E]):
    """A StrEnum as its value. Only a newer release writes one that the enum lacks: reading it raises NewerRelease."""

    attr_type = STRING

    def __init__(self, kind: type[E], **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind

    def serialize(self, value: E) -> str:
        return value.value

    def deserialize(self, value: str) -> E:
        try:
            return self._kind(value)
        except ValueError as failure:
            raise NewerRelease from failure


class Typed(Attribute[T], Generic[T]):
    """Anything pydantic can describe, as JSON text: for parts of an item that are only read whole."""

    attr_type = STRING

    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__(**options)
        self._typed = kind

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self._typed)

    def serialize(self, value: T) -> str:
        return self._adapter.dump_json(value).decode()

    def deserialize(self, value: str) -> T:
        return self._adapter.validate_json(value)


class Several(Typed[tuple[T, ...]]):
    """A tuple, left out of the item while it is empty: where it was added later, older items read as empty ones."""

    def __init__(self, kind: type[T]) -> None:
        super().__init__(tuple[kind, ...], null=True, default=())  # type: ignore[valid-type]

    def serialize(self, value: tuple[T, ...]) -> str:
        return super().serialize(value) if value else None  # type: ignore[return-value]
