"""Amazon Rekognition in memory, on the wire: JSON 1.1 in, JSON 1.1 out, in the shapes of the service.

https://docs.aws.amazon.com/rekognition/latest/APIReference. What it can not do is to recognize anybody: to it a picture
of more than one colour shows one face, and pictures of about the same mean colour show the same person.
"""

import base64
import io
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import pytest
from moto.core.botocore_stubber import BotocoreStubber
from PIL import Image, ImageStat

Colour = tuple[float, ...]
_BOX = {"Width": 0.5, "Height": 0.5, "Left": 0.25, "Top": 0.25}
_NAMES = UUID(int=7)


class Refused(Exception):
    """What the service answers in place of a result."""


@dataclass
class Rekognition:
    """`texts` are read in every picture. `asked` are the operations that were called, and what they were asked."""

    collections: dict[str, dict[str, tuple[str, Colour]]] = field(default_factory=dict)
    texts: list[tuple[str, float]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    made: int = 0

    def answer(self, operation: str, told: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((operation, {name: value for name, value in told.items() if name != "Image"}))
        try:
            return 200, getattr(self, f"_{operation}")(told)
        except Refused as refusal:
            return 400, {"__type": str(refusal), "message": "refused", "Code": str(refusal)}

    def _CreateCollection(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if told["CollectionId"] in self.collections:
            raise Refused("ResourceAlreadyExistsException")
        self.collections[told["CollectionId"]] = {}
        return {
            "StatusCode": 200,
            "CollectionArn": f"aws:rekognition:{told['CollectionId']}",
            "FaceModelVersion": "7.0",
        }

    def _DeleteCollection(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self._held(told)
        del self.collections[told["CollectionId"]]
        return {"StatusCode": 200}

    def _IndexFaces(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        held, colour = self._held(told), _colour(told)
        if colour is None:
            return {"FaceRecords": [], "UnindexedFaces": [], "FaceModelVersion": "7.0"}
        self.made += 1
        face = str(uuid5(_NAMES, f"{told['CollectionId']} {told['ExternalImageId']} {self.made}"))
        held[face] = told["ExternalImageId"], colour
        detail = {"BoundingBox": _BOX, "Confidence": 99.9, "Quality": {"Brightness": 70.5, "Sharpness": 86.9}}
        record = {"Face": self._face(held, face), "FaceDetail": detail}
        return {"FaceRecords": [record], "UnindexedFaces": [], "FaceModelVersion": "7.0"}

    def _SearchFacesByImage(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        held, colour = self._held(told), _colour(told)
        if colour is None:
            raise Refused("InvalidParameterException")
        found = self._near(held, colour, told["FaceMatchThreshold"], told["MaxFaces"])
        return {"SearchedFaceBoundingBox": _BOX, "SearchedFaceConfidence": 99.9, "FaceMatches": found}

    def _SearchFaces(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        held = self._held(told)
        if told["FaceId"] not in held:
            raise Refused("InvalidParameterException")
        found = self._near(held, held[told["FaceId"]][1], told["FaceMatchThreshold"], told["MaxFaces"] + 1)
        others = [match for match in found if match["Face"]["FaceId"] != told["FaceId"]]
        return {"SearchedFaceId": told["FaceId"], "FaceMatches": others, "FaceModelVersion": "7.0"}

    def _ListFaces(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        held = self._held(told)
        return {"Faces": [self._face(held, face) for face in held], "FaceModelVersion": "7.0"}

    def _DeleteFaces(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        held = self._held(told)
        return {"DeletedFaces": [face for face in told["FaceIds"] if held.pop(face, None)]}

    def _DetectText(self, told: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        line = {"DetectedText": " ".join(text for text, _ in self.texts), "Type": "LINE", "Id": 0, "Confidence": 99.0}
        words = [
            {"DetectedText": text, "Type": "WORD", "Id": number, "ParentId": 0, "Confidence": sure}
            for number, (text, sure) in enumerate(self.texts, start=1)
        ]
        return {"TextDetections": [line, *words], "TextModelVersion": "3.0"}

    def _held(self, told: Mapping[str, Any]) -> dict[str, tuple[str, Colour]]:
        if told["CollectionId"] not in self.collections:
            raise Refused("ResourceNotFoundException")
        return self.collections[told["CollectionId"]]

    def _face(self, held: Mapping[str, tuple[str, Colour]], face: str) -> dict[str, Any]:
        image = str(uuid5(_NAMES, face))
        names = {"FaceId": face, "ImageId": image, "ExternalImageId": held[face][0]}
        return names | {"BoundingBox": _BOX, "Confidence": 99.9}

    def _near(self, held: Mapping[str, tuple[str, Colour]], colour: Colour, least: float, most: int) -> list[Any]:
        found = [(100 - math.dist(colour, known), face) for face, (_, known) in held.items()]
        best = sorted(((alike, face) for alike, face in found if alike >= least), reverse=True)[:most]
        return [{"Similarity": alike, "Face": self._face(held, face)} for alike, face in best]


def _colour(told: Mapping[str, Any]) -> Colour | None:
    """The mean colour of a picture; None for one of a single colour, on which there is nobody."""
    with Image.open(io.BytesIO(base64.b64decode(told["Image"]["Bytes"]))) as picture:
        seen = ImageStat.Stat(picture.convert("RGB"))
    return tuple(seen.mean) if max(seen.stddev) > 2 else None


_here = [Rekognition()]


def here() -> Rekognition:
    """The service as it is now."""
    return _here[0]


def put(service: Rekognition) -> None:
    """From now on it is this one."""
    _here[0] = service


@contextmanager
def answering() -> Iterator[None]:
    """Whatever is asked of Rekognition inside is answered here, the rest by moto as before."""
    process = BotocoreStubber.process_request

    def answered(stubber: BotocoreStubber, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"")
        target = target if isinstance(target, bytes) else target.encode()
        if not target.startswith(b"RekognitionService."):
            return process(stubber, request)
        status, body = here().answer(target.decode().partition(".")[2], json.loads(request.body))
        return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()

    put(Rekognition())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BotocoreStubber, "process_request", answered)
        yield
