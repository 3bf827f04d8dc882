"""Who is asking: principals and access tokens (JWT, ES256, ten minutes)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from chalicelib.core import clock, ids
from chalicelib.core.errors import Unauthorized
from chalicelib.core.secrets import secrets
from chalicelib.core.settings import settings

ACCESS_LASTS = timedelta(minutes=10)
_ALGORITHM = "ES256"
_TYPE = "at+jwt"
_AUDIENCE = "api"

PUBLIC = "public"
"""The permission of a route that anybody may call; who sends a token is known by it."""

API_KEY = "pix_"
"""How the token of an API key begins; an access token begins with `ey`."""

ANONYMOUS = "anonymous"
"""The permission of a route that anybody may call and that looks at no token: an expired one does no harm."""

SIGNED_IN = "signed-in"
"""The permission of a route for anybody with an account."""


@dataclass(frozen=True)
class Principal:
    """The caller of one request. `user` is None for a visitor; `tokens` holds what else it carries.

    Those are named `cart`, `event`, `order` and `search`. `version` is the session version that the access token has.
    Who calls with an API key has its id as `key` and `session`, and is its maker for what the key may, and nobody else.
    """

    organization: str
    user: str | None = None
    roles: frozenset[str] = frozenset()
    session: str | None = None
    version: int = 0
    permissions: frozenset[str] = frozenset()
    tokens: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    key: str | None = None

    @property
    def known_user(self) -> str:
        """The user id. Raises Unauthorized for a visitor."""
        if self.user is None:
            raise Unauthorized("sign_in_required", "Sign in first.")
        return self.user

    def may(self, permission: str) -> bool:
        return permission in self.permissions


def issue(*, organization: str, user: str, roles: frozenset[str], session: str, version: int) -> str:
    """An access token. It holds ids and roles, no name and no address."""
    import jwt

    now = clock.now()
    kid, key = _signing_key(secrets().jwt_private_key.get_secret_value())
    claims = {
        "iss": _issuer(),
        "aud": _AUDIENCE,
        "sub": user,
        "org": organization,
        "roles": sorted(roles),
        "sid": session,
        "ver": version,
        "iat": clock.epoch(now),
        "exp": clock.epoch(now + ACCESS_LASTS),
        "jti": ids.token()[:16],
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": kid, "typ": _TYPE})


def verify(token: str, organization: str) -> Principal:
    """The principal a token speaks for.

    Raises Unauthorized for anything that is not provably ours, current and of this tenant.
    """
    import jwt

    refused = Unauthorized("invalid_token", "The access token is not valid. Sign in again.")
    try:
        header = jwt.get_unverified_header(token)
        key = _verifying_keys().get(str(header.get("kid")))
        if key is None or header.get("typ") != _TYPE or header.get("alg") != _ALGORITHM:
            raise refused
        claims = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_issuer(),
            options={
                "require": ["exp", "iat", "iss", "aud", "sub", "org", "sid", "ver", "roles"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError) as failure:
        raise refused from failure
    if not _sound(claims) or claims["org"] != organization:
        raise refused
    if claims["exp"] <= clock.epoch(clock.now()):
        raise Unauthorized("token_expired", "The access token has expired. Refresh it.")
    return Principal(
        organization=organization,
        user=claims["sub"],
        roles=frozenset(claims["roles"]),
        session=claims["sid"],
        version=claims["ver"],
    )


def _sound(claims: dict[str, Any]) -> bool:
    """Whether claims have the types we write: a signed token of ours always does."""
    texts = all(isinstance(claims[name], str) for name in ("sub", "org", "sid"))
    numbers = all(type(claims[name]) is int for name in ("exp", "iat", "ver"))
    roles = isinstance(claims["roles"], list) and all(isinstance(role, str) for role in claims["roles"])
    return texts and numbers and roles and claims["iat"] <= clock.epoch(clock.now()) + 60


def _issuer() -> str:
    return f"{settings().app}-{settings().stage}"


@lru_cache(maxsize=4)
def _signing_key(pem: str) -> tuple[str, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key: Any = load_pem_private_key(pem.encode(), password=None)
    return key_id(key.public_key()), key


@lru_cache(maxsize=4)
def _public_key(pem: str) -> tuple[str, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem.encode())
    return key_id(key), key


def _verifying_keys() -> dict[str, Any]:
    kid, key = _signing_key(secrets().jwt_private_key.get_secret_value())
    return {kid: key.public_key()} | dict(map(_public_key, secrets().accepted_jwt_public_keys))


def key_id(public_key: Any) -> str:
    """The `kid` of tokens that the key proves: half of the digest of its DER form, in hex."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:16]
