"""People, the sessions they keep and the codes that prove an address. Secrets come in as digests.

An address is an e-mail address or a phone number, in the form that `addresses` gives it.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self

from chalicelib.accounts.addresses import is_phone
from chalicelib.core.errors import Conflict, Invalid

Language = Literal["th", "en"]

SESSION_LASTS = timedelta(days=30)
GRACE = timedelta(seconds=10)
"""How long a refresh token that was just used gets the same answer again: parallel tabs, lost answers."""

CODE_LASTS = timedelta(minutes=10)
CODE_TRIES = 5
CODES_AN_HOUR = 5
CODE_DIGITS = 6
TEXTS_AN_HOUR = 20
"""From one address of origin: a text costs money, and somebody may earn it."""

MOST_PHONES = 5
MOST_SESSIONS = 10

LOG_IN_TRIES = 10
LOCKED_FOR = timedelta(minutes=15)


class Purpose(StrEnum):
    """What a code proves. A code for one purpose is worthless for another."""

    SIGN_UP = "sign_up"
    RESET_PASSWORD = "reset_password"
    VERIFY_EMAIL = "verify_email"
    VERIFY_PHONE = "verify_phone"
    FOLLOW_EVENT = "follow_event"


class Notice(StrEnum):
    """What an owner is told of, whoever did it."""

    WELCOME = "welcome"
    PASSWORD_CHANGED = "password_changed"
    ADDRESS_CHANGING = "address_changing"
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    RECOVERY_CODE_USED = "recovery_code_used"


@dataclass(frozen=True, slots=True)
class Phone:
    """A mobile number in E.164. One that is not proven opens nothing."""

    number: str
    verified_at: datetime | None = None

    @property
    def id(self) -> str:
        """The number without its plus, as addresses of the API have it."""
        return self.number.removeprefix("+")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an e-mail address, a phone, or both.

    `verified_at` is when the address was proven that they registered with: the e-mail address where there is one, else
    the first of the phones. Any other becomes theirs by being proven. The first proven phone is the default one.
    `password` is its digest. `session_version` is what an access token must carry. Sessions from
    before `signed_out_at` are over. Who is blocked can not log in; `block_reason` is for staff.
    """

    id: str
    organization: str
    email: str | None
    name: str
    roles: frozenset[str]
    password: str = field(repr=False)
    language: Language
    verified_at: datetime | None
    session_version: int
    created_at: datetime
    version: int
    phones: tuple[Phone, ...] = ()
    signed_out_at: datetime | None = None
    blocked_at: datetime | None = None
    block_reason: str | None = None

    @property
    def blocked(self) -> bool:
        return self.blocked_at is not None

    @property
    def verified(self) -> bool:
        return self.verified_at is not None

    @property
    def email_verified(self) -> bool:
        return self.verified and self.email is not None

    @property
    def phone(self) -> str | None:
        """The default one; None until one is proven."""
        return next((phone.number for phone in self.phones if phone.verified_at), None)

    @property
    def address(self) -> str:
        """Where notices go: what they registered with, or the e-mail address they proved later."""
        return self.email or self.phone or self.phones[0].number

    def verify(self, at: datetime) -> Self:
        """Somebody proved the address they registered with."""
        proven = self.prove_phone(self.address, at) if is_phone(self.address) else self
        return replace(proven, verified_at=self.verified_at or at, version=self.version + 1)

    def add_phone(self, number: str) -> Self:
        """With a number that is to be proven. Raises Conflict where there are enough."""
        if any(phone.number == number for phone in self.phones):
            return self
        if len(self.phones) >= MOST_PHONES:
            raise Conflict("too_many_phones", f"Keep up to {MOST_PHONES} phones. Take one away first.", field="phone")
        return self._changed(phones=(*self.phones, Phone(number)))

    def prove_phone(self, number: str, at: datetime) -> Self:
        known = self.phones if any(phone.number == number for phone in self.phones) else self.add_phone(number).phones
        proven = (Phone(number, phone.verified_at or at) if phone.number == number else phone for phone in known)
        return self._changed(phones=tuple(proven))

    def choose_phone(self, phone: Phone) -> Self:
        """With this one as the default. Raises Conflict for one that is not proven."""
        if phone.verified_at is None:
            raise Conflict("phone_not_verified", "Prove this number first.", field="isDefault")
        return self._changed(phones=(phone, *(each for each in self.phones if each != phone)))

    def remove_phone(self, phone: Phone) -> Self:
        return self._changed(phones=tuple(each for each in self.phones if each != phone))

    def with_email(self, address: str) -> Self:
        return self._changed(email=address)

    def register_again(self, asked: Self) -> Self:
        """Nobody has proven the address yet: who asks last is who the next code is for."""
        return self._changed(name=asked.name, password=asked.password, language=asked.language, phones=asked.phones)

    def claimed_by_owner(self, at: datetime) -> Self:
        """Its owner came another way than who registered the address, whose password and phones go."""
        return self._changed(verified_at=at, password="", phones=(), session_version=self.session_version + 1)

    def keep_password(self, digest: str) -> Self:
        return self._changed(password=digest)

    def change_password(self, digest: str, at: datetime) -> Self:
        """Whoever knew the old one is out: all sessions end, and the tokens of guarded routes with them."""
        changed = self._changed(password=digest, session_version=self.session_version + 1)
        return replace(changed, signed_out_at=at)

    def ended(self, session: "Session") -> bool:
        """Whether a session is over because all of them were ended at once."""
        return self.signed_out_at is not None and session.created_at < self.signed_out_at

    def renamed(self, name: str, language: Language) -> Self:
        if (name, language) == (self.name, self.language):
            return self
        return self._changed(name=name, language=language)

    def block(self, reason: str, at: datetime) -> Self:
        """All sessions end, and no token that is out there opens anything from now on."""
        if self.blocked:
            return self
        blocked = self._changed(blocked_at=at, block_reason=reason or None, session_version=self.session_version + 1)
        return replace(blocked, signed_out_at=at)

    def unblock(self) -> Self:
        return self._changed(blocked_at=None, block_reason=None) if self.blocked else self

    def with_roles(self, roles: frozenset[str]) -> Self:
        """Tokens that carry the old roles stop working; sessions go on."""
        return self._changed(roles=roles, session_version=self.session_version + 1)

    def _changed(self, **fields: object) -> Self:
        return replace(self, **fields, version=self.version + 1)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in on one device: a family of refresh tokens of which one is current, `refresh_digest`.

    `place` is which of the user's places for sessions it has, None for one that release 1.0 began.
    `home` is the organization of the user where that is not this one's: somebody of the platform has entered.
    """

    id: str
    organization: str
    user: str
    refresh_digest: str = field(repr=False)
    device: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    place: str | None = None
    home: str | None = None

    def lives(self, at: datetime) -> bool:
        return self.ended_at is None and at < self.expires_at

    def has_just_become(self, refresh_digest: str, at: datetime) -> bool:
        """Whether the current token is this one, and so new that its predecessor may still show up."""
        return self.refresh_digest == refresh_digest and at - self.rotated_at <= GRACE


@dataclass(frozen=True, slots=True)
class Place:
    """One of the few places that a user has for sessions. Who logs in takes a free one, or that of the oldest session.

    What the last session left there is kept: its device is known.
    """

    user: str
    name: str
    session: str
    device: str
    begun_at: datetime
    expires_at: datetime
    is_over: bool = False

    def is_taken(self, at: datetime, user: User) -> bool:
        signed_out = user.signed_out_at is not None and self.begun_at < user.signed_out_at
        return not self.is_over and not signed_out and at < self.expires_at


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code somebody must bring. Stored nowhere, it follows from `nonce` and a key outside the database.

    `address` is where it was sent and what it proves; None in those that release 1.0 wrote, which prove the user's.
    `user` is whose address it shall be: another room's id where no account is needed.
    """

    organization: str
    user: str
    purpose: Purpose
    nonce: str
    tries: int
    expires_at: datetime
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Sessions:
    """Those of somebody that go on, the newest first. `current` is the id of the one that asks."""

    items: tuple[Session, ...]
    current: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client holds after logging in. `expires_in` is the access token's, in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    user: User
    token_type: str = "Bearer"


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody of the platform holds in a tenant; `url` is where. There is no refresh token."""

    access_token: str = field(repr=False)
    expires_in: int
    url: str
    token_type: str = "Bearer"


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
