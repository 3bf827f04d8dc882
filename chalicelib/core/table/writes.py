"""Writes as values, and one `transact` that commits all of them or none."""

import dataclasses
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.core.errors import AppError, Conflict, Unavailable
from chalicelib.core.table.failures import NewerRelease, error_code
from chalicelib.core.table.records import Item, Record, schema_of, with_our_client

MOST_WRITES = 100
"""How many items one DynamoDB transaction takes."""

_CONFLICT = {"TransactionConflict", "TransactionConflictException"}
_CONFLICT_TRIES = 8
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
    with TransactWrite(connection=with_our_client(Connection())) as transaction:
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
