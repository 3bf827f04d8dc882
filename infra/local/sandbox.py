"""What the stand-ins for payment gateways share: a server of this machine, its doors, and states in a file.

Other web sites that the same browser shows stay outside: requests must name this machine as their host (a
name that points here is not enough), pages accept forms of their own origin only, and the control API accepts
only JSON, which a foreign page cannot send unasked.
"""

import json
import re
import sys
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

BODY_LIMIT = 64 * 1024
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
BACKOFF = (0.5, 1, 2, 4, 8, 15, 30, 60)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Refused(Exception):
    """What the sandbox does not carry out, with the HTTP status that pages and the control API answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class NoAnswer(Exception):
    """The connection closes without a byte."""


def refuse_strangers(who: str, stage: str, webhook_url: str) -> None:
    """Raises RuntimeError for a stage that other people use, and for webhooks that would leave this machine."""
    if stage not in ("local", "test"):
        raise RuntimeError(f"the {who} sandbox takes no part in the stage {stage!r}")
    if urlsplit(webhook_url).hostname not in LOOPBACK:
        raise RuntimeError(f"the {who} sandbox sends webhooks to this machine only")


def keep(file: Path, state: object) -> None:
    """Write a state as JSON, in one step."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(state), "utf-8")
    new.replace(file)


FaultsOfCalls = Mapping[str, Mapping[str, str]]
"""What each call of an API can be told to do wrong, and how a person reads it."""

ANYWHERE = {
    "timeout": "no answer, and nothing happened",
    "lost": "it happened, but the answer is lost",
    "error": "status 500, and nothing happened",
    "garbage": "it happened, but the answer is garbage",
    "redirect": "redirected, and nothing happened",
    "extra": "unknown fields in the answer",
}


class Faults:
    """What goes wrong with the next calls. `known` names the faults of each method and says what they mean."""

    def __init__(self, known: FaultsOfCalls) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._waiting: dict[str, Counter[str]] = {method: Counter() for method in known}
        self.hang = 12.0
        self.calls: Counter[str] = Counter()

    def set(self, faults: Mapping[str, object]) -> dict[str, object]:
        """Replace all: `{"create": {"lost": 1}, "hang": 12}`; `{}` heals. Answers what is set. Raises Refused."""
        counts = {method: Counter[str]() for method in self._known}
        for method, wanted in faults.items():
            if method == "hang":
                continue
            if method not in self._known or not isinstance(wanted, dict):
                raise Refused(HTTPStatus.BAD_REQUEST, f"Each of {', '.join(self._known)} takes an object.")
            for name, times in wanted.items():
                if name not in self._known[method] or type(times) is not int or not 0 <= times <= 1_000_000:
                    known = ", ".join(self._known[method])
                    raise Refused(HTTPStatus.BAD_REQUEST, f"Each fault of {method}, {known}, takes a count.")
                counts[method][name] = times
        with self._lock:
            self._waiting, self.hang = counts, seconds(faults.get("hang", 12))
        return self.shown()

    def shown(self) -> dict[str, object]:
        with self._lock:
            return {method: dict(+counts) for method, counts in self._waiting.items()} | {"hang": self.hang}

    def take(self, method: str) -> str:
        """What goes wrong with this call, or nothing."""
        with self._lock:
            self.calls[method if method in self._known else "other"] += 1
            waiting = self._waiting.get(method, Counter[str]())
            fault = next((name for name, times in waiting.items() if times), "")
            if fault:
                waiting[fault] -= 1
            return fault


@dataclass(frozen=True)
class Reply:
    status: HTTPStatus
    body: bytes
    content_type: str
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """Port 0 takes any free one; `server_port` then tells which."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sandbox: Any, port: int, doors: "type[Doors]") -> None:
        self.sandbox = sandbox
        super().__init__(("127.0.0.1", port), doors)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would ask the resolver for a name, which can take seconds
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that lost patience is no error here
            super().handle_error(request, client_address)


class Doors(BaseHTTPRequestHandler):
    server: Server
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def do_PATCH(self) -> None:
        self._serve(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the pages and `/_sandbox/stats` tell what happened."""

    @abstractmethod
    def _get(self, path: str) -> Reply: ...

    @abstractmethod
    def _post(self, path: str) -> Reply: ...

    @abstractmethod
    def _refusal(self, path: str, refusal: Refused) -> Reply: ...

    def _serve(self, answer: Callable[[str], Reply]) -> None:
        path = urlsplit(self.path).path
        try:
            if self.headers.get("Host") not in self._hosts():
                raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "The sandbox does not go by this name.")
            reply = answer(path)
        except NoAnswer:
            return
        except Refused as refusal:
            reply = self._refusal(path, refusal)
        self.send_response(reply.status)
        for name, value in {**HEADERS, **reply.headers}.items():
            self.send_header(name, value)
        if reply.location:
            self.send_header("Location", reply.location)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _hosts(self) -> set[str]:
        return {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}

    def _own_origin(self) -> bool:
        return self.headers.get("Origin") in {f"http://{host}" for host in self._hosts()}

    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def _form(self) -> dict[str, object]:
        if not self._own_origin():
            raise Refused(HTTPStatus.FORBIDDEN, "This form was not sent by a page of the sandbox.")
        sent = dict(parse_qsl(self._body().decode("utf-8", "replace")))
        return {name: True if name in ("drop", "bad_signature") else value for name, value in sent.items()}

    def _sent(self) -> dict[str, str]:
        """A form that no browser sent."""
        return dict(parse_qsl(self._body().decode("utf-8", "replace")))

    def _json_body(self) -> dict[str, object]:
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
        if "Origin" in self.headers and not self._own_origin():
            raise Refused(HTTPStatus.FORBIDDEN, "Not for other web sites.")
        try:
            sent = json.loads(self._body() or b"{}", parse_float=str)
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "Send a JSON object.")
        return sent

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length, re.ASCII):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Say how long the body is.")
        if int(length) > BODY_LIMIT:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This body is too large.")
        return self.rfile.read(int(length))


def page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Reply:
    return written(PAGES.get_template(template).render(**values), "text/html; charset=utf-8", status)


def as_json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return written(json.dumps(value, ensure_ascii=False), "application/json", status)


def written(text: str, content_type: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, text.encode(), content_type)


def see(path: str) -> Reply:
    """Shows another page with GET, so that reloading it repeats nothing."""
    return Reply(HTTPStatus.SEE_OTHER, b"", "text/html", path)


def seconds(given: object) -> float:
    try:
        duration = float(str(given))
    except ValueError:
        duration = -1
    if not 0 <= duration <= 3600:
        raise Refused(HTTPStatus.BAD_REQUEST, "A time is 0 to 3600 seconds.")
    return duration


def switches(
    asked: Mapping[str, object], known: tuple[str, ...], amount: Callable[[object], int | None] | None = None
) -> dict[str, Any]:
    """The switches of the control API and of the pages, checked, as keyword arguments."""
    if unknown := asked.keys() - set(known):
        raise Refused(HTTPStatus.BAD_REQUEST, f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(known)}.")
    given: dict[str, Any] = dict(asked)
    if "delay" in given:
        given["delay"] = seconds(given["delay"])
    if "duplicates" in given:
        count = str(given["duplicates"])
        if not re.fullmatch("[0-9]{1,3}", count, re.ASCII) or int(count) > 100:
            raise Refused(HTTPStatus.BAD_REQUEST, "Duplicates are 0 to 100.")
        given["duplicates"] = int(count)
    if "amount" in given and amount is not None:
        given["amount"] = amount(given["amount"])
        if given["amount"] is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "An amount is in baht, such as 100.24.")
    for name in ("drop", "bad_signature"):
        if not isinstance(given.get(name, False), bool):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is true or false.")
    return given


def added(faults: dict[str, Any], form: Mapping[str, object]) -> dict[str, object]:
    """The faults in force, with the one of the form (`create.lost`, so many `times`) set as well."""
    method, _, fault = str(form.get("fault")).partition(".")
    times = str(form.get("times"))
    if not re.fullmatch("[0-9]{1,6}", times, re.ASCII):
        raise Refused(HTTPStatus.BAD_REQUEST, "Say how many times.")
    return faults | {method: faults.get(method, {}) | {fault: int(times)}}
