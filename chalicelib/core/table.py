"""DynamoDB through PynamoDB: one record base, writes as values, one `transact`, authenticated cursors.

A store describes a record by listing its attributes under the names of the model's fields; `Record.of` and
`Record.value` carry values across. Nothing outside a `store.py` sees a key.
"""

import base64
import dataclasses
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from pydantic import TypeAdapter
from pynamodb.attributes import Attribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection, TableConnection
from pynamodb.constants import STRING
from pynamodb.exceptions import PynamoDBException, TransactWriteError, VerboseClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.core import aws, clock
from chalicelib.core.errors import AppError, Conflict, Invalid, Unavailable
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings

if TYPE_CHECKING:
    from pynamodb.connection._botocore_private import BotocoreBaseClientPrivate

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound=StrEnum)
R = TypeVar("R", bound="Record")

MOST_WRITES = 100
"""How many items one DynamoDB transaction takes."""

_DEEPEST_PAGE = 50
_CONFLICT = {"TransactionConflict", "TransactionConflictException"}
_CONFLICT_TRIES = 8
_BUSY = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""Error codes of the services we call, and DynamoDB's reasons to cancel a transaction, that mean: later."""


Item = dict[str, dict[str, Any]]
"""An item as DynamoDB has it: `{"pk": {"S": "..."}, "total": {"N": "7900"}}`."""

Upgrade = Callable[[Item], Item]
"""A pure step from one schema of a record to the next: the item in its old shape in, the new one out."""


class NewerRelease(Unavailable):
    """An item comes from a newer release, and this one can not read or replace it without harm.

    Seen while a release is being deployed, when the next try meets the new code, and after one was taken back.
    """

    def __init__(self) -> None:
        super().__init__("newer_release", "This was changed by a newer release. Try again in a moment.", retry_after=5)


# --- attributes ---------------------------------------------------------------------------------------------


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


# --- records ------------------------------------------------------------------------------------------------


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
        _with_our_client(found.connection)
        return found

    @classmethod
    def fetch(cls, pk: str, sk: str) -> Self | None:
        """The item, read consistently, or None."""
        try:
            return cls.get(pk, sk, consistent_read=True)
        except cls.DoesNotExist:
            return None


def _with_our_client(connection: Connection) -> Connection:
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


# --- writes -------------------------------------------------------------------------------------------------

_ORDER = ("check", "delete", "put", "update")  # how PynamoDB groups a transaction, and so its reasons


@dataclass(frozen=True, eq=False)
class Write:
    """One write of a transaction. `refused` is what the caller is told when `condition` does not hold.

    A put that `replaces` what was read never replaces an item of a newer schema, of which it would drop what this
    release does not know: NewerRelease. Others put something new in place of something that is over. An update
    leaves alone what it does not name. What goes `along` is committed with it wherever it is.
    """

    kind: Literal["check", "delete", "put", "update"]
    record: Record
    condition: Condition | None = None
    actions: Sequence[Action] = ()
    refused: AppError = field(
        default_factory=lambda: Conflict(
            "changed_meanwhile", "Somebody changed this at the same moment. Read it again."
        )
    )
    replaces: bool = False
    along: Sequence["Write"] = ()

    def taking(self, along: Sequence["Write"]) -> "Write":
        return dataclasses.replace(self, along=along)


def create(record: Record, refused: AppError | None = None) -> Write:
    """Put an item that must not exist yet; it becomes version 1."""
    record.version = 1
    refused = refused or Conflict("already_exists", "This exists already.")
    return Write("put", record, type(record).pk.does_not_exist(), refused=refused)


def replace(record: Record, version: int, refused: AppError | None = None) -> Write:
    """Put a newer state of an item that must still be at `version`; the new one is `version + 1`."""
    record.version = version + 1
    refused = refused or Conflict(
        "version_conflict", "Somebody else changed this first. Load it again.", field="version"
    )
    return Write("put", record, type(record).version == version, refused=refused, replaces=True)


def update(
    record: Record, *actions: Action, condition: Condition | None = None, refused: AppError | None = None
) -> Write:
    if refused is None:
        return Write("update", record, condition, actions)
    return Write("update", record, condition, actions, refused)


def check(record: Record, condition: Condition, refused: AppError) -> Write:
    return Write("check", record, condition, refused=refused)


def delete(record: Record, condition: Condition | None = None) -> Write:
    return Write("delete", record, condition)


def transact(*writes: Write) -> None:
    """Commit all writes or none.

    Raises the `refused` error of the first write, in the order given, whose condition failed; NewerRelease where
    that would have replaced an item of a newer schema. Even one write
    goes as a transaction: botocore gives it a client token, so a retry after a lost answer does not meet its
    own effect. A conflict with another transaction is retried with jitter; Unavailable if it does not end.
    """
    writes = tuple(each for write in writes for each in (write, *write.along))
    if not 0 < len(writes) <= MOST_WRITES:
        raise ValueError(f"a transaction takes 1 to {MOST_WRITES} writes, not {len(writes)}")
    ordered = sorted(writes, key=lambda write: _ORDER.index(write.kind))
    for attempt in range(_CONFLICT_TRIES):
        if attempt:
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 (jitter needs no secrecy)
        try:
            _commit(ordered)
            return
        except TransactWriteError as failure:
            reasons = failure.cancellation_reasons
            failed = {w: r for w, r in zip(ordered, reasons, strict=False) if r and r.code == "ConditionalCheckFailed"}
            for write in writes:
                if write in failed:
                    raise _refusal(write, failed[write].raw_item) from failure
            conflict = {*(reason.code for reason in reasons if reason), error_code(failure)} & _CONFLICT
            if not conflict:
                raise
    raise Unavailable("busy", "Too many people at once. Try again.", retry_after=1)


def _refusal(write: Write, stored: Item | None) -> AppError:
    newer = write.replaces and stored is not None and schema_of(stored) > write.record.newest_schema()
    return NewerRelease() if newer else write.refused


def stamp_schema(record: Record) -> Action:
    """For an update: gives its number to an item that it makes, and leaves that of one that is there."""
    schema = type(record).schema
    return schema.set(schema | record.newest_schema())


def _commit(ordered: list[Write]) -> None:
    with TransactWrite(connection=_with_our_client(Connection())) as transaction:
        for write in ordered:
            match write.kind:
                case "put" if write.replaces:
                    schema = type(write.record).schema
                    known = schema.does_not_exist() | (schema <= write.record.newest_schema())
                    # The stored item comes back with the refusal: it tells the reason without another call.
                    transaction.save(write.record, condition=write.condition & known, return_values="ALL_OLD")
                case "put":
                    transaction.save(write.record, condition=write.condition)
                case "update":
                    actions = [*write.actions, stamp_schema(write.record)]
                    transaction.update(write.record, actions=actions, condition=write.condition)
                case "delete":
                    transaction.delete(write.record, condition=write.condition)
                case "check":
                    assert write.condition is not None
                    transaction.condition_check(
                        type(write.record), write.record.pk, write.record.sk, condition=write.condition
                    )


def error_code(failure: PynamoDBException) -> str | None:
    """DynamoDB's code for a failure, None where no answer came.

    PynamoDB's own `cause_response_code` raises for a time-out, which has a `response` that is None.
    """
    return failure.cause_response_code if isinstance(failure.cause, ClientError) else None


def is_busy(failure: BaseException) -> bool:
    """Whether an exception says that AWS could not answer now, as opposed to a bug of ours."""
    if isinstance(failure, PynamoDBException):
        return failure.cause is not None and is_busy(failure.cause)
    if isinstance(failure, ClientError):
        codes = {failure.response.get("Error", {}).get("Code")}
        if isinstance(failure, VerboseClientError):
            codes |= {reason.code for reason in failure.cancellation_reasons if reason}
        status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or not codes.isdisjoint(_BUSY)
    return isinstance(failure, BotoCoreError) and not isinstance(failure, ParamValidationError)


# --- lists --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page(Generic[T]):
    """Up to `size` items of a list. `cursor` opens the next page; it is None at the end.

    `total` is known where a counter is kept, `number` where the caller counts pages.
    """

    items: list[T]
    size: int
    cursor: str | None = None
    total: int | None = None
    number: int | None = None

    def map(self, change: Callable[[T], U]) -> "Page[U]":
        return Page([change(item) for item in self.items], self.size, self.cursor, self.total, self.number)


@dataclass(frozen=True)
class PageRequest:
    """`size` items after `cursor`, or the page with this `number` (from 1) for clients that count pages."""

    size: int = 20
    cursor: str | None = None
    number: int | None = None


def page(
    record: type[R],
    source: Any,
    pk: str,
    request: PageRequest,
    *,
    newest_first: bool = False,
    range_condition: Condition | None = None,
) -> Page[R]:
    """A page of the items under `pk` of `source` (the record class or one of its indexes).

    Reads `size + 1` items however large the table is; a numbered page reads those before it too, so numbers
    end at 50. Raises Invalid for a cursor that is not ours or belongs to another list.
    """
    skip = 0
    number = request.number if request.cursor is None else None
    if number is not None:
        if not 1 <= number <= _DEEPEST_PAGE:
            raise Invalid("page_too_deep", f"Pages go up to {_DEEPEST_PAGE}; use the cursor beyond.", field="page")
        skip = (number - 1) * request.size
    wanted = skip + request.size + 1
    found = list(
        source.query(
            pk,
            range_key_condition=range_condition,
            limit=wanted,
            scan_index_forward=not newest_first,
            last_evaluated_key=_open_cursor(request.cursor, pk) if request.cursor else None,
            **({"consistent_read": True} if source is record else {}),
        )
    )
    kept = found[skip : skip + request.size]
    more = len(found) == wanted
    cursor = _seal_cursor(kept[-1], source, pk) if more else None
    return Page(kept, request.size, cursor, number=number)


def _keys_of(record: Record, source: Any) -> dict[str, str]:
    names = ["pk", "sk"]
    if source is not type(record):
        names += [name for name in source.schema_keys if name not in names]
    return {name: getattr(record, name) for name in names}


def _fernet() -> Any:
    from cryptography.fernet import Fernet, MultiFernet

    keys = [hashlib.sha256(b"cursor" + key).digest() for key in secrets().token_keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


def _seal_cursor(last: Record, source: Any, pk: str) -> str:
    text = json.dumps({"list": pk, "keys": _keys_of(last, source)})
    return str(_fernet().encrypt(text.encode()).decode())


def _open_cursor(cursor: str, pk: str) -> dict[str, dict[str, str]]:
    from cryptography.fernet import InvalidToken

    try:
        held = json.loads(_fernet().decrypt(cursor.encode()))
    except (InvalidToken, ValueError) as failure:
        raise Invalid("invalid_cursor", "This cursor does not belong to this list.", field="cursor") from failure
    if held["list"] != pk:
        raise Invalid("invalid_cursor", "This cursor does not belong to this list.", field="cursor")
    return {name: {"S": value} for name, value in held["keys"].items()}
