"""moto without what it does at length and for nothing: else the tests wait for little but that. One answer is right."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cache
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import useragent
from moto.core import responses
from moto.core.serialize import AttributePicker, AttributePickerContext
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend
from moto.sqs import models as sqs
from moto.sqs.models import Message, SQSBackend

_SANITIZED = cache(useragent.sanitize_user_agent_string_component)
"""botocore looks at each letter of the same few words at each call."""

TransactItems = Sequence[dict[str, dict[str, Any]]]


@contextmanager
def quickened() -> Iterator[None]:
    copying = SimpleNamespace(deepcopy=lambda value: value if isinstance(value, Table) else deepcopy(value))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "copy", copying)
        patch.setattr(DynamoDBBackend, "transact_write_items", _undone(DynamoDBBackend.transact_write_items))
        patch.setattr(Table, "query", _of_what_can_match(Table.query))
        patch.setattr(responses, "method_names_from_class", cache(responses.method_names_from_class))
        patch.setattr(S3Backend, "upload_part", _refusing(S3Backend.upload_part))
        patch.setattr(AttributePicker, "__call__", _picked_directly(AttributePicker.__call__))
        patch.setattr(useragent, "sanitize_user_agent_string_component", _SANITIZED)
        patch.setattr(sqs, "unix_time_millis", lambda: time.time() * 1000)
        patch.setattr(SQSBackend, "is_message_valid_based_on_retention_period", _is_kept)
        yield


def _undone(transact: Callable[[DynamoDBBackend, Any], None]) -> Callable[[DynamoDBBackend, Any], None]:
    """For the case that a transaction fails moto copies every table it names. Only its own items have to come back."""
    one_at_a_time = Lock()

    def transact_and_undo(backend: DynamoDBBackend, writes: TransactItems) -> None:
        with one_at_a_time:  # else what one undoes may be what another has just committed
            before = [(partition, key, deepcopy(partition.get(key))) for partition, key in _touched(backend, writes)]
            try:
                transact(backend, writes)
            except Exception:
                for partition, key, item in before:
                    if item is None:
                        partition.pop(key, None)
                    else:
                        partition[key] = item
                raise

    return transact_and_undo


def _touched(backend: DynamoDBBackend, writes: TransactItems) -> Iterator[tuple[dict[Any, Any], DynamoType]]:
    """Where each write of a transaction goes: a partition, as moto holds it, and the sort key in it."""
    for write in writes:
        (request,) = write.values()
        key = request.get("Key") or request["Item"]
        partition = backend.tables[request["TableName"]].items[DynamoType(key["pk"])]
        yield partition, DynamoType(key["sk"])


def _of_what_can_match(query: Callable[..., Any]) -> Callable[..., Any]:
    """For each query moto sorts the whole table, before it looks at the key that was asked for."""

    def queried(table: Any, hash_key: DynamoType | None, *rest: Any, hash_key_conditions: Any, **more: Any) -> Any:
        ((name, wanted),) = hash_key_conditions
        if name == table.hash_key_attr:
            found = list(table.items.get(wanted, {}).values())
        else:
            items = (item for partition in table.items.values() for item in partition.values())
            found = [item for item in items if _has(item, name, wanted)]
        lean = copy(table)
        lean.all_items = lambda: found
        return query(lean, hash_key, *rest, hash_key_conditions=hash_key_conditions, **more)

    return queried


def _has(item: Item, name: str, wanted: DynamoType) -> bool:
    """Compared as they are written: our keys are texts."""
    held = item.attrs.get(name)
    return held is not None and bool(held.value == wanted.value) and bool(held.type == wanted.type)


def _refusing(upload_part: Callable[..., Any]) -> Callable[..., Any]:
    """S3 answers NoSuchUpload where moto breaks down."""

    def uploaded(backend: S3Backend, bucket: str, upload: str, *part: Any, **more: Any) -> Any:
        if upload not in backend.get_bucket(bucket).multiparts:
            raise NoSuchUpload(upload)
        return upload_part(backend, bucket, upload, *part, **more)

    return uploaded


def _is_kept(backend: SQSBackend, queue: str, message: Message) -> bool:
    """For each message that it hands out moto counts all that are in the queue, nine times."""
    held: Any = backend.get_queue(queue)
    sent: Any = message.sent_timestamp
    return bool(time.time() < held.message_retention_period + sent / 1000)


def _picked_directly(pick: Callable[..., Any]) -> Callable[..., Any]:
    """For each possible type of each DynamoDB value moto tries six names: a third of all the time, for nothing."""

    def picked(picker: AttributePicker, context: AttributePickerContext) -> Any:
        parent = getattr(context.shape, "parent", None)
        if parent is not None and parent.name == "AttributeValue" and isinstance(context.obj, dict):
            return context.obj.get(context.key)
        return pick(picker, context)

    return picked
