"""Receipts of erasures: signed with Ed25519, so that they can be checked without asking us (RFC 7515, RFC 8037).

The key follows from those that seal fields, by HKDF; the public halves of all that were ever used are kept.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from chalicelib.core import ids
from chalicelib.core.secrets import secrets
from chalicelib.privacy.model import PublicKey

TYPE = "erasure-receipt+jwt"


def sign(claims: Mapping[str, Any]) -> str:
    """The claims as a compact JWS."""
    key, private = _key(secrets().sealing_keys[0])
    header = {"alg": "EdDSA", "kid": key.kid, "typ": TYPE}
    signed = ".".join(ids.urlsafe(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{ids.urlsafe(private.sign(signed.encode()))}"


def public_keys() -> list[PublicKey]:
    """Those that sign now, the one in use first."""
    return [_key(key)[0] for key in secrets().sealing_keys]


def subject(salt: str, address: str) -> str:
    """Whose receipt it is, for whoever knows the address."""
    return hashlib.sha256(ids.joined(salt, address)).hexdigest()


@lru_cache(maxsize=8)
def _key(secret: bytes) -> tuple[PublicKey, Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    seed = HKDF(SHA256(), 32, salt=None, info=b"erasure receipts").derive(secret)
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    return PublicKey(hashlib.sha256(public).hexdigest()[:16], ids.urlsafe(public)), private
