"""Pages of what a key or an index holds, with authenticated cursors."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pynamodb.expressions.condition import Condition

from chalicelib.core.errors import Invalid
from chalicelib.core.secrets import secrets
from chalicelib.core.table.records import Record

T = TypeVar("T")
U = TypeVar("U")
R = TypeVar("R", bound=Record)

_DEEPEST_PAGE = 50


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
