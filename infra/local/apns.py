"""Apple's push service on this machine: HTTP/2 without TLS, its wire format, no phones, and faults on demand.

`messages` are those that it took, `faults` lets the next calls go wrong, and `gone` are tokens that it knows no more.
It listens on 127.0.0.1, and not on a stage that others use.
"""

import json
import re
import secrets
import socket
import threading
import uuid
from functools import cached_property
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded

from chalicelib.core import clock
from infra.local.carrier import NO_ANSWER
from infra.local.sandbox import Faults, NoAnswer

FAULTS = {
    "send": {
        **NO_ANSWER,
        "error": "500 InternalServerError",
        "unavailable": "503 ServiceUnavailable",
        "quota": "429 TooManyRequests",
        "stale": "403 ExpiredProviderToken",
        "redirect": "301",
        "malformed": "400 that blames the payload",
    }
}
_ERRORS = {
    "error": (500, "InternalServerError"),
    "unavailable": (503, "ServiceUnavailable"),
    "quota": (429, "TooManyRequests"),
    "stale": (403, "ExpiredProviderToken"),
    "redirect": (301, ""),
    "malformed": (400, "PayloadEmpty"),
}
_TOPIC = "example.thepixstock.app"
_LARGEST = 4096
_HOUR = 3600


class ApnsSandbox:
    def __init__(self, *, stage: str = "local", hang: float = 12) -> None:
        if stage not in ("local", "test"):
            raise RuntimeError(f"the APNs sandbox takes no part in the stage {stage!r}")
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._server: _Server | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.faults = Faults(FAULTS)
        self.faults.hang = hang
        self.messages: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.gone: set[str] = set()

    def start(self) -> Self:
        self._stopping.clear()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the APNs sandbox has no address before it starts")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @cached_property
    def account(self) -> dict[str, str]:
        """As the application's secret holds it."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        ids = {"team_id": secrets.token_hex(5).upper(), "key_id": secrets.token_hex(5).upper()}
        return {**ids, "private_key": pem, "topic": _TOPIC, "url": self.url}

    def shown(self, token: str) -> list[str]:
        """The titles of what a device shows: one takes the place of another with its collapse id."""
        found = (message for message in self.messages if message["token"] == token)
        return list({each["collapse"]: each["aps"]["alert"]["title"] for each in found}.values())

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Status and reason. Raises NoAnswer."""
        fault = self.faults.take("send")
        if fault == "timeout":
            self._stopping.wait(self.faults.hang)
            raise NoAnswer
        if fault in _ERRORS:
            return _ERRORS[fault]
        if reason := self._distrusts(headers.get("authorization", "")):
            return HTTPStatus.FORBIDDEN, reason
        path = re.fullmatch("/3/device/([0-9A-Fa-f]{64,200})", headers[":path"])
        if headers[":method"] != "POST" or path is None:
            return HTTPStatus.BAD_REQUEST, "BadDeviceToken"
        if headers.get("apns-topic") != _TOPIC:
            return HTTPStatus.BAD_REQUEST, "DeviceTokenNotForTopic"
        if path[1] in self.gone:
            return HTTPStatus.GONE, "Unregistered"
        return self._keep(fault, path[1], headers, body)

    def _keep(self, fault: str, token: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        collapse = headers.get("apns-collapse-id", "")
        if len(body) > _LARGEST:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLarge"
        if len(collapse.encode()) > 64 or headers.get("apns-push-type") != "alert":
            return HTTPStatus.BAD_REQUEST, "BadCollapseId" if collapse else "InvalidPushType"
        try:
            uuid.UUID(headers["apns-id"])
            payload = json.loads(body)
        except (KeyError, ValueError):
            return HTTPStatus.BAD_REQUEST, "BadMessageId"
        with self._lock:
            self.messages.append({"token": token, "collapse": collapse, "apns_id": headers["apns-id"], **payload})
        if fault == "lost":
            raise NoAnswer
        return HTTPStatus.OK, ""

    def _distrusts(self, authorization: str) -> str:
        """Why a provider's token is not taken, or nothing."""
        token = authorization.removeprefix("bearer ")
        try:
            known = jwt.get_unverified_header(token).get("kid") == self.account["key_id"]
            claims = jwt.decode(token, self._key.public_key(), ["ES256"], issuer=self.account["team_id"])
        except jwt.InvalidTokenError:
            return "InvalidProviderToken"
        if not known or "exp" in claims:
            return "InvalidProviderToken"
        self.tokens.add(token)
        return "" if abs(clock.epoch(clock.now()) - claims["iat"]) < _HOUR else "ExpiredProviderToken"


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, sandbox: ApnsSandbox) -> None:
        self.sandbox = sandbox
        super().__init__(("127.0.0.1", 0), _Connection)


class _Connection(BaseRequestHandler):
    """Streams are answered one after the other, which HTTP/2 allows."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        self.request.sendall(connection.data_to_send())
        asked: dict[int, tuple[dict[str, str], bytearray]] = {}
        try:
            while data := self.request.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, ConnectionTerminated):
                        return
                    self._heed(connection, event, asked)
                self.request.sendall(connection.data_to_send())
        except (NoAnswer, ConnectionError):
            return

    def _heed(self, connection: H2Connection, event: Any, asked: dict[int, tuple[dict[str, str], bytearray]]) -> None:
        if isinstance(event, RequestReceived):
            asked[event.stream_id] = (dict(event.headers), bytearray())  # type: ignore[arg-type]
        elif isinstance(event, DataReceived):
            asked[event.stream_id][1].extend(event.data)
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            headers, body = asked.pop(event.stream_id)
            status, reason = self.server.sandbox.take(headers, bytes(body))
            told = json.dumps({"reason": reason}).encode() if reason else b""
            answer = [(":status", str(int(status))), ("apns-id", headers.get("apns-id", ""))]
            answer += [("location", "/")] if status == HTTPStatus.MOVED_PERMANENTLY else []
            connection.send_headers(event.stream_id, answer)
            connection.send_data(event.stream_id, told, end_stream=True)
