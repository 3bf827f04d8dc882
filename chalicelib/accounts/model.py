"""People, the sessions they keep and the codes that prove an address. Secrets come in as digests."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self

from chalicelib.core.errors import Invalid

Language = Literal["th", "en"]

SESSION_LASTS = timedelta(days=30)
GRACE = timedelta(seconds=10)
"""How long a refresh token that was just used gets the same answer again: parallel tabs, lost answers."""

CODE_LASTS = timedelta(minutes=10)
CODE_TRIES = 5
CODES_AN_HOUR = 5
CODE_DIGITS = 6

LOG_IN_TRIES = 10
LOCKED_FOR = timedelta(minutes=15)


class Purpose(StrEnum):
    """What a code proves. A code for one purpose is worthless for another."""

    SIGN_UP = "sign_up"


@dataclass(frozen=True, slots=True)
class User:
    """`password` is its digest. `session_version` is what an access token must carry on guarded routes."""

    id: str
    organization: str
    email: str
    name: str
    roles: frozenset[str]
    password: str = field(repr=False)
    language: Language
    verified_at: datetime | None
    session_version: int
    created_at: datetime
    version: int

    @property
    def verified(self) -> bool:
        return self.verified_at is not None

    def verify(self, at: datetime) -> Self:
        return self._changed(verified_at=self.verified_at or at)

    def register_again(self, *, name: str, password: str, language: Language) -> Self:
        """Nobody has proven the address yet: who asks last is who the next code is for."""
        return self._changed(name=name, password=password, language=language)

    def keep_password(self, digest: str) -> Self:
        return self._changed(password=digest)

    def with_roles(self, roles: frozenset[str]) -> Self:
        """Tokens that carry the old roles stop working on guarded routes; sessions go on."""
        return self._changed(roles=roles, session_version=self.session_version + 1)

    def _changed(self, **fields: object) -> Self:
        return replace(self, **fields, version=self.version + 1)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in on one device: a family of refresh tokens of which one is current, `refresh_digest`."""

    id: str
    organization: str
    user: str
    refresh_digest: str = field(repr=False)
    device: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    def lives(self, at: datetime) -> bool:
        return self.ended_at is None and at < self.expires_at

    def has_just_become(self, refresh_digest: str, at: datetime) -> bool:
        """Whether the current token is this one, and so new that its predecessor may still show up."""
        return self.refresh_digest == refresh_digest and at - self.rotated_at <= GRACE


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code somebody must bring. Stored nowhere, it follows from `nonce` and a key outside the database."""

    organization: str
    user: str
    purpose: Purpose
    nonce: str
    tries: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client holds after logging in. `expires_in` is the access token's, in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    user: User
    token_type: str = "Bearer"


def normal_email(text: str) -> str:
    """An address as it is compared and written to: ASCII (punycode), lower case. Raises Invalid."""
    from email_validator import EmailNotValidError, validate_email  # 20 ms that few requests need

    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as failure:
        raise Invalid("invalid_email", "This is not an e-mail address we can write to.", field="email") from failure
    assert found.ascii_email is not None  # allow_smtputf8=False says so
    return found.ascii_email.lower()


def digits(signature: str) -> str:
    """A code of six digits out of 256 secret bits."""
    number = int.from_bytes(hashlib.sha256(signature.encode()).digest())
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


_BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Line/", "LINE"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_label(user_agent: str) -> str:
    """A device as its owner knows it, like `Chrome on Windows`; the header itself is not kept."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), None)
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), None)
    return " on ".join(part for part in (browser, system) if part) or "Unknown device"


def plain_name(text: str) -> str:
    """A name as it is kept: one line, no signs that do not print. Raises Invalid."""
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise Invalid("invalid_name", "Write your name on one line.", field="name")
    return name
