"""A second factor, and what its codes are. The secret comes in sealed, recovery codes as digests."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Self

from chalicelib.core import clock, ids

STEP = 30
"""Seconds that a code is shown (RFC 6238, 4.1); one step of drift each way is let pass (5.2)."""

CHALLENGE_LASTS = timedelta(minutes=10)
FRESH = timedelta(minutes=15)
"""How long after a log-in somebody may change how they log in."""

TRIES = ((10, 15 * 60), (50, 24 * 3600))
"""Codes that may be tried, per seconds: six digits are guessed in half a million."""

RECOVERY_CODES = 10
_CODE, _GROUP = 16, 4  # 80 bits each: a digest of one is not guessed


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """One per user. `step` is the last one whose code was used: none is used twice, nor an older one after it.

    It counts from `confirmed_at`, when its owner showed a code; before, it may be set up anew.
    """

    organization: str
    user: str
    secret: str = field(repr=False)
    recovery: tuple[str, ...] = field(repr=False)
    step: int
    created_at: datetime
    confirmed_at: datetime | None
    version: int

    @property
    def confirmed(self) -> bool:
        return self.confirmed_at is not None

    def used(self, step: int) -> Self:
        return replace(self, step=step, version=self.version + 1)

    def confirm(self, step: int, at: datetime) -> Self:
        return replace(self, step=step, confirmed_at=at, version=self.version + 1)

    def spent(self, digest: str) -> Self:
        """Without the recovery code that was used."""
        left = tuple(known for known in self.recovery if known != digest)
        return replace(self, recovery=left, version=self.version + 1)

    def with_recovery(self, digests: tuple[str, ...]) -> Self:
        return replace(self, recovery=digests, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a log-in answers instead of tokens. Who is not `enrolled` has to set a factor up with the challenge."""

    challenge: str = field(repr=False)
    expires_in: int
    enrolled: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """What the owner's app needs, once: `uri` as the app reads it, `qr` the same as an SVG to scan."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr: str = field(repr=False)
    recovery_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Status:
    enabled: bool
    required: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The roles of an organization that log in with two factors. Version 0 is one that was never stored."""

    organization: str
    roles: frozenset[str]
    version: int


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """The step whose code this is, of now or one beside; None for another code. `secret` is Base32."""
    from pyotp import HOTP

    now, hotp = clock.epoch(at) // STEP, HOTP(secret)
    steps = [step for step in (now - 1, now, now + 1) if compare_digest(hotp.at(step).encode(), code.encode())]
    return max(steps, default=None)


def new_secret() -> str:
    """160 random bits (RFC 4226, 4) in Base32."""
    from pyotp import random_base32

    return random_base32()


def new_recovery_codes() -> tuple[str, ...]:
    return tuple(_grouped(ids.code(_CODE)) for _ in range(RECOVERY_CODES))


def recovery_digest(code: str) -> str:
    """How a recovery code is kept, however it was typed."""
    return ids.digest("".join(sign for sign in code.upper() if sign.isalnum()))


def _grouped(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))
