"""Fields that even a reader of the table shall not read: AES-256-GCM under a key of the stage's secret.

What is sealed says which key sealed it (RFC 5116's AEAD; key and its name by HKDF, RFC 5869), so that a rotation leaves
what is stored readable as long as the key before is accepted.
"""

import base64
import binascii
import os
from functools import lru_cache
from typing import Any

from chalicelib.core import ids
from chalicelib.core.secrets import secrets

_NONCE = 12
_KEY = 32


class NotSealed(ValueError):
    """Altered, sealed for something else, or sealed with a key that is not accepted any more."""


def seal(organization: str, purpose: str, text: str) -> str:
    """`text` as only `unseal` with the same organization and purpose reads it; another value at each call.

    `purpose` says what the field is and whose, like `totp#usr_...`: it opens in no other place.
    """
    name, cipher = _ciphers()[0]
    nonce = os.urandom(_NONCE)
    sealed = cipher.encrypt(nonce, text.encode(), _place(organization, purpose))
    return f"{name}.{ids.urlsafe(nonce + sealed)}"


def unseal(organization: str, purpose: str, sealed: str) -> str:
    """What was given to `seal`. Raises NotSealed."""
    from cryptography.exceptions import InvalidTag

    name, _, coded = sealed.partition(".")
    cipher = dict(_ciphers()).get(name)
    if cipher is None:
        raise NotSealed("no accepted key has this name")
    try:
        raw = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
        opened: bytes = cipher.decrypt(raw[:_NONCE], raw[_NONCE:], _place(organization, purpose))
    except (binascii.Error, InvalidTag, ValueError) as failure:
        raise NotSealed("altered, or sealed for something else") from failure
    return opened.decode()


def new_key() -> bytes:
    """A key for what is too much to be sealed with the stage's. It is kept sealed itself; without it, nothing opens."""
    return os.urandom(_KEY)


def seal_bytes(key: bytes, place: bytes, raw: bytes) -> bytes:
    """`raw` as only `unseal_bytes` with the same key and place reads it; another value at each call."""
    nonce = os.urandom(_NONCE)
    sealed: bytes = _aes(key).encrypt(nonce, raw, place)
    return nonce + sealed


def unseal_bytes(key: bytes, place: bytes, sealed: bytes) -> bytes:
    """What was given to `seal_bytes`. Raises NotSealed."""
    from cryptography.exceptions import InvalidTag

    try:
        opened: bytes = _aes(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except (InvalidTag, ValueError) as failure:
        raise NotSealed("altered, or sealed for something else") from failure
    return opened


def is_outdated(sealed: str) -> bool:
    """Whether another key than the one in use sealed it."""
    return sealed.partition(".")[0] != _ciphers()[0][0]


def _place(organization: str, purpose: str) -> bytes:
    return ids.joined(organization, purpose)


def _ciphers() -> list[tuple[str, Any]]:
    """The accepted keys by name, the one in use first."""
    return [_cipher(key) for key in secrets().sealing_keys]


def _aes(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> tuple[str, Any]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    def derived(length: int, info: bytes) -> bytes:
        return HKDF(SHA256(), length, salt=None, info=info).derive(key)

    return derived(6, b"name of a sealing key").hex(), AESGCM(derived(32, b"sealing"))
