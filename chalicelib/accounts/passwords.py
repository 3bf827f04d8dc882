"""Passwords: which ones are refused, and how one is kept (Argon2id; OWASP's 19 MiB, two passes, one lane).

People who came from another system bring a bcrypt digest. It is good for one log-in, which keeps the password anew.
"""

import base64
import os
import re
import string
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chalicelib.core.errors import Invalid

SHORTEST, LONGEST = 8, 128

_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1
_AROUND = string.digits + string.punctuation + " "
_MOST_AROUND = 6

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")
"""With a cost of at most 14: some seconds of a processor, which a stored digest must not exceed."""
_BCRYPT_BYTES = 72

_hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES, hash_len=32, salt_len=16)


def check(password: str, *, address: str, name: str) -> None:
    """Raises Invalid for a password that is too short, too long, or among the first a guesser would try.

    There are no rules of composition: they make passwords that look alike.
    """
    plain = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise _refused("password_length", f"Choose a password of {SHORTEST} to {LONGEST} characters.")
    folded = plain.casefold()
    if _is_run(folded):
        raise _refused("password_simple", "One sign repeated, or a row of signs in order, is guessed at once.")
    if _is_common(folded):
        raise _refused("password_common", "Many people have this password. Choose another one.")
    if _bare(folded) in {
        _bare(address),
        _bare(address.partition("@")[0]),
        _bare(address.removeprefix("+")),
        _bare(name),
    }:
        raise _refused("password_personal", "Your address or name is no password.")


def digest(password: str) -> str:
    """How a password is stored."""
    return _hasher.hash(unicodedata.normalize("NFKC", password))


def matches(stored: str | None, password: str) -> bool:
    """Whether `password` is the one behind `stored`; None, for nobody's, takes as long and never matches."""
    if stored is not None and is_foreign(stored):
        return _matches_bcrypt(stored, password)
    try:
        return _hasher.verify(stored or _nobodys(), unicodedata.normalize("NFKC", password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether `stored` was made with other parameters than today's, or elsewhere."""
    return is_foreign(stored) or _hasher.check_needs_rehash(stored)


def is_foreign(stored: str) -> bool:
    """Whether `stored` is a bcrypt digest that we can work with."""
    return _BCRYPT.fullmatch(stored) is not None


def _matches_bcrypt(stored: str, password: str) -> bool:
    """bcrypt would read 72 bytes and no more: a longer password is refused, rather than its beginning taken for it."""
    import bcrypt

    plain = password.encode()
    return len(plain) <= _BCRYPT_BYTES and b"\0" not in plain and bcrypt.checkpw(plain, stored.encode())


@cache
def _nobodys() -> str:
    """A digest in today's parameters that no password has: random bytes, made without the work of hashing."""
    salt, tag = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${salt}${tag}"


def _is_common(folded: str) -> bool:
    """Whether it is listed, perhaps with a few digits and signs around: `Password2026!` is `password`."""
    core = folded.strip(_AROUND)
    return folded in _common() or (core in _common() and len(folded) - len(core) <= _MOST_AROUND)


@cache
def _common() -> frozenset[str]:
    """What guessers try first: lower case, parted by white space."""
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text().split())


def _is_run(text: str) -> bool:
    """Whether each sign follows the one before by the same step: `aaaaaaaa`, `12345678`, `hgfedcba`."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _refused(code: str, message: str) -> Invalid:
    return Invalid(code, message, field="password")
