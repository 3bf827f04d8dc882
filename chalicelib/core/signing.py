"""What an organization signs, so that it can be checked without asking us: Ed25519 (RFC 8032).

Each organization has a key of its own. It follows from those that seal fields, by HKDF (RFC 5869); the public halves of
all that ever signed are kept, so that what was signed before a rotation can still be checked.

| access                            | key                             |
|-----------------------------------|---------------------------------|
| public keys of an organization    | pk T#{org}#KEYS / sk {kid}      |
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.core import ids
from chalicelib.core.secrets import secrets
from chalicelib.core.table import Record, Write, table, transact


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key that an organization signs with: its name, and the key itself in base64url (RFC 8037)."""

    kid: str
    x: str

    @property
    def jwk(self) -> dict[str, str]:
        """The key as RFC 7517 has it."""
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": self.x}


class KeyRecord(Record):
    Meta = table("privacy")
    keys = ("T#{}#KEYS", "{}")
    model = PublicKey

    kid = UnicodeAttribute()
    x = UnicodeAttribute()


def key(organization: str) -> PublicKey:
    """The public half of the key that signs now."""
    return _key(organization, secrets().sealing_keys[0])[0]


def published(organization: str) -> list[PublicKey]:
    """All keys that something signed by an organization can be checked with, those in use first."""
    current = [_key(organization, sealing)[0] for sealing in secrets().sealing_keys]
    kept = [record.value() for record in KeyRecord.query(_pk(organization), consistent_read=True)]
    return list({known.kid: known for known in (*current, *kept)}.values())


def keep(organization: str) -> None:
    """Remember the key that signs now, for as long as there is anything to check. Call it before signing."""
    now = key(organization)
    if KeyRecord.fetch(_pk(organization), now.kid) is None:
        transact(Write("put", KeyRecord.of(now, pk=_pk(organization), sk=now.kid)))


def signature(organization: str, message: bytes) -> bytes:
    """64 bytes; the same for the same message."""
    private = _key(organization, secrets().sealing_keys[0])[1]
    return bytes(private.sign(message))


# --- documents ----------------------------------------------------------------------------------------------


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one way to write a document (RFC 8785). Raises TypeError for a float, which documents do not hold."""
    _refuse_floats(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(organization: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the name of the key and the signature over all the rest in its canonical form."""
    whole = {**document, "key": key(organization).kid}
    return {**whole, "signature": ids.urlsafe(signature(organization, canonical(whole)))}


def flaw(organization: str, document: Mapping[str, Any]) -> str | None:
    """Why a document is not one that the organization signed: `malformed`, `unknown_key`, `altered`; None for one."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    told, kid = document.get("signature"), document.get("key")
    if not isinstance(told, str) or not isinstance(kid, str):
        return "malformed"
    known = {each.kid: each for each in published(organization)}.get(kid)
    if known is None:
        return "unknown_key"
    try:
        message = canonical({name: value for name, value in document.items() if name != "signature"})
        held = _decoded(told)
        Ed25519PublicKey.from_public_bytes(_decoded(known.x)).verify(held, message)
    except (TypeError, UnicodeEncodeError, binascii.Error, RecursionError):
        return "malformed"
    except InvalidSignature:
        return "altered"
    return None if ids.urlsafe(held) == told else "altered"  # other texts can stand for the same bytes


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a document holds no floats: they have no one way to be written")
    if isinstance(value, Mapping):
        for each in value.values():
            _refuse_floats(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_floats(each)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


@lru_cache(maxsize=64)
def _key(organization: str, sealing: bytes) -> tuple[PublicKey, Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    seed = HKDF(SHA256(), 32, salt=None, info=ids.joined("signatures", organization)).derive(sealing)
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    return PublicKey(hashlib.sha256(public).hexdigest()[:16], ids.urlsafe(public)), private


def _pk(organization: str) -> str:
    return f"T#{organization}#KEYS"
