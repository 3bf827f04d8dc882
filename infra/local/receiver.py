"""Somebody who receives our webhooks: checks every signature for itself, notes what it heard, misbehaves on request.

    with Receiver() as receiver:
        receiver.secrets = [secret]
        receiver.behave("error", "slow")  # the next two calls; whoever comes later is answered 204
        ...
        assert [each.verified for each in receiver.heard] == [True, True, True]

It reads the format by the specification alone, and shares no code with who signs:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from infra.local.sandbox import Server

TOLERANCE = 5 * 60
"""Seconds by which a call may be old, or come from the future."""
ELSEWHERE = "/elsewhere"
_HUGE = 8 << 20


@dataclass(frozen=True)
class Heard:
    """One call. `reason` says why it was not believed, and is empty for one that was."""

    id: str
    path: str
    body: bytes
    reason: str

    @property
    def verified(self) -> bool:
        return not self.reason


class Receiver:
    """`secrets` are those it accepts; `hang` is how long, in seconds, it does not answer where it is slow."""

    def __init__(self, *, stage: str = "local", tls: ssl.SSLContext | None = None) -> None:
        if stage not in ("local", "test"):
            raise RuntimeError(f"the receiver of webhooks takes no part in the stage {stage!r}")
        self.secrets: list[str] = []
        self.heard: list[Heard] = []
        self.hang = 30.0
        self.clock = time.time
        self._wanted: deque[str] = deque()
        self._stopping = threading.Event()
        self._scheme = "https" if tls else "http"
        self._server = Server(self, 0, _Doors)  # type: ignore[arg-type]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/hooks"

    def behave(self, *ways: str) -> None:
        """What becomes of the next calls, in turn. Raises ValueError for a way that there is none of."""
        if unknown := set(ways) - WAYS.keys():
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(WAYS)}")
        self._wanted.extend(ways)

    def way(self) -> str:
        return self._wanted.popleft() if self._wanted else "well"

    def wait(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def doubt(self, headers: Any, body: bytes) -> str:
        """Why a call is not to be believed; empty where it is."""
        id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or not timestamp.isdecimal():
            return "no id or no timestamp"
        if abs(self.clock() - int(timestamp)) > TOLERANCE:
            return "too old, or from the future"
        signed = f"{id}.{timestamp}.".encode() + body
        given = [part.split(",", 1) for part in headers.get("webhook-signature", "").split(" ")]
        for secret in self.secrets:
            wanted = hmac.new(base64.b64decode(secret.split("_", 1)[1]), signed, hashlib.sha256).digest()
            if any(len(pair) == 2 and pair[0] == "v1" and _same(pair[1], wanted) for pair in given):
                return ""
        return "no signature fits"


class _Doors(BaseHTTPRequestHandler):
    sys_version = ""
    timeout = 60
    server: Server

    def do_POST(self) -> None:
        receiver: Receiver = self.server.sandbox
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reason = receiver.doubt(self.headers, body)
        receiver.heard.append(Heard(self.headers.get("webhook-id", ""), urlsplit(self.path).path, body, reason))
        if reason:
            self.answer(HTTPStatus.UNAUTHORIZED, reason.encode())
        else:
            WAYS[receiver.way()](self, receiver)

    def do_GET(self) -> None:
        receiver: Receiver = self.server.sandbox
        receiver.heard.append(Heard("", urlsplit(self.path).path, b"", "fetched"))
        self.answer(HTTPStatus.OK, b"nothing here")

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: `heard` tells what happened."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _well(doors: _Doors, _: Receiver) -> None:
    doors.answer(HTTPStatus.NO_CONTENT)


def _error(doors: _Doors, _: Receiver) -> None:
    doors.answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"<b>broken</b>\r\n\x1b[31m\xe0\xb8")


def _busy(doors: _Doors, _: Receiver) -> None:
    doors.answer(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="7200")


def _gone(doors: _Doors, _: Receiver) -> None:
    doors.answer(HTTPStatus.GONE)


def _redirect(doors: _Doors, receiver: Receiver) -> None:
    doors.answer(HTTPStatus.TEMPORARY_REDIRECT, Location=receiver.url.replace("/hooks", ELSEWHERE))


def _slow(doors: _Doors, receiver: Receiver) -> None:
    """Says nothing, until nobody can still wait."""
    receiver.wait(receiver.hang)
    doors.close_connection = True


def _drip(doors: _Doors, receiver: Receiver) -> None:
    """A header that never ends, byte by byte: each comes before a socket's own patience is over."""
    until = time.monotonic() + receiver.hang
    doors.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while time.monotonic() < until:
        doors.wfile.write(b"a")
        receiver.wait(0.05)


def _huge(doors: _Doors, _: Receiver) -> None:
    doors.answer(HTTPStatus.OK, b"x" * _HUGE)


def _endless(doors: _Doors, receiver: Receiver) -> None:
    """Takes it, and never ends the body."""
    doors.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthanks")
    receiver.wait(receiver.hang)
    doors.close_connection = True


def _close(doors: _Doors, _: Receiver) -> None:
    doors.close_connection = True


def _garbage(doors: _Doors, _: Receiver) -> None:
    doors.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
    doors.close_connection = True


WAYS = {
    "well": _well,
    "error": _error,
    "busy": _busy,
    "gone": _gone,
    "redirect": _redirect,
    "slow": _slow,
    "drip": _drip,
    "huge": _huge,
    "endless": _endless,
    "close": _close,
    "garbage": _garbage,
}
"""What a receiver may do with a call that it believes."""


def _same(given: str, wanted: bytes) -> bool:
    try:
        return hmac.compare_digest(base64.b64decode(given, validate=True), wanted)
    except binascii.Error:
        return False
