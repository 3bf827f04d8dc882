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


class FaceWatchRound(Fact):
    """Photos came on sale that may show somebody who wants to be told: who comes after the watch `after`."""

    event: str
    index: str
    after: str = ""


class FaceWatchDue(Fact):
    """Somebody who wants to be told is to be looked for."""

    event: str
    index: str
    watch: str


class OwnPhotosFound(Fact):
    """Photos that show somebody who wants to be told; `search` holds the `count` of them."""

    event: str
    watch: str
    search: str
    count: int


class FaceWatchLost(Fact):
    """Nobody can be looked for with the picture of a watch."""

    event: str
    watch: str


class FaceWatchEnded(Fact):
    """Somebody wants to be told no more."""

    event: str
    watch: str
