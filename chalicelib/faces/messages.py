"""What is told about faces."""

from datetime import datetime

from chalicelib.core.queues import Fact


class RecognitionOpened(Fact):
    """Faces or numbers of an event may be looked for: in what is on sale already, from `cursor` on."""

    event: str
    index: str
    cursor: str | None = None


class PhotoToRecognize(Fact):
    """A photo that was on sale before."""

    event: str
    photo: str


class FaceIndexDropped(Fact):
    """Everything that was found is to be forgotten."""

    event: str
    index: str


class FaceSearchConsented(Fact):
    """Somebody with an account agreed to be looked for by face."""

    user: str
    wording: str
    at: datetime


class FaceSearchAsked(Fact):
    search: str


class FaceGroupAsked(Fact):
    event: str
    index: str
    group: str


class FaceUnblocked(Fact):
    """Somebody may be found again. `face` is what the engine calls the face."""

    event: str
    index: str
    block: str
    face: str
