"""What profiles tell."""

from chalicelib.core.queues import Fact


class PictureReplaced(Fact):
    """The picture of this attempt is not shown any more, or never was."""

    user: str
    attempt: int
