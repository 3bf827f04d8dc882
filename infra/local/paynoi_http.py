"""The doors of the PayNoi sandbox: the gateway's API, the pages, and the control API.

Other web sites that the same browser shows stay outside: requests must name this machine as their host (a
name that points here is not enough), pages accept forms of their own origin only, and the control API accepts
only JSON, which a foreign page cannot send unasked.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infra.local.paynoi_wire import FAULTS, THAILAND, NoAnswer, Refused, Transaction, baht, satang, seconds

if TYPE_CHECKING:
    from infra.local.paynoi import PayNoiSandbox

BODY_LIMIT = 64 * 1024
SHOWN = 200
SWITCHES = {
    "pay": ("amount", "delay", "duplicates", "drop", "bad_signature"),
    "expire": ("delay", "duplicates", "drop", "bad_signature"),
    "fail": ("delay", "duplicates", "drop", "bad_signature"),
    "notify": ("delay", "duplicates", "bad_signature"),
}
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
PAGES.filters |= {
    "baht": lambda amount: f"฿{int(baht(amount)[:-3]):,}{baht(amount)[-3:]}",
    "clock": lambda moment: moment.astimezone(THAILAND).strftime("%H:%M:%S"),
}


@dataclass(frozen=True)
class Reply:
    status: HTTPStatus
    body: bytes
    content_type: str
    location: str | None = None


class Server(ThreadingHTTPServer):
    """Port 0 takes any free one; `server_port` then tells which."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sandbox: "PayNoiSandbox", port: int) -> None:
        self.sandbox = sandbox
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would ask the resolver for a name, which can take seconds
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that lost patience is no error here
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "PayNoiSandbox"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the pages and `/_sandbox/stats` tell what happened."""

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
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if reply.location:
            self.send_header("Location", reply.location)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _get(self, path: str) -> Reply:
        sandbox = self.server.sandbox
        query = dict(parse_qsl(urlsplit(self.path).query))
        match path.strip("/").split("/"):
            case [""]:
                transactions = sandbox.transactions()
                return _page(
                    "paynoi_charges.html",
                    transactions=transactions[:SHOWN],
                    hidden=max(0, len(transactions) - SHOWN),
                    faults=sandbox.faults(),
                    known_faults=FAULTS,
                )
            case ["pay", trans_id]:
                transaction = sandbox.transaction(trans_id)
                return _page("paynoi_pay.html", t=transaction, minutes=_minutes(transaction, sandbox.now()))
            case ["_sandbox", "transactions"]:
                if query.keys() - {"ref1", "status"}:
                    raise Refused(HTTPStatus.BAD_REQUEST, "Filters are ref1 and status.")
                return _json({"transactions": [sandbox.shown(t) for t in sandbox.transactions(**query)]})
            case ["_sandbox", "transactions", trans_id]:
                return _json({"transaction": sandbox.shown(sandbox.transaction(trans_id))})
            case ["_sandbox", "stats"]:
                return _json(sandbox.stats())
            case ["_sandbox", "faults"]:
                return _json(sandbox.faults())
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["ppay_api"]:
                return _text(sandbox.answer(self._json_body()), "application/json")
            case ["faults"]:
                form = self._form()
                sandbox.misbehave({} if form.get("action") == "heal" else _added(sandbox.faults(), form))
                return _see("/")
            case ["pay", trans_id]:
                self._act(trans_id, self._form())
                return _see(f"/pay/{trans_id}")
            case ["_sandbox", "faults"]:
                return _json(sandbox.misbehave(self._json_body()))
            case ["_sandbox", trans_id, action]:
                return _json({"transaction": sandbox.shown(self._act(trans_id, self._json_body(), action))})
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _act(self, trans_id: str, asked: Mapping[str, object], action: str | None = None) -> Transaction:
        sandbox = self.server.sandbox
        if action is None:
            action = str(asked.get("action"))
            asked = {name: value for name, value in asked.items() if name in SWITCHES.get(action, ())}
        if action not in SWITCHES:
            raise Refused(HTTPStatus.NOT_FOUND, f"Actions are {', '.join(SWITCHES)}.")
        switches = _switches(asked, SWITCHES[action])
        match action:
            case "pay":
                return sandbox.pay(trans_id, **switches)
            case "notify":
                return sandbox.notify(trans_id, **switches)
            case _:
                return sandbox.end(trans_id, "expired" if action == "expire" else "failed", **switches)

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        if path == "/ppay_api":
            if refusal.status == HTTPStatus.OK:
                return _json({"status": 0, "msg": refusal.reason})
            return Reply(refusal.status, b"", "text/html", "/ppay_api" if refusal.status < 400 else None)
        if path.startswith("/_sandbox/"):
            return _json({"error": refusal.reason}, refusal.status)
        return _page("paynoi_refused.html", refusal.status, reason=refusal.reason)

    def _hosts(self) -> set[str]:
        return {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}

    def _own_origin(self) -> bool:
        return self.headers.get("Origin") in {f"http://{host}" for host in self._hosts()}

    def _form(self) -> dict[str, object]:
        if not self._own_origin():
            raise Refused(HTTPStatus.FORBIDDEN, "This form was not sent by a page of the sandbox.")
        sent = dict(parse_qsl(self._body().decode("utf-8", "replace")))
        return {name: True if name in ("drop", "bad_signature") else value for name, value in sent.items()}

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


def _switches(asked: Mapping[str, object], known: tuple[str, ...]) -> dict[str, Any]:
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
    if "amount" in given:
        given["amount"] = satang(given["amount"])
        if given["amount"] is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "An amount is in baht, such as 100.24.")
    for name in ("drop", "bad_signature"):
        if not isinstance(given.get(name, False), bool):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is true or false.")
    return given


def _added(faults: dict[str, Any], form: Mapping[str, object]) -> dict[str, object]:
    """The faults in force, with the one of the form (`create.lost`, so many `times`) set as well."""
    method, _, fault = str(form.get("fault")).partition(".")
    times = str(form.get("times"))
    if not re.fullmatch("[0-9]{1,6}", times, re.ASCII):
        raise Refused(HTTPStatus.BAD_REQUEST, "Say how many times.")
    return faults | {method: faults.get(method, {}) | {fault: int(times)}}


def _minutes(transaction: Transaction, now: datetime) -> int:
    return max(0, round((transaction.expires_at - now).total_seconds() / 60))


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Reply:
    return _text(PAGES.get_template(template).render(**values), "text/html; charset=utf-8", status)


def _json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return _text(json.dumps(value, ensure_ascii=False), "application/json", status)


def _text(text: str, content_type: str, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status, text.encode(), content_type)


def _see(path: str) -> Reply:
    """Shows another page with GET, so that reloading it repeats nothing."""
    return Reply(HTTPStatus.SEE_OTHER, b"", "text/html", path)
