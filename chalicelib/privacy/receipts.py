"""Receipts of erasures, as their organization signs them: compact JWS (RFC 7515, RFC 8037), checked without us."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core import ids, signing

TYPE = "erasure-receipt+jwt"


def sign(organization: str, claims: Mapping[str, Any]) -> str:
    """The claims as a compact JWS."""
    header = {"alg": "EdDSA", "kid": signing.key(organization).kid, "typ": TYPE}
    signed = ".".join(ids.urlsafe(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{ids.urlsafe(signing.signature(organization, signed.encode()))}"


def subject(salt: str, address: str) -> str:
    """Whose receipt it is, for whoever knows the address."""
    return hashlib.sha256(ids.joined(salt, address)).hexdigest()
