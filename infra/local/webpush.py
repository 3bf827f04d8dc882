"""A browser and its push service on this machine: RFC 8030 on the wire, RFC 8292 at the door, RFC 8291 inside.

`subscribe` is what a browser gives to a site. `POST /push/{id}` takes messages, which the browser opens with its key;
`POST /_sandbox/faults` lets the next calls go wrong, and `unsubscribe` ends a subscription.
"""

import json
import re
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from chalicelib.core import ids
from chalicelib.notifications.channels.webpush import Subscription
from infra.local.carrier import NO_ANSWER, Carrier
from infra.local.sandbox import Doors, Refused, Reply, as_json, written

FAULTS = {
    "send": {
        **NO_ANSWER,
        "error": "500",
        "unavailable": "503",
        "quota": "429",
        "refused": "403: not the key that was subscribed with",
        "redirect": "301",
    }
}
_STATUSES = {
    "error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "quota": HTTPStatus.TOO_MANY_REQUESTS,
    "refused": HTTPStatus.FORBIDDEN,
}
_LARGEST = 4096
_CURVE = ec.SECP256R1()


@dataclass(frozen=True)
class _Browser:
    key: ec.EllipticCurvePrivateKey
    secret: bytes


class Handler(Doors):
    server_version = "WebPushSandbox"

    def _get(self, path: str) -> Reply:
        sandbox: WebPushSandbox = self.server.sandbox
        if path == "/_sandbox/messages":
            return as_json({"messages": sandbox.messages})
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _post(self, path: str) -> Reply:
        sandbox: WebPushSandbox = self.server.sandbox
        match path.strip("/").split("/"):
            case ["push", id]:
                return sandbox.take(id, {name.lower(): value for name, value in self.headers.items()}, self._body())
            case ["_sandbox", "faults"]:
                return as_json(sandbox.faults.set(self._json_body()))
        raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")

    def _refusal(self, path: str, refusal: Refused) -> Reply:
        return written(refusal.reason, "text/plain", refusal.status)


class WebPushSandbox(Carrier):
    who, known, doors = "web push", FAULTS, Handler

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._site = ec.generate_private_key(_CURVE)
        self._browsers: dict[str, _Browser] = {}

    @property
    def account(self) -> dict[str, str]:
        """The site's key, as the application's secret holds it."""
        pem = self._site.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {"private_key": pem, "subject": "mailto:operator@thepixstock.example"}

    def subscribe(self) -> Subscription:
        id, browser = secrets.token_urlsafe(24), _Browser(ec.generate_private_key(_CURVE), secrets.token_bytes(16))
        self._browsers[id] = browser
        return Subscription(f"{self.url}/push/{id}", ids.urlsafe(_point(browser.key)), ids.urlsafe(browser.secret))

    def unsubscribe(self, subscription: Subscription) -> None:
        self._browsers.pop(subscription.endpoint.rpartition("/")[2], None)

    def shown(self) -> list[str]:
        """The titles of what browsers show: one takes the place of another with its tag."""
        return list({message["tag"]: message["title"] for message in self.messages}.values())

    def take(self, id: str, headers: dict[str, str], body: bytes) -> Reply:
        fault = self.fault()
        if fault == "redirect":
            return Reply(HTTPStatus.MOVED_PERMANENTLY, b"", "text/plain", location=f"/push/{id}")
        if fault in _STATUSES:
            raise Refused(_STATUSES[fault], "Not now.")
        browser = self._browsers.get(id)
        if browser is None:
            raise Refused(HTTPStatus.GONE, "This subscription has ended.")
        self._prove(headers.get("authorization", ""))
        if not headers.get("ttl", "").isdigit() or not re.fullmatch("[A-Za-z0-9_-]{0,32}", headers.get("topic", "")):
            raise Refused(HTTPStatus.BAD_REQUEST, "A TTL is needed, and a topic is short.")
        if len(body) > _LARGEST:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large.")
        if headers.get("content-encoding") != "aes128gcm":
            raise Refused(HTTPStatus.BAD_REQUEST, "This is sealed for nobody.")
        self.keep(fault, **json.loads(_opened(browser, body)))
        place = f"{self.url}/message/{secrets.token_urlsafe(12)}"
        return Reply(HTTPStatus.CREATED, b"", "text/plain", location=place)

    def _prove(self, authorization: str) -> None:
        """RFC 8292. Raises Refused."""
        match = re.fullmatch(r"vapid t=([\w.-]+), ?k=([\w-]+)", authorization)
        if match is None or match[2] != ids.urlsafe(_point(self._site)):
            raise Refused(HTTPStatus.FORBIDDEN, "Not the key that was subscribed with.")
        try:
            claims = jwt.decode(
                match[1],
                self._site.public_key(),
                ["ES256"],
                audience=self.url,
                options={"require": ["aud", "exp", "sub"]},
            )
        except jwt.InvalidTokenError as failure:
            raise Refused(HTTPStatus.FORBIDDEN, str(failure)) from failure
        if not str(claims["sub"]).startswith(("mailto:", "https:")):
            raise Refused(HTTPStatus.FORBIDDEN, "Nobody is to be reached.")


def _opened(browser: _Browser, body: bytes) -> bytes:
    """RFC 8291 as a browser has it. Raises Refused for what was sealed for another one."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    theirs, sealed = body[21 : 21 + length], body[21 + length :]
    if len(sealed) > size:
        raise Refused(HTTPStatus.BAD_REQUEST, "One record is all that there may be.")
    ours = _point(browser.key)
    shared = browser.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    key = HKDF(SHA256(), 32, browser.secret, b"WebPush: info\x00" + ours + theirs).derive(shared)
    cipher = AESGCM(HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(key))
    try:
        padded = cipher.decrypt(HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(key), sealed, None)
    except InvalidTag as failure:
        raise Refused(HTTPStatus.BAD_REQUEST, "Sealed for somebody else.") from failure
    plain, mark = padded.rstrip(b"\x00")[:-1], padded.rstrip(b"\x00")[-1:]
    if mark != b"\x02":
        raise Refused(HTTPStatus.BAD_REQUEST, "This is not the last record.")
    return plain


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
