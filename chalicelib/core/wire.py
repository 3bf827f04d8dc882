"""What travels: the shapes of bodies, queries and answers, and the envelope around them.

Everything on the wire is camelCase; inside it is not. A shape is built when it is first used: a cold start meets few.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from chalicelib.core import secrets
from chalicelib.core.errors import AppError, Invalid, InvalidFields, TooLarge, UnsupportedType
from chalicelib.core.table import Page, PageRequest

LARGEST_BODY = 1 << 20
_FLEETING = re.compile(r'"(requestId|nextCursor)":"[^"]*"')  # a quote inside a text of JSON is escaped
_OPAQUE_TAG = re.compile(r'"[\x21\x23-\x7e]*"')
_IDEMPOTENCY_KEY = re.compile(r"^[A-Za-z0-9._:-]{8,200}$")


# --- shapes -------------------------------------------------------------------------------------------------


class Output(BaseModel):
    """What a route answers with: camelCase on the wire, read from a model's attributes."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, defer_build=True, from_attributes=True, serialize_by_alias=True
    )


class Input(BaseModel):
    """A JSON body: exact types, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        defer_build=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )


class Query(BaseModel):
    """A query string: everything arrives as text."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True, extra="ignore")


class Paging(Query):
    """`pageSize` (also `limit`, `size`) and either `cursor` or `page`, which ends at 50."""

    page_size: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=4096)
    page: int | None = Field(None, ge=1, le=50)

    def request(self) -> PageRequest:
        return PageRequest(size=self.page_size, cursor=self.cursor, number=self.page)


_PAGE_SIZE_NAMES = ("limit", "size", "page_size")


@dataclass(frozen=True)
class Request:
    """What a route may ask for beyond its body: raw bytes and headers (names in lower case)."""

    id: str
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes
    host: str
    source: str


@dataclass(frozen=True)
class Reply:
    """An answer outside the envelope: a page, a redirect, a gateway's acknowledgement."""

    body: Any
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> str | bytes:
        """The body as it is sent."""
        if self.content_type == "application/json" and not isinstance(self.body, str | bytes):
            return json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))
        sent: str | bytes = self.body
        return sent


# --- reading ------------------------------------------------------------------------------------------------

B = TypeVar("B", bound=BaseModel)


def read_body(schema: type[B], request: Request) -> B:
    """The JSON body as `schema`. Raises UnsupportedType, TooLarge, Invalid or InvalidFields."""
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise UnsupportedType("unsupported_media_type", "Send JSON as `Content-Type: application/json`.")
    if len(request.body) > LARGEST_BODY:
        raise TooLarge("body_too_large", f"A request body holds up to {LARGEST_BODY // 1024} KB.")
    body = request.body or b"{}"
    try:
        value = schema.model_validate_json(body)
    except ValidationError as failure:
        raise _refusal(failure) from failure
    json.loads(body, object_pairs_hook=_without_duplicates)  # pydantic would let the last one win
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise Invalid("duplicate_key", "The body names a field twice.")


def idempotency_key(request: Request) -> str:
    """The caller's Idempotency-Key. Raises Invalid when there is none, or one that is no key."""
    key = request.headers.get("idempotency-key", "")
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Invalid(
            "idempotency_key_required",
            "Send an Idempotency-Key header: 8 to 200 letters, digits, or any of . _ : -",
            field="Idempotency-Key",
        )
    return key


def read_query(schema: type[B], request: Request) -> B:
    given = {name: values[-1] for name, values in request.query.items() if values}
    if "page_size" in schema.model_fields and "pageSize" not in given:
        for name in _PAGE_SIZE_NAMES:
            if name in given:
                given["pageSize"] = given[name]
                break
    try:
        return schema.model_validate(given)
    except ValidationError as failure:
        raise _refusal(failure) from failure


def _refusal(failure: ValidationError) -> AppError:
    problems = failure.errors(include_url=False, include_input=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return Invalid("malformed_json", "The body is not valid JSON.")
    if problems[0]["type"] == "model_type" and not problems[0]["loc"]:
        return Invalid("object_expected", "The body must be a JSON object.")
    return InvalidFields([(_dotted(problem["loc"]), problem["type"], problem["msg"]) for problem in problems[:20]])


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


# --- answering ----------------------------------------------------------------------------------------------


def cacheable(reply: Reply, request: Request, *, seconds: int, vary: Iterable[str]) -> Reply:
    """An answer that anybody may keep for `seconds`, or a 304 for who has it already (RFC 9110, 15.4.5).

    The entity tag is a weak one: the gateway compresses after us, so that plain and compressed bytes carry the same.
    Nor does it change with the request's id and the sealing of a cursor, which differ every time. It does with the
    key that cursors are sealed with, for kept ones are dead after a rotation.
    """
    content = reply.content
    text = content.decode("latin-1") if isinstance(content, bytes) else content
    steady = _FLEETING.sub("", text) if reply.content_type == "application/json" else text
    tag = f'W/"{secrets.sign("entity tag", steady)}"'
    headers = {
        **reply.headers,
        "Cache-Control": f"public, max-age={seconds}, stale-while-revalidate={seconds // 2}",
        "ETag": tag,
        "Vary": ", ".join(vary),
    }
    if _is_known(tag, request.headers.get("if-none-match", "")):
        return replace(reply, body="", status=304, headers=headers)
    return replace(reply, body=content, headers=headers)


def _is_known(tag: str, known: str) -> bool:
    """Whether an If-None-Match names the tag, by weak comparison (RFC 9110, 8.8.3.2)."""
    return known.strip() == "*" or tag.removeprefix("W/") in _OPAQUE_TAG.findall(known)


def encoded(schema: type[Output], value: Any) -> dict[str, Any]:
    return schema.model_validate(value).model_dump(mode="json")


def page_of(schema: type[Output], page: Page[Any]) -> dict[str, Any]:
    data: dict[str, Any] = {
        "items": [encoded(schema, item) for item in page.items],
        "pageSize": page.size,
        "nextCursor": page.cursor,
        "hasMore": page.cursor is not None,
        "totalCount": page.total,
    }
    if page.number is not None:
        data["page"] = page.number
        if page.total is not None:
            data["totalPages"] = -(-page.total // page.size)
    return data


def refusal_reply(refusal: AppError, request_id: str) -> Reply:
    """The envelope of an error."""
    if isinstance(refusal, InvalidFields):
        problems: list[tuple[str | None, str, str]] = list(refusal.fields)
    else:
        problems = [(refusal.field, refusal.code, refusal.message)]
    errors = [{"field": name, "code": code, "message": message} for name, code, message in problems]
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {
        "success": False,
        "data": None,
        "message": refusal.message,
        "errors": errors,
        "error": {"code": refusal.code, "message": refusal.message},
        "requestId": request_id,
    }
    return Reply(body, status=refusal.status, headers=headers)
