"""Photos: from the promise to upload one to its place on sale."""

from chalicelib.lines.photos.model.gallery import ALL, Counts, Shown, SignedImage, Wanted
from chalicelib.lines.photos.model.photo import (
    ERASED,
    STUCK_AFTER,
    Failure,
    FileOffer,
    NotAsPromised,
    Photo,
    taken_at,
)
from chalicelib.lines.photos.model.reviewing import Decided, Decision, Lookalikes, Verdict, lookalikes
from chalicelib.lines.photos.model.states import Approval, Faces, Flag, Processing, Shelf, Step
from chalicelib.lines.photos.model.uploads import FileState, Upload, UploadFile

__all__ = [
    "ALL",
    "ERASED",
    "STUCK_AFTER",
    "Approval",
    "Counts",
    "Decided",
    "Decision",
    "Faces",
    "Failure",
    "FileOffer",
    "FileState",
    "Flag",
    "Lookalikes",
    "NotAsPromised",
    "Photo",
    "Processing",
    "Shelf",
    "Shown",
    "SignedImage",
    "Step",
    "Upload",
    "UploadFile",
    "Verdict",
    "Wanted",
    "lookalikes",
    "taken_at",
]
