"""What verification tells. A fact carries ids, never what a document shows."""

from chalicelib.core.queues import Fact


class DocumentReviewed(Fact):
    """Staff has decided on a document, or its approval has ended: its owner is told."""

    user: str
    document: str
    version: int


class DocumentDropped(Fact):
    """A document is needed no more: its file goes."""

    user: str
    document: str
