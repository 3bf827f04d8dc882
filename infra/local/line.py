"""A LINE that runs on this machine: the wire format of its Messaging API, no phones, and faults on demand.

`POST /v2/bot/message/push` takes messages, of those with one retry key the first. `GET /_sandbox/messages` shows them,
`POST /_sandbox/faults` lets the next calls go wrong, `POST /_sandbox/people/{id}/block` is somebody who wants no more.
`webhook` is what LINE would send of a chat, with its signature.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from functools import cached_property
from http import HTTPStatus
from typing import Any

from chalicelib.core import clock, ids
from infra.local.carrier import NO_ANSWER, Carrier
from infra.local.sandbox import Doors, Refused, Reply, as_json, written

FAULTS = {
    "send": {
        **NO_ANSWER,
        "error": "500",
        "unavailable": "503",
        "quota": "429",
        "refused": "401: the token is not known",
        "malformed": "400 that blames the message",
        "redirect": "302",
    }
}
_ERRORS = {
    "error": (HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable"),
    "quota": (HTTPStatus.TOO_MANY_REQUESTS, "You have reached your monthly limit."),
    "refused": (HTTPStatus.UNAUTHORIZED, "Authentication failed. Confirm that the access token is valid."),
    "malformed": (HTTPStatus.BAD_REQUEST, "The request body has 1 error(s)"),
}
_KEY = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Handler(Doors):
    server_version = "LineSandbox"

    def _get(self, path: str) -> Reply:
        sandbox: LineSandbox = self.server.sandbox
        if path == "/_sandbox/messages":
            return as_json({"messages": sandbox.messages})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: LineSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["v2", "bot", "message", "push"]:
                token, key = (self.headers.get(name, "") for name in ("Authorization", "X-Line-Retry-Key"))
                return sandbox.take(token, key, self._json_body())
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
            case ["_sandbox", "people", person, "block"]:
                sandbox.gone.add(person)
                return as_json({"gone": sorted(sandbox.gone)})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        return written(json.dumps({"message": refusal.reason}), "application/json", refusal.status)


class LineSandbox(Carrier):
    """`gone` are people that no message reaches."""

    who, known, doors = "LINE", FAULTS, Handler

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gone: set[str] = set()
        self._by_key: dict[str, str] = {}

    @cached_property
    def account(self) -> dict[str, str]:
        """As the application's secret holds it."""
        keys = {"access_token": secrets.token_urlsafe(64), "channel_secret": secrets.token_hex(16)}
        return {**keys, "bot_id": "@pixlocal", "url": self.url}

    def take(self, authorization: str, key: str, body: dict[str, Any]) -> Reply:
        fault = self.fault()
        if fault == "redirect":
            return Reply(HTTPStatus.FOUND, b"{}", "application/json", location="/")
        known = f"Bearer {self.account['access_token']}"
        if not hmac.compare_digest(authorization.encode(), known.encode()):
            fault = "refused"
        if fault in _ERRORS:
            return _error(*_ERRORS[fault])
        if not _KEY.fullmatch(key):
            return _error(HTTPStatus.BAD_REQUEST, "The retry key is invalid")
        to, texts = body.get("to"), body.get("messages")
        if not isinstance(to, str) or not re.fullmatch("U[0-9a-f]{32}", to):
            return _error(HTTPStatus.BAD_REQUEST, "The property, 'to', in the request body is invalid")
        if to in self.gone:
            return _error(HTTPStatus.BAD_REQUEST, "Failed to send messages")
        if not isinstance(texts, list) or [type(each.get("text")) for each in texts] != [str]:
            return _error(*_ERRORS["malformed"])
        if key in self._by_key:
            told = {"message": "The retry key is already accepted", "sentMessages": [{"id": self._by_key[key]}]}
            return as_json(told, HTTPStatus.CONFLICT)
        id = self._by_key[key] = str(460_000_000_000_000_000 + len(self.messages))
        self.keep(fault, id=id, to=to, text=texts[0]["text"])
        return as_json({"sentMessages": [{"id": id, "quoteToken": secrets.token_urlsafe(16)}]})

    def webhook(self, person: str, kind: str = "message", text: str = "") -> tuple[bytes, str]:
        """What LINE tells of somebody's chat, and how it signs it."""
        event: dict[str, Any] = {
            "type": kind,
            "mode": "active",
            "timestamp": clock.epoch(clock.now()) * 1000,
            "source": {"type": "user", "userId": person},
            "webhookEventId": secrets.token_hex(13).upper(),
            "deliveryContext": {"isRedelivery": False},
        }
        if kind == "message":
            event["message"] = {"id": "444573844083572737", "type": "text", "quoteToken": "q3Plxr4A", "text": text}
        body = json.dumps({"destination": f"U{ids.digest('bot')[:32]}", "events": [event]}).encode()
        mac = hmac.new(self.account["channel_secret"].encode(), body, hashlib.sha256).digest()
        return body, base64.b64encode(mac).decode()


def _error(status: HTTPStatus, message: str) -> Reply:
    return as_json({"message": message}, status)
