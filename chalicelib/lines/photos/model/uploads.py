"""Batches of files as photographers offer them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.lines.photos.model.photo import Photo


class FileState(StrEnum):
    """How far one file of an upload is. `duplicate`: it was here, or on its way, when it was offered."""

    AWAITING = "awaiting"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class UploadFile:
    photo: str
    name: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A batch of files that a photographer offered at once."""

    id: str
    organization: str
    event: str
    photographer: str
    files: tuple[UploadFile, ...]
    created_at: datetime
    version: int = 1

    def state_of(self, file: UploadFile, photo: Photo | None) -> FileState:
        if file.duplicate or photo is None or photo.photographer != self.photographer:
            return FileState.DUPLICATE
        return FileState(photo.processing)
