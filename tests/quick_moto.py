"""moto without what it does at length and for nothing: else the tests wait for little but that. One answer is right."""

import base64
import json
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from functools import cache
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import useragent
from botocore.awsrequest import AWSPreparedRequest
from botocore.signers import RequestSigner
from moto.core import DEFAULT_ACCOUNT_ID, responses
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException, ServiceException
from moto.core.serialize import AttributePicker, AttributePickerContext
from moto.dynamodb import models
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend
from moto.sqs import models as sqs
from moto.sqs.models import Message, SQSBackend

_METHODS = cache(responses.method_names_from_class)
_METHOD = cache(responses.camelcase_to_underscores)
_TARGET = "DynamoDB_20120810."

TransactItems = Sequence[dict[str, dict[str, Any]]]


@contextmanager
def quickened() -> Iterator[None]:
    copying = SimpleNamespace(deepcopy=lambda value: value if isinstance(value, Table) else deepcopy(value))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "copy", copying)
        patch.setattr(DynamoDBBackend, "transact_write_items", _undone(DynamoDBBackend.transact_write_items))
        patch.setattr(Table, "query", _of_what_can_match(Table.query))
        patch.setattr(responses, "method_names_from_class", _METHODS)
        patch.setattr(responses, "camelcase_to_underscores", _METHOD)
        patch.setattr(S3Backend, "upload_part", _refusing(S3Backend.upload_part))
        patch.setattr(AttributePicker, "__call__", _picked_directly(AttributePicker.__call__))
        patch.setattr(BotocoreStubber, "process_request", _asked_directly(BotocoreStubber.process_request))
        patch.setattr(RequestSigner, "sign", _signed_if_it_matters(RequestSigner.sign))
        patch.setattr(useragent.UserAgentString, "to_string", lambda told: "tests")
        patch.setattr(ConditionExpressionParser, "_lex_condition_expression", _LEXED)
        patch.setattr(models.UpdateExpressionParser, "make", _PARSED)
        patch.setattr(sqs, "unix_time_millis", lambda: time.time() * 1000)
        patch.setattr(SQSBackend, "is_message_valid_based_on_retention_period", _is_kept)
        yield


def _lexed_once(lex: Callable[[Any], deque[Any]]) -> Callable[[Any], deque[Any]]:
    """Our conditions are few, and moto takes each apart whenever it is asked."""
    known: dict[str | None, tuple[Any, ...]] = {}

    def lexed(parser: Any) -> deque[Any]:
        text = parser.condition_expression
        if text not in known:
            known[text] = tuple(lex(parser))
        return deque(known[text])

    return lexed


def _parsed_once(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same for updates, whose tree is changed while it is carried out: each gets a copy."""
    known: dict[str, bytes] = {}

    def parsed(text: str) -> Any:
        if text not in known:
            known[text] = pickle.dumps(parse(text))
        return pickle.loads(known[text])

    return parsed


_LEXED = _lexed_once(ConditionExpressionParser._lex_condition_expression)
_PARSED = _parsed_once(models.UpdateExpressionParser.make)


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


def _asked_directly(process: Callable[..., Any]) -> Callable[..., Any]:
    """What DynamoDB is asked and answers is JSON as its backend takes and gives it: nothing has to be translated.

    What it refuses moto is asked again, as before, for it knows how a refusal is written. A refusal changed nothing.
    """

    def answered(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
        target = _text(request.headers.get("X-Amz-Target", ""))
        if not stubber.enabled or not target.startswith(_TARGET):
            return process(stubber, request)
        handler: Any = DynamoHandler()
        handler.current_account, handler.region = DEFAULT_ACCOUNT_ID, request.url.split(".")[1]
        handler.body = handler.params = json.loads(_text(request.body), object_hook=_with_bytes)
        try:
            answer = getattr(handler, _METHOD(target.removeprefix(_TARGET)))()
        except (ServiceException, HTTPException):
            return process(stubber, request)
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer.result, default=_as_text)

    return answered


def _signed_if_it_matters(sign: Callable[..., Any]) -> Callable[..., Any]:
    """moto's DynamoDB does not look at the signature."""

    def signed(signer: Any, operation: str, request: Any, *rest: Any, **more: Any) -> Any:
        return None if signer.signing_name == "dynamodb" else sign(signer, operation, request, *rest, **more)

    return signed


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if isinstance(value.get("B"), str) else value


def _as_text(value: Any) -> str | float:
    """A value that JSON does not know, as DynamoDB writes it."""
    return _text(base64.b64encode(value)) if isinstance(value, bytes) else float(value.timestamp())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
