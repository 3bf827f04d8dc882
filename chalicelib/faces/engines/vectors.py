"""Vectors of an index in storage: sealed blocks of rows, in which a photo's rows lie in the block of its number.

`faces/{organization}/{index}/{block}` in the bucket of documents, which keeps no former versions: what is replaced is
gone. A block is replaced only while it is what was read (S3's If-Match), so that two writers lose nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from chalicelib.core import ids, sealing, storage
from chalicelib.core.errors import Unavailable
from chalicelib.faces.engines.contract import Index, Match

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[Any]
    Vector = NDArray[np.float32]

DIMENSIONS = 128
BLOCKS = 64
"""Of one index. At 100,000 faces a block has 0.9 MB."""

BLOCKED = "blocked"
"""The block of faces that nobody shall find."""

WATCHED = "watched"
"""The block of faces that are looked for as photos come."""

_ROW = np.dtype([("face", "S30"), ("photo", "S30"), ("vector", "<f4", (DIMENSIONS,))])
_AT_ONCE = 8
_TRIES = 12


def rows(photo: str, faces: Sequence[str], vectors: Sequence["Vector"]) -> "Rows":
    made = np.zeros(len(faces), _ROW)
    for row, face, vector in zip(made, faces, vectors, strict=True):
        row["face"], row["photo"], row["vector"] = face.encode(), photo.encode(), vector
    return made


def block_of(photo: str) -> str:
    return f"{ids.shard_of(photo, BLOCKS):02d}"


def read(index: Index, block: str) -> "Rows":
    held = storage.find("documents", _key(index, block))
    return _opened(index, block, held.content) if held else np.zeros(0, _ROW)


def read_all(index: Index) -> Iterator["Rows"]:
    """The rows of every block of photos."""
    prefix = _key(index, "")
    names = [key.removeprefix(prefix) for key in storage.keys("documents", prefix)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(lambda name: read(index, name), [name for name in names if name not in (BLOCKED, WATCHED)])


def change(index: Index, block: str, changed: Callable[["Rows"], "Rows"]) -> "Rows":
    """Replace the rows of a block by what they become; returns those that left. Raises Unavailable."""
    key = _key(index, block)
    for _ in range(_TRIES):
        held = storage.find("documents", key)
        was = _opened(index, block, held.content) if held else np.zeros(0, _ROW)
        now = changed(was)
        if now.tobytes() == was.tobytes():
            return was[:0]
        sealed = sealing.seal_bytes(index.key, _place(index, block), now.tobytes())
        if storage.swap("documents", key, sealed, held.tag if held else None):
            return was[~np.isin(was["face"], now["face"])]
    raise Unavailable("busy", "Too many photos at once. Try again.", retry_after=5)


def drop(index: Index) -> None:
    storage.remove("documents", _key(index, ""))


def near(found: "Rows", vector: "Vector", distance: float) -> list[tuple[float, Any]]:
    """The rows within a distance, each after its own."""
    far = np.linalg.norm(found["vector"] - vector, axis=1)
    return [(float(far[place]), found[place]) for place in np.flatnonzero(far <= distance)]


def match(distance: float, row: Any) -> Match:
    return Match(row["face"].decode(), row["photo"].decode(), round(100 * (1 - distance), 1))


def _opened(index: Index, block: str, sealed: bytes) -> "Rows":
    return np.frombuffer(sealing.unseal_bytes(index.key, _place(index, block), sealed), _ROW)


def _key(index: Index, block: str) -> str:
    return f"faces/{index.organization}/{index.id}/{block}"


def _place(index: Index, block: str) -> bytes:
    return ids.joined(index.organization, index.id, block)
