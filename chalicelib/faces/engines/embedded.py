"""The engine in this process: dlib's detector, five landmarks and residual network; vectors lie sealed in storage.

Of the package of models only the two files are read that may be used commercially; its Python, and the package
`face_recognition`, would load all four, 130 MB. See docs/faces.md.
"""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from chalicelib.core import ids
from chalicelib.faces.engines import vectors
from chalicelib.faces.engines.contract import MOST_FACES, MOST_MATCHES, Blocked, Box, Face, Index, Match, NoFace
from chalicelib.media import service as media

if TYPE_CHECKING:
    from chalicelib.faces.engines.vectors import Rows, Vector

SAME_PERSON = 0.5
"""Distance. The network's authors say 0.6, for one pair; among thousands of faces that finds strangers."""

_LEAST_SCORE = 0.3
"""Of the detector: below it are shoulders and patterns."""

_models = Lock()


def is_installed() -> bool:
    return find_spec("dlib") is not None and find_spec("face_recognition_models") is not None


class Embedded:
    name = "embedded"

    def open(self, index: Index) -> None:
        """There is nothing to make."""

    def index(self, index: Index, photo: str, picture: bytes) -> list[Face]:
        seen = _seen(picture)[:MOST_FACES]
        faces = [
            Face(ids.derived("fac", index.id, photo, str(n)), box, quality) for n, (box, quality, _) in enumerate(seen)
        ]
        made = vectors.rows(photo, [face.id for face in faces], [vector for _, _, vector in seen])
        vectors.change(index, vectors.block_of(photo), lambda rows: np.concatenate([_without(rows, photo), made]))
        # Looked for only now: whoever blocks a face meanwhile looks for it in the blocks after writing theirs.
        blocked = vectors.read(index, vectors.BLOCKED)
        kept_out = [row["face"].decode() for row in made if vectors.near(blocked, row["vector"], SAME_PERSON)]
        if kept_out:
            self.forget(index, photo, kept_out)
        return [face for face in faces if face.id not in kept_out]

    def forget(self, index: Index, photo: str, faces: Sequence[str] | None = None) -> None:
        vectors.change(index, vectors.block_of(photo), lambda rows: _without(rows, photo, faces))

    def search(self, index: Index, picture: bytes) -> list[Match]:
        return _searched(index, _largest(picture))

    def alike(self, index: Index, photo: str, face: str) -> list[Match]:
        rows = vectors.read(index, vectors.block_of(photo))
        mine = rows[(rows["face"] == face.encode()) & (rows["photo"] == photo.encode())]
        return _found(index, mine[0]["vector"]) if len(mine) else []

    def block(self, index: Index, block: str, picture: bytes) -> Blocked:
        vector = _largest(picture)
        made = vectors.rows(block, [block], [vector])
        vectors.change(index, vectors.BLOCKED, lambda rows: np.concatenate([_without(rows, block), made]))
        return Blocked(block, tuple(_found(index, vector, most=None)))

    def unblock(self, index: Index, block: str, face: str) -> None:
        vectors.change(index, vectors.BLOCKED, lambda rows: _without(rows, block))

    def watch(self, index: Index, watch: str, picture: bytes) -> str:
        made = vectors.rows(watch, [watch], [_largest(picture)])
        vectors.change(index, vectors.WATCHED, lambda rows: np.concatenate([_without(rows, watch), made]))
        return watch

    def watched(self, index: Index, watch: str, face: str) -> list[Match]:
        rows = vectors.read(index, vectors.WATCHED)
        mine = rows[rows["face"] == face.encode()]
        return _searched(index, mine[0]["vector"]) if len(mine) else []

    def unwatch(self, index: Index, watch: str, face: str | None) -> None:
        vectors.change(index, vectors.WATCHED, lambda rows: _without(rows, watch))

    def drop(self, index: Index) -> None:
        vectors.drop(index)


def _searched(index: Index, vector: "Vector") -> list[Match]:
    is_blocked = vectors.near(vectors.read(index, vectors.BLOCKED), vector, SAME_PERSON)
    return [] if is_blocked else _found(index, vector)


def _found(index: Index, vector: "Vector", most: int | None = MOST_MATCHES) -> list[Match]:
    near = [each for rows in vectors.read_all(index) for each in vectors.near(rows, vector, SAME_PERSON)]
    return [vectors.match(*each) for each in sorted(near, key=lambda each: each[0])[:most]]


def _without(rows: "Rows", photo: str, faces: Sequence[str] | None = None) -> "Rows":
    gone = rows["photo"] == photo.encode()
    if faces is not None:
        gone &= np.isin(rows["face"], [face.encode() for face in faces])
    kept: Rows = rows[~gone]
    return kept


# --- the models ---------------------------------------------------------------------------------------------


def _largest(picture: bytes) -> "Vector":
    """Of the largest face. Raises NoFace."""
    seen = _seen(picture)
    if not seen:
        raise NoFace
    _, _, vector = max(seen, key=lambda each: each[0].width * each[0].height)
    return vector


def _seen(picture: bytes) -> list[tuple[Box, float, "Vector"]]:
    """Where each face is, how sure that is (0 to 100), and its vector."""
    width, height, raw = media.pixels(picture)
    pixels = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
    detector, predictor, network = _loaded()
    with _models:  # they keep what they work on in themselves
        boxes, scores, _ = detector.run(pixels, 1, _LEAST_SCORE)
        found = [np.array(network.compute_face_descriptor(pixels, predictor(pixels, box)), np.float32) for box in boxes]
    return [
        (_shares(box, width, height), round(min(100.0, 50 + 25 * score), 1), vector)
        for box, score, vector in zip(boxes, scores, found, strict=True)
    ]


def _shares(box: Any, width: int, height: int) -> Box:
    left, top = max(0, box.left()), max(0, box.top())
    right, bottom = min(width, box.right()), min(height, box.bottom())
    shares = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return Box(*(round(share, 4) for share in shares))


@cache
def _loaded() -> tuple[Any, Any, Any]:
    import dlib

    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise LookupError("The models are not installed: python3 -m infra faces")
    models = Path(spec.origin).parent / "models"
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat")),
    )
