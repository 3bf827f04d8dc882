"""Facts about photos."""

from chalicelib.core.queues import Fact


class PhotoReady(Fact):
    """Processed; `approved` where the event puts photos on sale without a review."""

    event: str
    photo: str
    approved: bool


class PhotoFailed(Fact):
    event: str
    photo: str
    photographer: str
    code: str


class PhotoApproved(Fact):
    event: str
    photo: str


class PhotoRejected(Fact):
    event: str
    photo: str
    photographer: str


class PhotoReconsidered(Fact):
    """It waits for a decision again, and is on sale no more."""

    event: str
    photo: str


class PhotoRemoved(Fact):
    """It is gone, and its files follow."""

    event: str
    photo: str


class PhotoRetryRequested(Fact):
    """`attempt` and `object_version` name the stored file to process."""

    event: str
    photo: str
    attempt: int
    object_version: str | None


class AlbumRemoved(Fact):
    """It is gone; its photos stay, and are to be taken out of it."""

    event: str
    album: str
