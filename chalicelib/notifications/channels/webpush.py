"""Push messages to browsers (RFC 8030), sealed for each (RFC 8291), in our name (RFC 8292).

What a browser gave us says where to send: only the push services of the browsers' makers are taken, by host, over
HTTPS, and no redirect is followed. A service knows no idempotency key: a message whose answer is lost goes again, under
the same topic, by which a service keeps one for a browser that is away, and with the same tag, by which one is shown.

*Not verified live.*
"""

import json
import os
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core import clock, ids
from chalicelib.core.errors import Invalid
from chalicelib.core.secrets import WebPushSecret
from chalicelib.core.settings import settings
from chalicelib.notifications.channels import Undeliverable
from chalicelib.notifications.channels.calls import TIMEOUT, Timeout, not_now, post
from chalicelib.notifications.channels.push import Push

_KEPT = timedelta(days=1)
"""How long a service keeps it for a browser that is away."""

_SIGNED_FOR = timedelta(hours=12)
_RECORD = 4096
_GONE = {404, 410}
_TAKEN = {200, 201, 202}


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser gave: where its service takes messages, its public key, and a secret that it shares with us."""

    endpoint: str
    p256dh: str
    auth: str

    @classmethod
    def parse(cls, token: str) -> "Subscription":
        """What `token` made."""
        return cls(**json.loads(token))

    @property
    def token(self) -> str:
        return json.dumps({"endpoint": self.endpoint, "p256dh": self.p256dh, "auth": self.auth})

    def check(self) -> None:
        """Raises Invalid for an endpoint of nobody we know, and for keys that are none."""
        if not _is_known(self.endpoint):
            raise Invalid("unknown_push_service", "This is no address of a push service that we know.", field="token")
        try:
            _public_key(_raw(self.p256dh))
            fits = len(_raw(self.auth)) == 16
        except ValueError:
            fits = False
        if not fits:
            raise Invalid("invalid_push_keys", "A browser gives other keys than these.", field="keys")


class WebPush:
    def __init__(self, account: WebPushSecret, *, timeout: Timeout = TIMEOUT) -> None:
        self._account = account
        self._timeout = timeout

    def send(self, token: str, push: Push) -> str:
        """See `PushService`. `token` is a subscription's; the id is where the service keeps the message."""
        target = Subscription.parse(token)
        if not _is_known(target.endpoint):  # the list may have become shorter
            raise Undeliverable
        headers = {
            "TTL": str(int(_KEPT.total_seconds())),
            "Urgency": "normal",
            "Topic": ids.digest(push.id)[:32],
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": self._vapid(target.endpoint),
        }
        body = sealed_for(target, json.dumps(_shown(push), ensure_ascii=False).encode())
        try:
            answer = post(target.endpoint, timeout=self._timeout, data=body, headers=headers)
        except OSError as failure:
            raise not_now("push") from failure
        if answer.status in _GONE:
            raise Undeliverable
        if answer.status not in _TAKEN:
            raise not_now("push")
        return answer.headers.get("Location") or str(push.key_for(token))

    def _vapid(self, endpoint: str) -> str:
        import jwt

        place = urlsplit(endpoint)
        claims = {
            "aud": f"{place.scheme}://{place.netloc}",
            "exp": clock.epoch(clock.now() + _SIGNED_FOR),
            "sub": self._account.subject,
        }
        signed = jwt.encode(claims, self._account.private_key.get_secret_value(), algorithm="ES256")
        return f"vapid t={signed}, k={public_key(self._account)}"


def public_key(account: WebPushSecret) -> str:
    """What browsers subscribe with: `applicationServerKey`."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return ids.urlsafe(_point(load_pem_private_key(account.private_key.get_secret_value().encode(), None)))


def sealed_for(target: Subscription, plain: bytes) -> bytes:
    """RFC 8291: one record of RFC 8188 under a key that only we and the browser derive."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    own, salt = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    theirs, ours = _raw(target.p256dh), _point(own)
    shared = own.exchange(ec.ECDH(), _public_key(theirs))
    key = _derived(shared, _raw(target.auth), b"WebPush: info\0" + theirs + ours, 32)
    cipher = AESGCM(_derived(key, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = _derived(key, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + _RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + bytes(cipher.encrypt(nonce, plain + b"\x02", None))


def _is_known(endpoint: str) -> bool:
    """An address over HTTPS, at a host of the list: without a port, a user, or a trick of another parser."""
    held = settings()
    if any(sign in endpoint for sign in "\\ \t\r\n"):
        return False
    place = urlsplit(endpoint)
    if held.webpush_url is not None and f"{place.scheme}://{place.netloc}" == held.webpush_url:
        return True
    host = place.netloc
    named = any(
        host.endswith(known[1:]) and len(host) > len(known) - 1 if known.startswith("*.") else host == known
        for known in held.webpush_services
    )
    return place.scheme == "https" and named and host.replace(".", "").replace("-", "").isalnum() and host.isascii()


def _shown(push: Push) -> dict[str, Any]:
    """What the browser's service worker shows; its tag takes the place of what has the same."""
    told = {"title": push.title, "body": push.text, "tag": push.id, "topic": push.topic}
    return told | ({"link": push.link} if push.link else {})


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=salt, info=info).derive(secret)


def _public_key(raw: bytes) -> Any:
    """Raises ValueError for what is no point of the curve."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def _point(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _raw(text: str) -> bytes:
    """Raises ValueError for what is no base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
