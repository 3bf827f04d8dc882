"""Amazon Rekognition: a collection per index, which holds the vectors. A blocked face lies in it under its block's id,
and one that is looked for as photos come under its watch's.

https://docs.aws.amazon.com/rekognition/latest/dg/collections.html. A collection is found to agree some moments after it
was changed. So a block is looked for after each face that is taken in, and once more in what a search finds.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from chalicelib.core import aws
from chalicelib.core.settings import settings
from chalicelib.faces.engines.contract import (
    MOST_FACES,
    MOST_MATCHES,
    Blocked,
    Box,
    Face,
    Index,
    Match,
    NoFace,
    Word,
)

T = TypeVar("T")

LEAST_SIMILARITY = 90.0
"""Per cent, as Amazon advises where somebody looks at what was found."""

_BLOCK, _WATCH = "blk_", "wch_"
_QUALITY = "AUTO"
_DELETED_AT_ONCE = 4096
_LISTED_AT_ONCE = 4096


class Rekognition:
    name = "rekognition"

    def open(self, index: Index) -> None:
        client = _client()
        try:
            client.create_collection(CollectionId=_collection(index))
        except client.exceptions.ResourceAlreadyExistsException:
            return

    def index(self, index: Index, photo: str, picture: bytes) -> list[Face]:
        taken = self._take_in(index, photo, picture, MOST_FACES)
        suspects = taken if index.has_blocks else []
        blocked = [face.id for face in suspects if _is_blocked(self._like(index, face.id))]
        self._delete(index, blocked)
        return [face for face in taken if face.id not in blocked]

    def forget(self, index: Index, photo: str, faces: Sequence[str] | None = None) -> None:
        client = _client()
        try:
            self._delete(index, self._named(index, photo) if faces is None else faces)
        except client.exceptions.ResourceNotFoundException:
            return  # with the collection

    def search(self, index: Index, picture: bytes) -> list[Match]:
        answer = _with_a_face(
            lambda: _client().search_faces_by_image(
                CollectionId=_collection(index),
                Image={"Bytes": picture},
                MaxFaces=MOST_MATCHES,
                FaceMatchThreshold=LEAST_SIMILARITY,
                QualityFilter=_QUALITY,
            )
        )
        return _of_photos(_matches(answer))

    def alike(self, index: Index, photo: str, face: str) -> list[Match]:
        found = self._like(index, face)
        if found is None or _is_blocked(found):
            return []
        return [Match(face, photo, 100.0), *_of_photos(found)]

    def block(self, index: Index, block: str, picture: bytes) -> Blocked:
        self._delete(index, self._named(index, block))  # of a try before, whose answer was lost
        kept = self._take_in(index, block, picture, 1)
        if not kept:
            raise NoFace
        found = self._like(index, kept[0].id) or ()
        return Blocked(kept[0].id, tuple(match for match in found if not match.photo.startswith((_BLOCK, _WATCH))))

    def unblock(self, index: Index, block: str, face: str) -> None:
        self.forget(index, block, [face])

    def watch(self, index: Index, watch: str, picture: bytes) -> str:
        kept = self._take_in(index, watch, picture, 1)
        if not kept:
            raise NoFace
        return kept[0].id

    def watched(self, index: Index, watch: str, face: str) -> list[Match]:
        return _of_photos(self._like(index, face) or [])

    def unwatch(self, index: Index, watch: str, face: str | None) -> None:
        self.forget(index, watch, None if face is None else [face])

    def drop(self, index: Index) -> None:
        client = _client()
        try:
            client.delete_collection(CollectionId=_collection(index))
        except client.exceptions.ResourceNotFoundException:
            return

    # --- words ----------------------------------------------------------------------------------------------

    def words(self, picture: bytes) -> list[Word]:
        answer = _client().detect_text(Image={"Bytes": picture})
        return [
            Word(found["DetectedText"], float(found["Confidence"]))
            for found in answer["TextDetections"]
            if found["Type"] == "WORD"
        ]

    # --- one call each --------------------------------------------------------------------------------------

    def _take_in(self, index: Index, name: str, picture: bytes, most: int) -> list[Face]:
        answer = _client().index_faces(
            CollectionId=_collection(index),
            Image={"Bytes": picture},
            ExternalImageId=name,
            MaxFaces=most,
            QualityFilter=_QUALITY,
            DetectionAttributes=["DEFAULT"],
        )
        return [
            Face(
                record["Face"]["FaceId"],
                _box(record["Face"]["BoundingBox"]),
                round(float(record["FaceDetail"]["Quality"]["Sharpness"]), 1),
            )
            for record in answer["FaceRecords"]
        ]

    def _like(self, index: Index, face: str) -> list[Match] | None:
        """Others like a face of the collection; None where it is not in it."""
        client = _client()
        try:
            answer = client.search_faces(
                CollectionId=_collection(index),
                FaceId=face,
                MaxFaces=MOST_MATCHES,
                FaceMatchThreshold=LEAST_SIMILARITY,
            )
        except client.exceptions.InvalidParameterException:
            return None
        return _matches(answer)

    def _named(self, index: Index, name: str) -> list[str]:
        """The faces of a photo. Rekognition has no other way to them than through all of the collection."""
        return [face["FaceId"] for face in self._listed(index) if face.get("ExternalImageId") == name]

    def _listed(self, index: Index) -> Iterator[Any]:
        asked = {"CollectionId": _collection(index), "MaxResults": _LISTED_AT_ONCE}
        while True:
            answer = _client().list_faces(**asked)
            yield from answer["Faces"]
            if not answer.get("NextToken"):
                return
            asked["NextToken"] = answer["NextToken"]

    def _delete(self, index: Index, faces: Sequence[str]) -> None:
        for start in range(0, len(faces), _DELETED_AT_ONCE):
            some = list(faces[start : start + _DELETED_AT_ONCE])
            _client().delete_faces(CollectionId=_collection(index), FaceIds=some)


def _client() -> Any:
    return aws.client("rekognition")


def _collection(index: Index) -> str:
    return f"{settings().app}-{settings().stage}-{index.id}"


def _with_a_face(call: Callable[[], T]) -> T:
    """Of a picture without one Rekognition says that its parameter is invalid. Raises NoFace."""
    try:
        return call()
    except _client().exceptions.InvalidParameterException as refusal:
        raise NoFace from refusal


def _matches(answer: Any) -> list[Match]:
    return [
        Match(found["Face"]["FaceId"], found["Face"]["ExternalImageId"], round(float(found["Similarity"]), 1))
        for found in answer["FaceMatches"]
    ]


def _of_photos(found: Sequence[Match]) -> list[Match]:
    """What a search finds of what is alike: nothing where one of them is blocked."""
    return [] if _is_blocked(found) else [match for match in found if not match.photo.startswith(_WATCH)]


def _is_blocked(found: Sequence[Match] | None) -> bool:
    return any(match.photo.startswith(_BLOCK) for match in found or ())


def _box(told: Any) -> Box:
    """Rekognition's boxes may reach beyond the picture."""
    left, top = max(0.0, float(told["Left"])), max(0.0, float(told["Top"]))
    right, bottom = float(told["Left"]) + float(told["Width"]), float(told["Top"]) + float(told["Height"])
    return Box(round(left, 4), round(top, 4), round(min(1.0, right) - left, 4), round(min(1.0, bottom) - top, 4))
