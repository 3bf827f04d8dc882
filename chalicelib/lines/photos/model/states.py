"""How far a photo is, and where it stands."""

from enum import StrEnum


class Processing(StrEnum):
    AWAITING = "awaiting"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Step(StrEnum):
    """Of a part of the processing: the thumbnail, the watermark."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Approval(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


class Flag(StrEnum):
    """What a reviewer should look at twice."""

    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    BLOWN_OUT = "blown_out"


class Faces(StrEnum):
    NOT_REQUESTED = "not_requested"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Shelf(StrEnum):
    """Where a photo is found: each stands on exactly one of its event's shelves."""

    AWAITING = "awaiting"
    PROCESSING = "processing"
    FAILED = "failed"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
