"""What privacy tells."""

from chalicelib.core.queues import Fact


class ExportAsked(Fact):
    """Somebody wants a copy of what is kept of them."""

    user: str
    export: str


class ExportReady(Fact):
    """A copy is made: its owner is mailed the link."""

    user: str
    export: str


class ExportDropped(Fact):
    """A copy is needed no more: its file goes."""

    user: str
    export: str


class ErasurePlanned(Fact):
    """Somebody asked to be forgotten: they are told when it happens."""

    user: str
    erasure: str


class ErasureDue(Fact):
    """The time to think again is over."""

    user: str
    erasure: str


class ErasureDone(Fact):
    """Everything is erased: the receipt is mailed."""

    receipt: str
