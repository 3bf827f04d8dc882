"""API Gateway (REST, proxy integration) in front of the real Chalice application, in process or as WSGI.

What a test calls through `Gateway.handle` is what a browser reaches through waitress: the same matching of
resources, the same event, the same limits. Kept from API Gateway: the path and its parameters arrive still
percent-encoded, query strings arrive decoded, a repeated name keeps its last value in the single-valued maps.
"""

import base64
import gzip
import http.client
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote
from wsgiref.types import StartResponse, WSGIEnvironment

from chalice.app import Chalice, EventSourceHandler

from chalicelib.core.http import SECURITY_HEADERS

log = logging.getLogger("infra.local.gateway")

STAGE = "api"
BASE_PATHS = ("/api/v1", "/api", "")  # the domain's base path mappings; the longest that fits wins
LARGEST_REQUEST = 10 * 2**20  # bytes; API Gateway's limit
LARGEST_RESPONSE = 6 * 2**20  # bytes; Lambda's limit
COMPRESSED_FROM = 1024  # bytes; MinimumCompressionSize of the deployed API
TIMEOUT = 29.0  # seconds; API Gateway's limit
_NEVER = re.compile(r"q\s*=\s*0(\.0*)?")
# Any page may read the gateway's own answers, as in AWS: they say nothing of anybody, and which origins are known
# only the application could say.
ERROR_HEADERS = (
    ("Content-Type", "application/json"),
    *SECURITY_HEADERS.items(),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "X-Request-Id, Retry-After"),
)


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


@dataclass(frozen=True)
class _Request:
    id: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str


class LambdaContext:
    """What Lambda tells a handler about the call. `timeout` in seconds."""

    client_context = None
    identity = None
    function_version = "$LATEST"
    memory_limit_in_mb = "1024"

    def __init__(self, function_name: str, timeout: float = TIMEOUT, request_id: str | None = None) -> None:
        self.function_name = function_name
        self.aws_request_id = request_id or str(uuid.uuid4())
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function_name}"
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = "local"
        self._deadline = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def thread_safe(app: Chalice) -> Chalice:
    """Let many threads serve the one application object, in place.

    Chalice keeps the current request and context as plain attributes, since a Lambda serves one call at a
    time: they become thread-local. It also builds the middleware of an event handler at its first call, from
    a generator that two first calls would share: it is built now. Call this when every handler is registered.
    """
    if getattr(app, "is_thread_safe", False):
        return app
    held = threading.local()

    def thread_local(name: str) -> property:
        return property(lambda self: getattr(held, name, None), lambda self, value: setattr(held, name, value))

    attributes: dict[str, object] = {
        "current_request": thread_local("current_request"),
        "lambda_context": thread_local("lambda_context"),
        "is_thread_safe": True,
    }
    for name in attributes:
        app.__dict__.pop(name, None)
    app.__class__ = type(f"ThreadSafe{type(app).__name__}", (type(app),), attributes)
    for handler in app.handler_map.values():
        if isinstance(handler, EventSourceHandler) and handler.handler is None:
            handler.handler = handler._build_middleware_handlers(handler.middleware_handlers, handler.func)
    return app


@dataclass
class _Node:
    """One position in the tree of resources."""

    resource: str | None = None
    literals: "dict[str, _Node]" = field(default_factory=dict)
    variable: "_Node | None" = None
    greedy: str | None = None  # the resource that ends here in `{name+}`

    def add(self, segments: list[str], resource: str) -> None:
        if not segments:
            self.resource = resource
        elif segments[0].endswith("+}"):
            self.greedy = resource
        elif segments[0].startswith("{"):
            self.variable = self.variable or _Node()
            self.variable.add(segments[1:], resource)
        else:
            self.literals.setdefault(segments[0], _Node()).add(segments[1:], resource)

    def find(self, segments: list[str]) -> tuple[str, list[str]] | None:
        """The resource and the values of its variables: literal beats variable, variable beats greedy."""
        if not segments:
            return (self.resource, []) if self.resource is not None else None
        first, rest = segments[0], segments[1:]
        if first in self.literals and (found := self.literals[first].find(rest)):
            return found
        if self.variable and first and (found := self.variable.find(rest)):
            return found[0], [first, *found[1]]
        return (self.greedy, ["/".join(segments)]) if self.greedy and first else None


class Gateway:
    """The HTTP front of one Chalice application."""

    def __init__(self, app: Chalice) -> None:
        self.app = app
        self._root = _Node()
        for path in app.routes:
            self._root.add(_segments(path), path)

    def handle(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        body: bytes = b"",
        source_ip: str = "127.0.0.1",
    ) -> Response:
        """Answer one request. `target` is the raw request target: path, still encoded, and query string."""
        path, _, query = target.partition("?")
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        request = _Request(str(uuid.uuid4()), method, path, query, tuple(pairs), body, source_ip)
        response = self._answer(request)
        return Response(response.status, response.headers, b"") if method == "HEAD" else response

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = min(int(environ.get("CONTENT_LENGTH") or 0), LARGEST_REQUEST + 1)  # enough to be refused
        response = self.handle(
            environ["REQUEST_METHOD"],
            environ.get("REQUEST_URI") or quote(environ["PATH_INFO"], encoding="latin-1"),
            _headers(environ),
            environ["wsgi.input"].read(length) if length else b"",
            environ.get("REMOTE_ADDR", "127.0.0.1"),
        )
        start_response(f"{response.status} {http.client.responses.get(response.status, '')}", response.headers)
        return [response.body]

    def _answer(self, request: _Request) -> Response:
        if len(request.body) > LARGEST_REQUEST:
            return _refusal(request, 413, "request_too_large", "A request may hold at most 10 MB.")
        found = self._root.find(_segments(_without_base_path(request.path)))
        if found is None:
            return _refusal(request, 404, "route_not_found", "There is nothing at this address.")
        resource, values = found
        known = self.app.routes[resource]
        verb = "GET" if request.method == "HEAD" and "HEAD" not in known else request.method
        if verb not in known:
            allow = ("Allow", ", ".join(sorted(known)))
            return _refusal(request, 405, "method_not_allowed", "This address has no such method.", allow)

        variables = [part.strip("{+}") for part in _segments(resource) if part.startswith("{")]
        event = self._event(request, verb, resource, dict(zip(variables, values, strict=True)))
        try:
            response = _response(request, self.app(event, LambdaContext("api", TIMEOUT, request.id)))
        except Exception:
            log.exception("the application failed on %s %s", verb, resource)
            return _refusal(request, 500, "internal_error", "Something went wrong on our side.")
        if len(response.body) > LARGEST_RESPONSE:
            log.error("the answer of %s %s is more than Lambda can return", verb, resource)
            return _refusal(request, 502, "response_too_large", "Something went wrong on our side.")
        return response

    def _event(self, request: _Request, method: str, resource: str, parameters: dict[str, str]) -> dict[str, Any]:
        """The proxy event, field by field as API Gateway sends it."""
        sent = {name.lower(): value for name, value in request.headers}
        host = sent.get("host", "localhost")
        forwarded = sent.get("x-forwarded-for")
        ours = {
            "Host": host,
            "X-Forwarded-For": f"{forwarded}, {request.source_ip}" if forwarded else request.source_ip,
            "X-Forwarded-Proto": "http",
        }
        headers = _grouped([*(pair for pair in request.headers if pair[0].title() not in ours), *ours.items()])
        query = _grouped(parse_qsl(request.query, keep_blank_values=True))
        is_binary = bool(request.body) and self._is_binary(sent.get("content-type", ""))
        text = base64.b64encode(request.body).decode() if is_binary else request.body.decode("utf-8", "replace")
        return {
            "resource": resource,
            "path": request.path,
            "httpMethod": method,
            "headers": {name: values[-1] for name, values in headers.items()},
            "multiValueHeaders": headers,
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": re.sub(r":\d+$", "", host),
                "extendedRequestId": request.id,
                "httpMethod": method,
                "identity": {"sourceIp": request.source_ip, "userAgent": sent.get("user-agent")},
                "path": request.path,
                "protocol": "HTTP/1.1",
                "requestId": request.id,
                "requestTimeEpoch": int(time.time() * 1000),
                "resourcePath": resource,
                "stage": STAGE,
            },
            "body": text if request.body else None,
            "isBase64Encoded": is_binary,
        }

    def _is_binary(self, content_type: str) -> bool:
        media_type = content_type.partition(";")[0].strip().lower()
        return media_type in self.app.api.binary_types or "*/*" in self.app.api.binary_types


def _segments(path: str) -> list[str]:
    """The parts between the slashes; a slash at the end makes no difference."""
    return path.removeprefix("/").removesuffix("/").split("/") if path.strip("/") else []


def _without_base_path(path: str) -> str:
    base = next(base for base in BASE_PATHS if path == base or path.startswith(f"{base}/") or not base)
    return path.removeprefix(base)


def _headers(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    sent = [(key[5:], str(value)) for key, value in environ.items() if key.startswith("HTTP_")]
    sent += [(key, environ[key]) for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)]
    return [(name.replace("_", "-").title(), value) for name, value in sent]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _response(request: _Request, result: Mapping[str, Any]) -> Response:
    """What API Gateway makes of the function's answer."""
    text = result.get("body") or ""
    body = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
    headers = [(name, str(value)) for name, value in (result.get("headers") or {}).items()]
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers += [(name, str(value)) for value in values]
    status = int(result["statusCode"])
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return _finished(request, status, headers, body)


def _refusal(request: _Request, status: int, code: str, message: str, *more_headers: tuple[str, str]) -> Response:
    """An error of the gateway itself, in the envelope of every answer."""
    envelope: dict[str, object] = {
        "success": False,
        "data": None,
        "message": message,
        "errors": [{"field": None, "code": code, "message": message}],
        "error": {"code": code, "message": message},
        "requestId": request.id,
    }
    headers = [*ERROR_HEADERS, ("X-Request-Id", request.id), *more_headers]
    return _finished(request, status, headers, json.dumps(envelope).encode())


def _finished(request: _Request, status: int, headers: list[tuple[str, str]], body: bytes) -> Response:
    headers = [*headers, ("x-amzn-RequestId", request.id)]
    if status == 304:
        return Response(status, headers, b"")
    if status == 204:
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
        return Response(status, headers, b"")
    is_coded = any(name.lower() == "content-encoding" for name, _ in headers)
    if len(body) >= COMPRESSED_FROM and not is_coded and _takes_gzip(request):
        headers.append(("Content-Encoding", "gzip"))
        body = gzip.compress(body, mtime=0)
    return Response(status, [*headers, ("Content-Length", str(len(body)))], body)


def _takes_gzip(request: _Request) -> bool:
    """Whether gzip is asked for by name: API Gateway compresses for nobody who leaves it open."""
    accepted = next((value for name, value in request.headers if name.lower() == "accept-encoding"), "")
    codings = [coding.partition(";") for coding in accepted.lower().split(",")]
    return any(name.strip() == "gzip" and not _NEVER.fullmatch(weight.strip()) for name, _, weight in codings)
