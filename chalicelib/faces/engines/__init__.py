"""The face engine and the text reader of this deployment: which, is a setting; none is one, too."""

from functools import cache

from chalicelib.core.errors import Conflict
from chalicelib.core.settings import settings
from chalicelib.faces.engines.contract import FaceEngine, TextReader


def face_engine() -> FaceEngine:
    """Raises Conflict `faces_not_offered` where the deployment has none."""
    name = settings().faces
    if name is None:
        raise Conflict("faces_not_offered", "Nobody is looked for by face here.")
    return _face_engine(name)


def text_reader() -> TextReader:
    """Raises Conflict `bibs_not_offered` where the deployment has none."""
    name = settings().texts
    if name is None:
        raise Conflict("bibs_not_offered", "Numbers are not read from photos here.")
    return _text_reader(name)


@cache
def _face_engine(name: str) -> FaceEngine:
    if name == "rekognition":
        from chalicelib.faces.engines.rekognition import Rekognition

        return Rekognition()
    from chalicelib.faces.engines.embedded import Embedded

    return Embedded()


@cache
def _text_reader(name: str) -> TextReader:
    if name == "rekognition":
        from chalicelib.faces.engines.rekognition import Rekognition

        return Rekognition()
    from chalicelib.faces.engines.tesseract import Tesseract

    return Tesseract()
