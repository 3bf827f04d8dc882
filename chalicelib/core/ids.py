"""Typed identifiers: `ord_01J...`. The prefix tells a reader what it names; the rest sorts by time."""

import base64
import hashlib
import json
import re
import secrets
from datetime import datetime

from ulid import ULID

from chalicelib.core import clock

SHAPE = re.compile(r"^[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}$")
_RANDOM = 10
"""Bytes of a ULID that do not tell its millisecond."""

_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def new(prefix: str) -> str:
    """A fresh id: three-letter prefix and a ULID of now. What a process makes in one millisecond rises, too."""
    return f"{prefix}_{ULID.from_datetime(clock.now())}"


def new_at(prefix: str, at: datetime) -> str:
    """A fresh id of another moment, to the millisecond."""
    return f"{prefix}_{_ulid(at, secrets.token_bytes(_RANDOM))}"


def moment_of(id: str) -> datetime:
    """When an id of `new` or `new_at` was made."""
    return ULID.from_str(id.partition("_")[2]).datetime


def earliest(prefix: str, at: datetime) -> str:
    """What comes before every id of that moment, and after every one of an earlier."""
    return f"{prefix}_{_ulid(at, bytes(_RANDOM))}"


def derived(prefix: str, *parts: str) -> str:
    """The same id for the same parts, forever: lets a retried write find itself."""
    return f"{prefix}_{ULID.from_bytes(hashlib.sha256(joined(*parts)).digest()[:16])}"


def derived_at(prefix: str, at: datetime, *parts: str) -> str:
    """As `derived`, for what is sorted by its moment as well."""
    return f"{prefix}_{_ulid(at, hashlib.sha256(joined(*parts)).digest()[:_RANDOM])}"


def is_id(prefix: str, value: str) -> bool:
    return value.startswith(f"{prefix}_") and SHAPE.fullmatch(value) is not None


def code(length: int = 8) -> str:
    """A code a person can read out: base32 without 0, 1, I and O."""
    return "".join(secrets.choice(_CODE_ALPHABET) for _ in range(length))


def token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def joined(*parts: str) -> bytes:
    """The parts as one message to hash: other parts never give the same bytes, whatever they contain."""
    return json.dumps(parts).encode()


def digest(secret: str) -> str:
    """How a bearer secret is stored: SHA-256, hex. Enough for 256-bit secrets; never for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


def shard_of(value: str, shards: int) -> int:
    """A stable shard for a value: the same id always meets the same counter shard."""
    return int.from_bytes(hashlib.sha256(value.encode()).digest()[:4], "big") % shards


def _ulid(at: datetime, random: bytes) -> ULID:
    """Apart from the generator, which would lose its order by a moment that is not now."""
    return ULID.from_bytes(round(at.timestamp() * 1000).to_bytes(6) + random)


def urlsafe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
