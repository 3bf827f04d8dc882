"""What a face engine and a text reader must do. Pictures are upright JPEGs of at most `LONG_SIDE` pixels a side.

Whatever a method does may be done twice: an engine is asked again where its answer was lost.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.core import sealing
from chalicelib.core.errors import Unprocessable

LONG_SIDE = 1600
"""Pixels. A face of a fortieth of it can still be told from another."""

MOST_MATCHES = 1000
MOST_FACES = 100
"""In one photo."""


class NoFace(Unprocessable):
    """There is nobody in the picture whom one could look for."""

    def __init__(self) -> None:
        super().__init__("no_face", "No face was found. Take the picture closer, with light on the face.")


@dataclass(frozen=True, slots=True)
class Index:
    """The faces of one event. `id` is never used again after it was dropped.

    `sealed_key` is of what seals the vectors that are kept here, itself sealed; None for one that is to be dropped.
    """

    organization: str
    event: str
    id: str
    sealed_key: str | None = field(default=None, repr=False)
    has_blocks: bool = False

    @property
    def key(self) -> bytes:
        assert self.sealed_key is not None
        return base64.b64decode(sealing.unseal(self.organization, _purpose(self.id), self.sealed_key))


def new_key(organization: str, index_id: str) -> str:
    """A fresh key for an index, sealed."""
    return sealing.seal(organization, _purpose(index_id), base64.b64encode(sealing.new_key()).decode())


def _purpose(index_id: str) -> str:
    return f"face-index#{index_id}"


@dataclass(frozen=True, slots=True)
class Box:
    """Shares of the picture's width and height, from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Face:
    """A face in the index. `quality` is from 0 to 100, each engine's own measure."""

    id: str
    box: Box
    quality: float


@dataclass(frozen=True, slots=True)
class Match:
    """A face like the one that was looked for: `similarity` from 0 to 100, each engine's own measure."""

    face: str
    photo: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Blocked:
    """Under which id the engine keeps a blocked face, and the faces like it that are in the index."""

    face: str
    found: tuple[Match, ...]


class FaceEngine(Protocol):
    """Finds the faces of an index. Raises Unavailable where it can not answer now."""

    name: str

    def open(self, index: Index) -> None:
        """Make an empty index."""

    def index(self, index: Index, photo: str, picture: bytes) -> list[Face]:
        """Take in the faces of a photo that can be told apart, the blocked ones left out."""

    def forget(self, index: Index, photo: str, faces: Sequence[str] | None = None) -> None:
        """Take out a photo's faces, all of them unless some are named."""

    def search(self, index: Index, picture: bytes) -> list[Match]:
        """Faces like the largest one of the picture, the best first; none where that one is blocked. Raises NoFace."""

    def alike(self, index: Index, photo: str, face: str) -> list[Match]:
        """Faces like one of the index, itself among them, the best first; none where it is not there any more."""

    def block(self, index: Index, block: str, picture: bytes) -> Blocked:
        """From now on no face like the picture's largest one is taken in or found. Raises NoFace."""

    def unblock(self, index: Index, block: str, face: str) -> None:
        """From now on the face may be taken in again."""

    def watch(self, index: Index, watch: str, picture: bytes) -> str:
        """Keep the picture's largest face beside the index, where nobody finds it; its name. Raises NoFace."""

    def watched(self, index: Index, watch: str, face: str) -> list[Match]:
        """What `search` would find with a face that is kept; nothing where it is not kept any more."""

    def unwatch(self, index: Index, watch: str, face: str | None) -> None:
        """Keep the face no longer; None where it is not known what a run that was cut off had it named."""

    def drop(self, index: Index) -> None:
        """Forget everything, and everybody."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word in a picture. `confidence` is from 0 to 100."""

    text: str
    confidence: float


class TextReader(Protocol):
    name: str

    def words(self, picture: bytes) -> list[Word]:
        """What can be read in a picture. Raises Unavailable."""
