"""A Firebase Cloud Messaging that runs on this machine: its wire format, no phones, and faults on demand.

`/token` gives access tokens for signed assertions, `/v1/projects/{project}/messages:send` takes messages, which
`GET /_sandbox/messages` shows. `POST /_sandbox/devices/{token}/{uninstall|foreign}` is what happens to a device, and
`POST /_sandbox/faults` lets the next calls go wrong. It listens on 127.0.0.1, and not on a stage that others use.
"""

import secrets
import threading
from functools import cached_property
from http import HTTPStatus
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.core import clock
from infra.local.sandbox import Doors, Faults, NoAnswer, Refused, Reply, Server, as_json, written

PROJECT = "thepixstock-local"
FAULTS = {
    "token": {"timeout": "no answer", "refused": "the account is locked", "garbage": "no JSON", "short": "1 second"},
    "send": {
        "timeout": "no answer",
        "lost": "taken, and no answer",
        "error": "500",
        "unavailable": "503",
        "quota": "429",
        "garbage": "no JSON",
        "redirect": "302",
        "stale": "the access token is good no more",
        "malformed": "400 that blames the message",
    },
}
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_GONE = {
    "uninstall": (HTTPStatus.NOT_FOUND, "NOT_FOUND", "UNREGISTERED"),
    "foreign": (HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
}
_ERRORS = {
    "error": (HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "INTERNAL"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "UNAVAILABLE"),
    "quota": (HTTPStatus.TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    "stale": (HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
    "malformed": (HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", None),
}


class FirebaseSandbox:
    """`messages` are those that were taken, `tokens` the access tokens that were given."""

    def __init__(self, *, stage: str = "local", port: int = 0, hang: float = 12) -> None:
        if stage not in ("local", "test"):
            raise RuntimeError(f"the Firebase sandbox takes no part in the stage {stage!r}")
        self._key = rsa.generate_private_key(65537, 2048)
        self._port = port
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: Server | None = None
        self.faults = Faults(FAULTS)
        self.faults.hang = hang
        self.messages: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.gone: dict[str, str] = {}

    # --- life -----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        self._stopping.clear()
        self._server = Server(self, self._port, Handler)
        self._port = self._server.server_port
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
        if not self._port:
            raise RuntimeError("the Firebase sandbox has no address before it starts")
        return f"http://127.0.0.1:{self._port}"

    @cached_property
    def account(self) -> dict[str, str]:
        """The service account, as the application's secret holds it."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        email = f"push@{PROJECT}.iam.gserviceaccount.com"
        addresses = {"url": self.url, "token_url": f"{self.url}/token"}
        return {"project_id": PROJECT, "client_email": email, "private_key": pem, **addresses}

    # --- the service ----------------------------------------------------------------------------------------

    def give_token(self, grant: str, assertion: str) -> Reply:
        fault = self._fault("token")
        if fault == "refused" or grant != _GRANT:
            return as_json({"error": "invalid_grant", "error_description": "Refused."}, HTTPStatus.BAD_REQUEST)
        try:
            claims = jwt.decode(
                assertion,
                self._key.public_key(),
                ["RS256"],
                audience=self.account["token_url"],
                issuer=self.account["client_email"],
                leeway=10,
                options={"require": ["iss", "aud", "iat", "exp"]},
            )
        except jwt.InvalidTokenError as failure:
            return as_json({"error": "invalid_grant", "error_description": str(failure)}, HTTPStatus.BAD_REQUEST)
        if claims.get("scope") != _SCOPE or claims["exp"] - claims["iat"] > 3600:
            return as_json({"error": "invalid_scope"}, HTTPStatus.BAD_REQUEST)
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.tokens.append(token)
        lasts = 1 if fault == "short" else 3599
        return as_json({"access_token": token, "expires_in": lasts, "token_type": "Bearer"})

    def take(self, project: str, authorization: str, body: dict[str, Any]) -> Reply:
        fault = self._fault("send")
        if fault == "redirect":
            return Reply(HTTPStatus.FOUND, b"{}", "application/json", location="/")
        if fault == "stale":
            self.tokens.clear()
        if authorization.removeprefix("Bearer ") not in self.tokens or project != PROJECT:
            return _error(*_ERRORS["stale"])
        if fault in _ERRORS:
            return _error(*_ERRORS[fault])
        message = body.get("message")
        if not isinstance(message, dict) or not _is_message(message):
            return _error(*_ERRORS["malformed"])
        token = message["token"]
        if token.startswith("malformed"):
            return _error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        if token in self.gone:
            return _error(*_GONE[self.gone[token]])
        with self._lock:
            self.messages.append({"at": clock.stamp(clock.now()), **message})
        if fault == "lost":
            raise NoAnswer
        return as_json({"name": f"projects/{PROJECT}/messages/0:{secrets.token_hex(8)}"})

    def lose(self, token: str, how: str) -> None:
        """The app is not on the device any more, or it is another project's."""
        if how not in _GONE:
            raise Refused(HTTPStatus.NOT_FOUND, f"A device can {', '.join(_GONE)}.")
        self.gone[token] = how

    def rung(self, token: str) -> list[str]:
        """The titles of what a device shows: a message with the tag of another takes its place."""
        shown = {each["android"]["notification"]["tag"]: each for each in self.messages if each["token"] == token}
        return [each["notification"]["title"] for each in shown.values()]

    def _fault(self, call: str) -> str:
        fault = self.faults.take(call)
        if fault == "timeout":
            self._stopping.wait(self.faults.hang)
            raise NoAnswer
        if fault == "garbage":
            raise Refused(HTTPStatus.BAD_GATEWAY, "<html>")
        return fault


class Handler(Doors):
    server_version = "FirebaseSandbox"

    def _get(self, path: str) -> Reply:
        sandbox: FirebaseSandbox = self.server.sandbox
        if path == "/_sandbox/messages":
            return as_json({"messages": sandbox.messages})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: FirebaseSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["token"]:
                sent = self._sent()
                return sandbox.give_token(sent.get("grant_type", ""), sent.get("assertion", ""))
            case ["v1", "projects", project, "messages:send"]:
                return sandbox.take(project, self.headers.get("Authorization", ""), self._json_body())
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
            case ["_sandbox", "devices", token, how]:
                sandbox.lose(token, how)
                return as_json({"gone": sandbox.gone})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        return written(refusal.reason, "text/html", refusal.status)


def _is_message(message: dict[str, Any]) -> bool:
    """What FCM takes: texts in `data` alone, under names that it does not use itself."""
    data, shown = message.get("data", {}), message.get("notification", {})
    texts = all(isinstance(value, str) for value in (message.get("token"), *data.values(), *shown.values()))
    return texts and not any(name.startswith(("google", "gcm")) or name == "from" for name in data)


def _error(status: HTTPStatus, name: str, code: str | None) -> Reply:
    details = [{"@type": _FCM_ERROR, "errorCode": code}] if code else []
    told = {"code": status.value, "message": "Requested entity was refused.", "status": name, "details": details}
    return as_json({"error": told}, status)
