"""Ways to forge a webhook. Each differs from the real one in what is signed, in the signature or in the syntax."""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.system.webhooks.till import signed

AMOUNT = b"100.24"
"""What stands in the real one as the amount."""


@dataclass(frozen=True)
class Captured:
    """What somebody may have: a real webhook, one about another payment, and another shop's key."""

    real: bytes
    other: bytes
    foreign_key: str

    @property
    def data(self) -> bytes:
        return self.real[len('{"data":') : self.real.index(b',"signature"')]


def flipped(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]


def resized(rng: random.Random, raw: bytes) -> bytes:
    """Some bytes less, or one more."""
    at = rng.randrange(len(raw))
    return raw[:at] + (raw[at + rng.randint(1, 9) :] if rng.random() < 0.5 else b" " + raw[at:])


Forge = Callable[[random.Random, Captured], bytes]


def flipped_bit(rng: random.Random, held: Captured) -> bytes:
    return flipped(rng, held.real)


def inserted(rng: random.Random, held: Captured) -> bytes:
    """Anywhere but where JSON lets blanks stand outside of what is signed."""
    at = rng.randrange(len(held.real) + 1)
    blank = bytes(rng.choice([9, 10, 13, 32]) for _ in range(2))
    inside = len('{"data":') < at < held.real.index(b',"signature"')
    extra = blank if inside else rng.choice([b"\x00", b"x", b"{", b'"', b"\xc3"])
    return held.real[:at] + extra + held.real[at:]


def deleted(rng: random.Random, held: Captured) -> bytes:
    at = rng.randrange(len(held.real))
    return held.real[:at] + held.real[at + rng.randint(1, 9) :]


def truncated(rng: random.Random, held: Captured) -> bytes:
    return held.real[: rng.randrange(len(held.real))]


def strangers_key(rng: random.Random, held: Captured) -> bytes:
    return signed(held.data.decode(), rng.randbytes(20).hex())


def other_tenants_key(rng: random.Random, held: Captured) -> bytes:
    """What the owner of another shop can sign: anything, but with the key of that shop."""
    note = {"note": rng.randrange(10**9)} if rng.random() < 0.5 else {}
    return signed(json.dumps(json.loads(held.data) | note), held.foreign_key)


def stale_signature(rng: random.Random, held: Captured) -> bytes:
    """A signature that was good once, under other data: of another payment, or with another amount."""
    data = held.data.replace(AMOUNT, b"%d.%02d" % (rng.randrange(101, 9999), rng.randrange(100)))
    signature = held.other if rng.random() < 0.5 else held.real
    data = held.data if signature is held.other else data
    return b'{"data":' + data + signature[signature.index(b',"signature"') :]


def random_signature(rng: random.Random, held: Captured) -> bytes:
    digest = rng.randbytes(32)
    made = rng.choice([digest.hex(), base64.b64encode(digest).decode(), digest.hex()[:40], "๙" * 64, "not base64!", ""])
    return b'{"data":' + held.data + f',"signature":"{made}"}}'.encode()


def no_signature(rng: random.Random, held: Captured) -> bytes:
    rest = rng.choice([b"}", b',"signature":null}', b',"signature":[]}', b',"Signature":"x"}', b',"signature":0}'])
    return b'{"data":' + held.data + rest


def duplicate_name(rng: random.Random, held: Captured) -> bytes:
    """The second `data` or `signature` is what another reader would believe."""
    inner = held.other[len('{"data":') : held.other.index(b',"signature"')]
    extra = rng.choice([b'"data":' + inner + b",", b'"d\\u0061ta":' + inner + b",", b'"signature":"",'])
    return b"{" + extra + held.real[1:]


def wrapped(rng: random.Random, held: Captured) -> bytes:
    real = held.real
    return rng.choice([b"[" + real + b"]", b'{"data":' + real + b"}", real + real, real + b",", b"\xef\xbb\xbf" + real])


def oversized(rng: random.Random, held: Captured) -> bytes:
    return held.real[:-1] + b',"more":"' + b"x" * (rng.randrange(64, 80) * 1024) + b'"}'


def noise(rng: random.Random, held: Captured) -> bytes:
    return rng.randbytes(rng.randrange(200))


FORGERIES: tuple[Forge, ...] = (
    flipped_bit,
    inserted,
    deleted,
    truncated,
    strangers_key,
    other_tenants_key,
    stale_signature,
    random_signature,
    no_signature,
    duplicate_name,
    wrapped,
    oversized,
    noise,
)
