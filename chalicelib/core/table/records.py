"""One record base. A store describes a record by listing its attributes under the names of the model's fields."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pynamodb.attributes import Attribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection, TableConnection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib.core import aws
from chalicelib.core.settings import settings
from chalicelib.core.table.failures import NewerRelease

if TYPE_CHECKING:
    from pynamodb.connection._botocore_private import BotocoreBaseClientPrivate

Item = dict[str, dict[str, Any]]
"""An item as DynamoDB has it: `{"pk": {"S": "..."}, "total": {"N": "7900"}}`."""

Upgrade = Callable[[Item], Item]
"""A pure step from one schema of a record to the next: the item in its old shape in, the new one out."""


class _Meta(type):
    """Meta whose table name waits for the settings until the first call."""

    domain: str

    @property
    def table_name(cls) -> str:
        return settings().table(cls.domain)


def table(domain: str) -> Any:
    """The `Meta` of a record that lives in the table of `domain`."""
    return _Meta("Meta", (), {"domain": domain})


class Record(Model):
    """An item. `model` is the dataclass it stores; attributes carry the names of its fields.

    `version` starts at 1 and rises with every `save`; a model that has a `version` field must take it along.
    `keys` are the shapes of pk and sk, by which an item tells whose it is: `{}` is a part without `#`, `{*}` any text.

    `schema` is the number of the item's shape: 1, and one more for each of the `upgrades`, which bring an older item
    up to date as it is read. An item without the number, as release 0.1 wrote them, is of schema 1.
    """

    model: ClassVar[Any] = None
    keys: ClassVar[tuple[str, str] | None] = None
    upgrades: ClassVar[tuple[Upgrade, ...]] = ()

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=1)
    ttl = NumberAttribute(null=True)
    schema = NumberAttribute(null=True)

    def __init__(self, *keys: Any, **attributes: Any) -> None:
        super().__init__(*keys, **attributes)
        self.schema = self.newest_schema()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.model is not None:
            fields = cls.model.__dataclass_fields__
            missing = {name for name in fields if not isinstance(getattr(cls, name, None), Attribute)}
            if missing:
                raise TypeError(f"{cls.__name__} stores no {', '.join(sorted(missing))} of {cls.model.__name__}")

    @classmethod
    def of(cls, value: Any, **keys: Any) -> Self:
        fields = {name: getattr(value, name) for name in cls.model.__dataclass_fields__}
        return cls(**{name: held for name, held in (fields | keys).items() if held is not None})

    def value(self) -> Any:
        return self.model(**{name: getattr(self, name) for name in self.model.__dataclass_fields__})

    @classmethod
    def domain(cls) -> str:
        """Whose table it lives in."""
        return str(cls.Meta.domain)  # type: ignore[attr-defined]

    @classmethod
    def newest_schema(cls) -> int:
        """The schema that this release writes."""
        return 1 + len(cls.upgrades)

    @classmethod
    def upgraded(cls, item: Item) -> Item:
        """The item in the shape of the newest schema; one of a newer release as it is."""
        stored = schema_of(item)
        for upgrade in cls.upgrades[stored - 1 :]:
            item = upgrade(item)
        return item | {"schema": {"N": str(max(stored, cls.newest_schema()))}}

    @classmethod
    def from_raw_data(cls, data: Item) -> Self:
        with cls._reading(data):
            return super().from_raw_data(cls.upgraded(data))

    def deserialize(self, attribute_values: Item) -> None:
        with self._reading(attribute_values):
            super().deserialize(self.upgraded(attribute_values))

    @classmethod
    @contextmanager
    def _reading(cls, item: Item) -> Iterator[None]:
        """What can not be read in an item of a newer schema is nobody's fault."""
        try:
            yield
        except (ValueError, TypeError) as failure:
            if schema_of(item) > cls.newest_schema():
                raise NewerRelease from failure
            raise

    @classmethod
    def _get_connection(cls) -> TableConnection:
        found = super()._get_connection()
        with_our_client(found.connection)
        return found

    @classmethod
    def fetch(cls, pk: str, sk: str) -> Self | None:
        """The item, read consistently, or None."""
        try:
            return cls.get(pk, sk, consistent_read=True)
        except cls.DoesNotExist:
            return None


def with_our_client(connection: Connection) -> Connection:
    """Else PynamoDB makes a client for each record class, which takes as long as starting the application."""
    connection._client = cast("BotocoreBaseClientPrivate", aws.client("dynamodb"))
    return connection


def schema_of(item: Item) -> int:
    return int(item["schema"]["N"]) if "schema" in item else 1


def each_gets(attribute: str, **values: Any) -> Upgrade:
    """An upgrade of an attribute that is a list of parts as JSON: each part gets these values, which it lacked."""

    def upgrade(item: Item) -> Item:
        parts = [part | values for part in json.loads(item[attribute]["S"])]
        return item | {attribute: {"S": json.dumps(parts, ensure_ascii=False, separators=(",", ":"))}}

    return upgrade


def records() -> Iterator[type[Record]]:
    """Every record class with keys that has been imported, by its table."""
    found, pending = [], Record.__subclasses__()
    while pending:
        record = pending.pop()
        found += [record] if record.keys else []
        pending += record.__subclasses__()
    return iter(sorted(found, key=lambda record: (record.domain(), record.__name__)))


def record_of(domain: str, item: Item) -> type[Record] | None:
    """The class of an item of a table, told by its keys; None for one that no record has."""
    for record in records():
        if record.domain() == domain and _has_keys(record, item["pk"]["S"], item["sk"]["S"]):
            return record
    return None


def _has_keys(record: type[Record], pk: str, sk: str) -> bool:
    assert record.keys is not None
    shapes = (_shape(shape) for shape in record.keys)
    return all(shape.fullmatch(key) for shape, key in zip(shapes, (pk, sk), strict=True))


@cache
def _shape(keys: str) -> re.Pattern[str]:
    return re.compile(re.escape(keys).replace(r"\{\}", "[^#]+").replace(r"\{\*\}", ".+"))


def index(name: str) -> Any:
    """A global secondary index over `<stem>_pk` and `<stem>_sk`, where the stem is `name` without `by_`."""
    stem = name.removeprefix("by_")
    members: dict[str, Any] = {
        "schema_keys": (f"{stem}_pk", f"{stem}_sk"),
        "Meta": type("Meta", (), {"index_name": name, "projection": AllProjection()}),
        f"{stem}_pk": UnicodeAttribute(hash_key=True),
        f"{stem}_sk": UnicodeAttribute(range_key=True),
    }
    return type(f"{name}_index", (GlobalSecondaryIndex,), members)()
